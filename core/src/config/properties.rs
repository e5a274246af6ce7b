//! Configuration from keys and values, as in Kafka's property files and on command lines.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::keys::{Setter, find};
use super::{ConfigError, ProducerConfig, foreign, security_values, suggest, topic_name};

impl ProducerConfig {
    /// The defaults, changed by `properties` in any order; of two values for one key the later
    /// holds. Validated.
    ///
    /// A limit that is not set is raised where a value that is set needs it, as in Java:
    /// `delivery.timeout.ms` to `linger.ms` + `request.timeout.ms`, and the maximum of each backoff
    /// and timeout that doubles to its start.
    ///
    /// ```
    /// # use ottla_core::config::{Acks, ProducerConfig};
    /// let config = ProducerConfig::from_properties([
    ///     ("bootstrap.servers", "localhost:9092"),
    ///     ("topic.clicks.compression.type", "none"),
    ///     ("linger.ms", "20"),
    /// ])?;
    /// assert_eq!(config.linger.as_millis(), 20);
    /// assert_eq!(config.acks, Acks::All);
    ///
    /// let error = ProducerConfig::from_properties([("lingr.ms", "20")]).unwrap_err();
    /// assert_eq!(error.to_string(), "unknown configuration lingr.ms; did you mean linger.ms?");
    /// # Ok::<(), ottla_core::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The first key that is unknown or has an invalid value, then what
    /// [`validate`](Self::validate) finds.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut properties: Vec<_> = properties.into_iter().collect();
        // What a value refines comes before it: the codec before its level.
        properties.sort_by_key(|(key, _)| precedence(key));
        let mut config = Self::default();
        for (key, value) in &properties {
            config.set(key, value)?;
        }
        config.raise_limits(|key| properties.iter().any(|(set, _)| set.trim() == key));
        config.validate()?;
        Ok(config)
    }

    /// Sets one key. Unlike [`from_properties`](Self::from_properties) it neither validates the
    /// whole nor raises other limits, and a value that refines another one must come after it: a
    /// level after its codec, `metadata.recovery.rebootstrap.trigger.ms` after the strategy,
    /// `partitioner.sticky.interval.ms` after the class.
    ///
    /// # Errors
    /// The key is unknown or not supported, or doesn't take the value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let key = key.trim();
        let Some((known, topic)) = find(security_values::canonical(key)) else {
            if foreign::check(key, value)? {
                return Ok(());
            }
            return Err(ConfigError::UnknownKey {
                key: key.to_string(),
                nearest: suggest::nearest(key),
            });
        };
        let result = match known.setter {
            Setter::Producer(apply) => apply(self, value),
            Setter::Topic(apply) => topic_name::check(topic)
                .and_then(|()| apply(self.topics.get_or_default(topic.to_string()), value)),
        };
        result.map_err(|expected| ConfigError::InvalidValue {
            key: key.to_string(),
            value: if security_values::is_secret(known.name) { "…" } else { value }.to_string(),
            expected,
        })
    }

    fn raise_limits(&mut self, is_set: impl Fn(&str) -> bool) {
        if !is_set("delivery.timeout.ms") {
            let needed = self.linger.saturating_add(self.request_timeout);
            self.delivery_timeout = self.delivery_timeout.max(needed);
        }
        if !is_set("retry.backoff.max.ms") {
            self.retry_backoff_max = self.retry_backoff_max.max(self.retry_backoff);
        }
        if !is_set("reconnect.backoff.max.ms") {
            self.reconnect_backoff_max = self.reconnect_backoff_max.max(self.reconnect_backoff);
        }
        if !is_set("socket.connection.setup.timeout.max.ms") {
            self.connection_setup_timeout_max =
                self.connection_setup_timeout_max.max(self.connection_setup_timeout);
        }
    }
}

/// 0 for a choice, 1 for what refines the producer's choices, 2 for what refines a topic's.
fn precedence(key: &str) -> u8 {
    let key = key.trim();
    match (key.ends_with(".level"), key.starts_with("topic.")) {
        (true, true) => 2,
        (true, false) => 1,
        _ if key.ends_with(".trigger.ms") || key.ends_with(".interval.ms") => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
