//! Whether there is room for one more: connections by address, sessions by subject and in all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::config::Limits;
use crate::limits::{Bucket, Counter, Entered};

/// Addresses whose rate is remembered; beyond it those without debt are forgotten.
const REMEMBERED: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    connections: Counter<IpAddr>,
    sessions: Counter<Arc<str>>,
    all: Counter<()>,
    rates: Mutex<HashMap<IpAddr, Bucket>>,
}

/// A session that counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Admitted {
    _subject: Entered<Arc<str>>,
    _all: Entered<()>,
}

impl Admission {
    /// One more connection of an address.
    pub(crate) fn connection(&self, ip: IpAddr, limits: &Limits) -> Option<Entered<IpAddr>> {
        let network = network(ip);
        if !self.within_rate(network, limits) {
            return None;
        }
        self.connections.enter(network, limits.connections_per_ip)
    }

    fn within_rate(&self, network: IpAddr, limits: &Limits) -> bool {
        let now = Instant::now();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= REMEMBERED {
            rates.retain(|_, bucket| !bucket.is_full(now));
        }
        let rate = limits.connects_per_ip_per_s.into();
        let bucket = rates.entry(network).or_insert_with(|| Bucket::new(rate));
        // The configuration may have changed since.
        bucket.set_rate(rate);
        if !bucket.debt(now).is_zero() {
            return false;
        }
        bucket.take(1.0, now);
        true
    }

    /// One more session.
    ///
    /// # Errors
    /// Whether it is the subject that has too many, or all together.
    pub(crate) fn session(&self, subject: &Arc<str>, limits: &Limits) -> Result<Admitted, Full> {
        let all = self.all.enter((), limits.sessions).ok_or(Full::All)?;
        let most = limits.sessions_per_subject;
        let subject = self.sessions.enter(subject.clone(), most).ok_or(Full::Subject)?;
        Ok(Admitted { _subject: subject, _all: all })
    }
}

/// Who has too many sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Subject,
    All,
}

/// Whom an address counts for: itself, or the /64 network that one customer has.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Admission;
    use crate::config::Limits;

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_changed_holds_for_addresses_that_were_here() {
        let admission = Admission::default();
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut limits = Limits { connects_per_ip_per_s: 5, ..Limits::default() };
        let taken = |limits: &Limits| {
            (0..100).filter(|_| admission.connection(ip, limits).is_some()).count()
        };
        let before = taken(&limits);
        limits.connects_per_ip_per_s = 20;
        tokio::time::advance(std::time::Duration::from_secs(10)).await;
        let after = taken(&limits);
        assert_eq!(after - before, 15);
    }
}
