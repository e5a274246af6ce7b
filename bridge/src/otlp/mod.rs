//! The figures of `/metrics`, sent to an OpenTelemetry collector again and again (OTLP over HTTP).

mod figures;
mod post;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use tokio::time::{Duration, MissedTickBehavior, interval, timeout};

use crate::bridge::Bridge;
use crate::config::{ConfigError, Otlp};
use post::Collector;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the figures for as long as the bridge runs.
pub(crate) struct Exporter {
    collector: Collector,
    interval: Duration,
}

impl Exporter {
    /// `None`: nobody wants them.
    pub(crate) fn new(config: &Otlp) -> Result<Option<Self>, ConfigError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let collector = Collector::new(endpoint, config.ca.as_deref())?;
        Ok(Some(Self { collector, interval: Duration::from_millis(config.interval_ms) }))
    }

    pub(crate) async fn run(self, bridge: Arc<Bridge>) {
        let begun = now_nanos();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut works = true;
        loop {
            ticks.tick().await;
            bridge.measure();
            let request = figures::request(&bridge.metrics.text(), begun, now_nanos());
            let sent = match timeout(PATIENCE, self.collector.post(request.encode_to_vec())).await {
                Ok(sent) => sent,
                Err(_) => Err("it does not answer in time".to_owned()),
            };
            match sent {
                Ok(()) => works = true,
                // Once, not each time.
                Err(error) if works => {
                    tracing::warn!(%error, "the collector does not take the figures");
                    works = false;
                }
                Err(_) => {}
            }
        }
    }
}

fn now_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
