//! Which values go together.

use alloc::borrow::Cow;
use alloc::format;
use core::time::Duration;

#[cfg(feature = "legacy-formats")]
use super::MessageFormat;
use super::{Acks, ConfigError, ProducerConfig, topic_name};
#[cfg(feature = "legacy-formats")]
use crate::records::{Codec, Compression};

type Checked = Result<(), ConfigError>;

/// Idempotence (KIP-98, KAFKA-5494): a broker remembers the last five batches of a producer id per
/// partition.
const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

impl ProducerConfig {
    /// Checks that a producer can work with these values. Where Java switches idempotence off
    /// silently because another value contradicts it, this is an error: nobody should lose a
    /// guarantee unawares.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the first contradiction.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_names()?;
        self.check_sizes()?;
        self.check_times()?;
        self.check_idempotence()?;
        #[cfg(feature = "legacy-formats")]
        self.check_message_format()?;
        self.security.check()?;
        #[cfg(feature = "transactions")]
        self.check_transactions()?;
        self.check_compression()
    }

    fn check_names(&self) -> Checked {
        require(
            !self.bootstrap_servers.is_empty(),
            "bootstrap.servers",
            || "no bootstrap servers given; set HOST:PORT of at least one broker",
        )?;
        require(
            self.client_id.len() <= i16::MAX as usize,
            "client.id",
            || "longer than the 32767 bytes that a request can carry",
        )?;
        self.topics.keys().try_for_each(|topic| {
            topic_name::check(topic).map_err(|expected| ConfigError::Invalid {
                key: format!("topic.{topic}").into(),
                problem: format!("expected {expected}").into(),
            })
        })
    }

    fn check_sizes(&self) -> Checked {
        let at_least_one = |value: usize, key| require(value > 0, key, || "must be at least 1");
        at_least_one(self.max_in_flight, "max.in.flight.requests.per.connection")?;
        at_least_one(self.buffer_memory, "buffer.memory")?;
        at_least_one(self.max_request_size, "max.request.size")?;
        at_least_one(self.batch_max_records.map_or(1, |max| max as usize), "batch.max.records")?;
        at_least_one(self.max_connections.map_or(1, |max| max as usize), "connections.max")?;
        require(
            self.receive_max_bytes >= 1024,
            "receive.message.max.bytes",
            || "must be at least 1024, or no broker's answer fits",
        )?;
        require(self.batch_size <= self.buffer_memory, "batch.size", || {
            format!(
                "a batch of {} bytes doesn't fit in the buffer.memory of {} bytes",
                self.batch_size, self.buffer_memory
            )
        })
    }

    fn check_times(&self) -> Checked {
        let positive = |value: Duration, key| require(!value.is_zero(), key, || "must be above 0");
        positive(self.request_timeout, "request.timeout.ms")?;
        positive(self.delivery_timeout, "delivery.timeout.ms")?;
        positive(self.connection_setup_timeout, "socket.connection.setup.timeout.ms")?;
        let least = self.linger.saturating_add(self.request_timeout);
        require(
            self.delivery_timeout >= least,
            "delivery.timeout.ms",
            || "should be equal to or larger than linger.ms + request.timeout.ms",
        )?;
        require(
            self.metadata_max_idle >= Duration::from_secs(5),
            "metadata.max.idle.ms",
            || "must be at least 5000",
        )?;
        self.check_maxima()
    }

    /// What doubles must not start above its maximum.
    fn check_maxima(&self) -> Checked {
        let not_below = |max: Duration, start: Duration, key: &'static str, start_key: &str| {
            require(max >= start, key, || format!("must not be smaller than {start_key}"))
        };
        let (retry, reconnect) = (self.retry_backoff, self.reconnect_backoff);
        let setup = self.connection_setup_timeout;
        not_below(self.retry_backoff_max, retry, "retry.backoff.max.ms", "retry.backoff.ms")?;
        not_below(
            self.reconnect_backoff_max,
            reconnect,
            "reconnect.backoff.max.ms",
            "reconnect.backoff.ms",
        )?;
        not_below(
            self.connection_setup_timeout_max,
            setup,
            "socket.connection.setup.timeout.max.ms",
            "socket.connection.setup.timeout.ms",
        )
    }

    fn check_idempotence(&self) -> Checked {
        require(
            cfg!(feature = "split") || !self.resend_valid_records,
            "record.errors.resend",
            || "is not compiled in; build with the Cargo feature `split`",
        )?;
        if !self.enable_idempotence {
            return require(
                !self.resend_valid_records,
                "record.errors.resend",
                || "needs enable.idempotence=true, or records sent again may overtake others",
            );
        }
        require(
            self.acks == Acks::All,
            "acks",
            || "must be all for the idempotent producer; set acks=all or enable.idempotence=false",
        )?;
        let weak =
            self.topics.iter().find(|(_, topic)| topic.acks.is_some_and(|acks| acks != Acks::All));
        if let Some((topic, _)) = weak {
            return Err(ConfigError::Invalid {
                key: format!("topic.{topic}.acks").into(),
                problem: "must be all for the idempotent producer; set it to all, or \
                          enable.idempotence=false"
                    .into(),
            });
        }
        require(self.retries > 0, "retries", || {
            "must not be 0 for the idempotent producer; set retries above 0 or \
             enable.idempotence=false"
        })?;
        require(
            self.max_in_flight <= MAX_IN_FLIGHT_IDEMPOTENT,
            "max.in.flight.requests.per.connection",
            || {
                "must be at most 5 for the idempotent producer; lower it or set \
                 enable.idempotence=false"
            },
        )
    }

    #[cfg(feature = "legacy-formats")]
    fn check_message_format(&self) -> Checked {
        let old = self.message_format.is_some_and(|format| format != MessageFormat::V2);
        let zstd = |compression: Compression| compression.codec() == Codec::Zstd;
        require(
            !old || !self.enable_idempotence,
            "message.format.version",
            || "before 0.11 there is no idempotent producer; set enable.idempotence=false",
        )?;
        require(
            !old || !zstd(self.compression),
            "compression.type",
            || "zstd needs record batches; set message.format.version to 0.11, or another codec",
        )
    }

    #[cfg(feature = "transactions")]
    fn check_transactions(&self) -> Checked {
        const KEY: &str = "transactional.id";
        let Some(id) = &self.transactional_id else { return Ok(()) };
        require(!id.is_empty(), KEY, || "must not be empty")?;
        require(self.enable_idempotence, KEY, || "needs enable.idempotence=true and acks=all")?;
        require(
            !self.resend_valid_records,
            KEY,
            || "can't go with record.errors.resend=true: a record that is refused aborts its transaction",
        )
    }

    fn check_compression(&self) -> Checked {
        let of_topics = self.topics.iter().filter_map(|(topic, overrides)| {
            Some((Cow::from(format!("topic.{topic}.compression.type")), overrides.compression?))
        });
        let all = [("compression.type".into(), self.compression)].into_iter().chain(of_topics);
        let missing = all.map(|(key, compression)| (key, compression.codec()));
        match missing.into_iter().find(|(_, codec)| !codec.is_available()) {
            None => Ok(()),
            Some((key, codec)) => Err(ConfigError::Invalid {
                key,
                problem: format!(
                    "{codec} is not compiled in; build with the Cargo feature `{codec}`"
                )
                .into(),
            }),
        }
    }
}

fn require<P: Into<Cow<'static, str>>>(
    holds: bool,
    key: &'static str,
    problem: impl FnOnce() -> P,
) -> Checked {
    if holds {
        return Ok(());
    }
    let problem = if cfg!(feature = "texts") { problem().into() } else { "can't be".into() };
    Err(ConfigError::Invalid { key: key.into(), problem })
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec;

    use super::*;
    use crate::config::{BrokerAddress, TopicOverrides};

    /// What is wrong after `change` to a valid configuration; empty if nothing.
    fn problem(change: impl FnOnce(&mut ProducerConfig)) -> String {
        let mut config = ProducerConfig {
            bootstrap_servers: vec![BrokerAddress::new("localhost", 9092)],
            ..ProducerConfig::default()
        };
        change(&mut config);
        config.validate().map_or_else(|error| error.to_string(), |()| String::new())
    }

    fn override_topic(config: &mut ProducerConfig, topic: &str, overrides: TopicOverrides) {
        config.topics.insert(topic.into(), overrides);
    }

    #[test]
    fn the_defaults_need_a_server_and_nothing_else() {
        assert_eq!(problem(|_| ()), "");
        assert!(problem(|c| c.bootstrap_servers.clear()).contains("no bootstrap servers given"));
    }

    /// F2, and what Java does silently.
    #[test]
    fn idempotence_needs_what_it_needs() {
        type Change = fn(&mut ProducerConfig);
        let rows: [(Change, &str); 5] = [
            (|c| c.acks = Acks::Leader, "configuration acks: must be all"),
            (|c| c.acks = Acks::None, "configuration acks: must be all"),
            (|c| c.retries = 0, "configuration retries: must not be 0"),
            (|c| c.max_in_flight = 6, "max.in.flight.requests.per.connection: must be at most 5"),
            (
                |c| {
                    let acks = Some(Acks::Leader);
                    override_topic(c, "t", TopicOverrides { acks, ..Default::default() });
                },
                "configuration topic.t.acks: must be all",
            ),
        ];
        for (change, expected) in rows {
            let message = problem(change);
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("enable.idempotence=false"), "{message}");
            let without = problem(|config| {
                change(config);
                config.enable_idempotence = false;
            });
            assert_eq!(without, "");
        }
        assert_eq!(problem(|c| c.max_in_flight = 1), "");
    }

    #[test]
    fn resending_the_good_records_needs_idempotence() {
        assert_eq!(problem(|c| c.resend_valid_records = true), "");
        let message = problem(|c| {
            c.resend_valid_records = true;
            c.enable_idempotence = false;
        });
        assert!(
            message.contains("record.errors.resend: needs enable.idempotence=true"),
            "{message}"
        );
    }

    /// D4
    #[test]
    fn the_delivery_timeout_covers_linger_and_one_request() {
        let exact = Duration::from_millis(30_005);
        assert_eq!(problem(|c| c.delivery_timeout = exact), "");
        let message = problem(|c| c.delivery_timeout = exact - Duration::from_millis(1));
        let java =
            "delivery.timeout.ms: should be equal to or larger than linger.ms + request.timeout.ms";
        assert!(message.contains(java), "{message}");
        assert!(problem(|c| c.linger = Duration::MAX).contains(java), "no overflow");
    }

    #[test]
    fn zeros_and_sizes_that_cannot_work_are_refused() {
        type Change = fn(&mut ProducerConfig);
        let rows: [(Change, &str); 13] = [
            (|c| c.max_in_flight = 0, "max.in.flight.requests.per.connection: must be at least 1"),
            (|c| c.buffer_memory = 0, "buffer.memory: must be at least 1"),
            (|c| c.max_request_size = 0, "max.request.size: must be at least 1"),
            (|c| c.batch_max_records = Some(0), "batch.max.records: must be at least 1"),
            (|c| c.batch_size = c.buffer_memory + 1, "batch.size: a batch of 33554433 bytes"),
            (|c| c.receive_max_bytes = 1023, "receive.message.max.bytes: must be at least 1024"),
            (|c| c.request_timeout = Duration::ZERO, "request.timeout.ms: must be above 0"),
            (|c| c.delivery_timeout = Duration::ZERO, "delivery.timeout.ms: must be above 0"),
            (|c| c.metadata_max_idle = Duration::from_secs(4), "metadata.max.idle.ms: must be"),
            (|c| c.retry_backoff = Duration::from_secs(2), "retry.backoff.max.ms: must not be"),
            (|c| c.reconnect_backoff_max = Duration::ZERO, "reconnect.backoff.max.ms: must not"),
            (|c| c.connection_setup_timeout_max = Duration::ZERO, "setup.timeout.max.ms: must not"),
            (|c| c.client_id = "x".repeat(32_768), "client.id: longer than"),
        ];
        for (change, expected) in rows {
            let message = problem(change);
            assert!(message.contains(expected), "{expected}: {message}");
        }
        assert_eq!(problem(|c| c.batch_size = 0), "", "batching off is allowed");
        assert_eq!(problem(|c| c.max_block = Duration::ZERO), "", "never waiting is allowed");
    }

    #[test]
    fn topics_need_legal_names() {
        for name in ["", ".", "..", "a b", "ä", &"x".repeat(250)] {
            let message = problem(|c| override_topic(c, name, TopicOverrides::default()));
            assert!(message.contains("1 to 249"), "{name:?} {message}");
        }
        let longest = "x".repeat(249);
        assert_eq!(problem(|c| override_topic(c, &longest, TopicOverrides::default())), "");
    }

    #[test]
    fn a_codec_must_be_compiled_in() {
        use crate::records::compression::{Codec, Compression};
        for codec in Codec::ALL {
            let message = problem(|c| c.compression = codec.into());
            assert_eq!(message.is_empty(), codec.is_available(), "{message}");
            let compression = Some(Compression::from(codec));
            let topic = TopicOverrides { compression, ..Default::default() };
            let message = problem(|c| override_topic(c, "t", topic));
            assert_eq!(message.is_empty(), codec.is_available(), "{message}");
        }
    }
}
