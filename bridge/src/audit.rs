//! One line for each thing that is refused, with the number of the threat (`SECURITY.md`). A flood
//! of refusals is no flood of lines: beyond a rate they are counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::limits::Bucket;

/// Lines a second for each threat.
const LINES_PER_S: f64 = 50.0;

/// Who was refused.
pub(crate) struct Who<'a> {
    pub(crate) ip: IpAddr,
    /// As the token has it, once that is believed.
    pub(crate) subject: Option<&'a str>,
    pub(crate) session: Option<crate::id::SessionId>,
}

/// Writes the lines. Threats are the bridge's own few words, so the map is small.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<HashMap<&'static str, Rate>>);

#[derive(Debug)]
struct Rate {
    lines: Bucket,
    /// Refusals without a line since the last one.
    untold: u64,
}

impl Audit {
    /// Writes the line, unless there were too many. `what` is the bridge's own words: nothing of
    /// the client's is in them.
    pub(crate) fn deny(&self, who: &Who<'_>, threat: &'static str, what: &str) {
        let Some(untold) = self.take(threat) else { return };
        tracing::warn!(
            target: "ottla_bridge::audit",
            threat,
            what,
            ip = %who.ip,
            subject = ?who.subject,
            session = who.session.map(tracing::field::display),
            untold,
            "refused"
        );
    }

    /// Whether there may be a line, and how many refusals had none before it.
    fn take(&self, threat: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Rate { lines: Bucket::new(LINES_PER_S), untold: 0 };
        let rate = rates.entry(threat).or_insert_with(new);
        if !rate.lines.debt(now).is_zero() {
            rate.untold += 1;
            return None;
        }
        rate.lines.take(1.0, now);
        Some(std::mem::take(&mut rate.untold))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Audit;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_refusals_is_counted() {
        let audit = Audit::default();
        let told = (0..1000).filter_map(|_| audit.take("T20")).count();
        assert!((50..=52).contains(&told), "{told} lines");
        assert_eq!(audit.take("T5"), Some(0), "another threat has lines of its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(audit.take("T20"), Some(1000 - told as u64));
        assert_eq!(audit.take("T20"), Some(0));
    }
}
