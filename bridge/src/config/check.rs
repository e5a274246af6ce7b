//! What a configuration must fulfil before anything starts with it.

use std::fmt;
use std::ops::RangeInclusive;

use ottla_bridge_protocol::limits;

use super::{AuthMode, Config};

/// A hundred years: what is added to the time of day has to remain one.
const LONGEST_S: u64 = 100 * 365 * 24 * 3600;

/// What is wrong with a configuration, for its author; shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Fails with `problem` unless `holds`.
fn require(holds: bool, problem: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(problem)) }
}

fn within<T: PartialOrd + fmt::Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    let (min, max) = (range.start(), range.end());
    require(range.contains(&value), &format!("{key} = {value}: it must be {min} to {max}"))
}

impl Config {
    /// Checks what no single key shows.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_listeners()?;
        self.check_kafka()?;
        self.check_auth()?;
        self.check_limits()
    }

    fn check_listeners(&self) -> Result<(), ConfigError> {
        let (listen, admin) = (&self.listen, &self.admin);
        require(
            listen.certificate.is_some() == listen.key.is_some(),
            "listen.certificate and listen.key belong together",
        )?;
        require(
            listen.certificate.is_some()
                || listen.address.ip().is_loopback()
                || listen.behind_proxy,
            "listen.address is reachable from other machines: set listen.certificate and \
             listen.key, or listen.behind_proxy = true if a proxy speaks TLS in front of it",
        )?;
        require(
            !admin.enabled || admin.address.ip().is_loopback() || admin.public,
            "admin.address is reachable from other machines: set admin.public = true if the \
             network around it is yours",
        )
    }

    fn check_kafka(&self) -> Result<(), ConfigError> {
        let kafka = &self.kafka;
        require(!kafka.bootstrap.is_empty(), "kafka.bootstrap names no server")?;
        within("kafka.connections_per_broker", kafka.connections_per_broker, 1..=64)
    }

    fn check_auth(&self) -> Result<(), ConfigError> {
        let auth = &self.auth;
        match auth.mode {
            AuthMode::None => require(
                self.listen.address.ip().is_loopback() || auth.allow_anonymous_network,
                "auth.mode = \"none\" lets everybody write who reaches listen.address: listen on a \
                 loopback address, or set auth.allow_anonymous_network = true",
            ),
            AuthMode::Jwt => {
                require(auth.jwks.is_some(), "auth.jwks names no file with keys")?;
                require(auth.audience.is_some(), "auth.audience is not set")?;
                let known = ["HS256", "RS256", "ES256"];
                let unknown = auth.algorithms.iter().find(|name| !known.contains(&name.as_str()));
                match unknown {
                    Some(name) => Err(ConfigError::new(format!(
                        "auth.algorithms: {name:?} is none of HS256, RS256, ES256"
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let (limits, times) = (&self.limits, &self.times);
        within("limits.streams", limits.streams, 1..=limits::STREAMS)?;
        within("limits.window_bytes", limits.window_bytes, 16 << 10..=limits::WINDOW)?;
        within("limits.request_bytes", limits.request_bytes, 1024..=limits::REQUEST)?;
        within("limits.requests_in_flight", limits.requests_in_flight, 1..=64)?;
        within("limits.batch_records", limits.batch_records, 1..=i32::MAX as u32)?;
        within("limits.min_linger_ms", limits.min_linger_ms, 0..=60_000)?;
        within("limits.one_shot_bytes", limits.one_shot_bytes, 1024..=limits::MESSAGE)?;
        within("limits.bytes_per_s", limits.bytes_per_s, 1 << 10..=1 << 40)?;
        within("limits.subject_bytes_per_s", limits.subject_bytes_per_s, 1 << 10..=1 << 40)?;
        within("limits.connects_per_ip_per_s", limits.connects_per_ip_per_s, 1..=1 << 20)?;
        within("limits.timestamp_past_s", limits.timestamp_past_s, 0..=LONGEST_S)?;
        within("limits.timestamp_future_s", limits.timestamp_future_s, 0..=LONGEST_S)?;
        within("auth.max_ttl_s", self.auth.max_ttl_s, 1..=LONGEST_S)?;
        within("auth.leeway_s", self.auth.leeway_s, 0..=LONGEST_S)?;
        within("limits.frames_per_s", limits.frames_per_s, 1..=1 << 20)?;
        within("limits.session_bytes", limits.session_bytes, 1..=usize::MAX)?;
        within("limits.total_bytes", limits.total_bytes, 1..=usize::MAX)?;
        for (key, value) in [
            ("times.tls_ms", times.tls_ms),
            ("times.http_ms", times.http_ms),
            ("times.hello_ms", times.hello_ms),
            ("times.progress_ms", times.progress_ms),
            ("times.connect_ms", times.connect_ms),
        ] {
            within(key, value, 1..=LONGEST_S * 1000)?;
        }
        within("times.ping_ms", times.ping_ms, 1000..=3_600_000)?;
        within("times.session_ms", times.session_ms, 1000..=7 * 24 * 3_600_000)?;
        within("otlp.interval_ms", self.otlp.interval_ms, 1000..=3_600_000)?;
        within("leases.ttl_s", self.leases.ttl_s, 1..=24 * 3600)?;
        within("leases.durable_ttl_s", self.leases.durable_ttl_s, 1..=7 * 24 * 3600)
    }
}
