//! What the operator sees, as Prometheus and OpenMetrics read it. No label has a client's words in
//! it, so their number is bounded.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Duration;

/// Seconds of a Produce request: 0.5 ms to 16 s.
const LATENCIES: [f64; 11] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.064, 0.256, 1.0, 4.0, 16.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Threat {
    threat: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: u16,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) sessions: Gauge<i64, AtomicI64>,
    pub(crate) sessions_begun: Counter<u64, AtomicU64>,
    sessions_ended: Family<Code, Counter>,
    one_shots: Family<Code, Counter>,
    refused: Family<Threat, Counter>,
    pub(crate) bytes_in: Counter<u64, AtomicU64>,
    pub(crate) bytes_out: Counter<u64, AtomicU64>,
    pub(crate) requests: Counter<u64, AtomicU64>,
    produce_seconds: Histogram,
    pub(crate) credit_stalls: Counter<u64, AtomicU64>,
    pub(crate) leases: Gauge<i64, AtomicI64>,
    pub(crate) leases_free: Gauge<i64, AtomicI64>,
    pub(crate) held_bytes: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("ottla_bridge"),
            sessions: Gauge::default(),
            sessions_begun: Counter::default(),
            sessions_ended: Family::default(),
            one_shots: Family::default(),
            refused: Family::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            requests: Counter::default(),
            produce_seconds: Histogram::new(LATENCIES),
            credit_stalls: Counter::default(),
            leases: Gauge::default(),
            leases_free: Gauge::default(),
            held_bytes: Gauge::default(),
        };
        this.register();
        this
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let mut count = |name: &str, help: &str, counter: &Counter<u64, AtomicU64>| {
            registry.register(name, help, counter.clone());
        };
        count("sessions_begun", "Sessions that were greeted", &self.sessions_begun);
        count("bytes_in", "Bytes of streams from clients", &self.bytes_in);
        count("bytes_out", "Bytes of messages to clients", &self.bytes_out);
        count("produce_requests", "Produce requests that went to brokers", &self.requests);
        count("credit_stalls", "Times that a stream had to wait", &self.credit_stalls);
        let mut gauge = |name: &str, help: &str, gauge: &Gauge<i64, AtomicI64>| {
            registry.register(name, help, gauge.clone());
        };
        gauge("sessions", "Sessions that are open", &self.sessions);
        gauge("leases", "Producer ids that are lent", &self.leases);
        gauge("leases_free", "Producer ids that wait to be lent again", &self.leases_free);
        gauge("held_bytes", "Bytes of requests that brokers have not answered", &self.held_bytes);
        registry.register(
            "sessions_ended",
            "Sessions that ended, by the WebSocket's close code",
            self.sessions_ended.clone(),
        );
        registry.register(
            "one_shot_requests",
            "One-shot requests, by status",
            self.one_shots.clone(),
        );
        registry.register(
            "refused",
            "What was refused, by the threat's number in SECURITY.md",
            self.refused.clone(),
        );
        registry.register(
            "produce_seconds",
            "From a Produce request's last byte to the broker's answer",
            self.produce_seconds.clone(),
        );
    }

    pub(crate) fn session_ended(&self, code: u16) {
        self.sessions_ended.get_or_create(&Code { code }).inc();
    }

    pub(crate) fn one_shot(&self, code: u16) {
        self.one_shots.get_or_create(&Code { code }).inc();
    }

    pub(crate) fn refused(&self, threat: &'static str) {
        self.refused.get_or_create(&Threat { threat }).inc();
    }

    pub(crate) fn produced(&self, time: Duration) {
        self.produce_seconds.observe(time.as_secs_f64());
    }

    /// The text of `/metrics`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // A String takes everything.
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}
