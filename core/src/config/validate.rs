//! Which values go together.

use alloc::borrow::Cow;
use alloc::format;
use core::time::Duration;

#[cfg(feature = "legacy-formats")]
use super::MessageFormat;
use super::{Acks, ConfigError, EXTENSIONS, FIXED_MEMORY, ProducerConfig, topic_name};
use crate::protocol::api_key::BROKERS;
#[cfg(feature = "legacy-formats")]
use crate::records::Codec;
use crate::records::Compression;
use crate::texts::{TEXTS, text_of};

/// What was found, of which the first counts.
#[derive(Default)]
struct Checks(Option<ConfigError>);

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
        let mut checks = Checks::default();
        self.check_names(&mut checks);
        self.check_sizes(&mut checks);
        self.check_times(&mut checks);
        self.check_idempotence(&mut checks);
        #[cfg(feature = "legacy-formats")]
        self.check_message_format(&mut checks);
        if BROKERS {
            checks.add(self.security.check());
        }
        #[cfg(feature = "transactions")]
        self.check_transactions(&mut checks);
        self.check_compression(&mut checks);
        checks.0.map_or(Ok(()), Err)
    }

    fn check_names(&self, checks: &mut Checks) {
        checks.require(
            EXTENSIONS || self.topics.keys().next().is_none(),
            "topic",
            || "has no settings of its own; build with the Cargo feature `extensions`",
        );
        checks.require(
            !BROKERS || !self.bootstrap_servers.is_empty(),
            "bootstrap.servers",
            || "no bootstrap servers given; set HOST:PORT of at least one broker",
        );
        checks.require(
            self.client_id.len() <= i16::MAX as usize,
            "client.id",
            || "longer than the 32767 bytes that a request can carry",
        );
        for topic in self.topics.keys().filter(|_| EXTENSIONS) {
            if let Err(expected) = topic_name::check(topic) {
                checks.refuse(
                    of_topic(topic, ""),
                    text_of(&format_args!("expected {expected}")).into(),
                );
            }
        }
    }

    fn check_sizes(&self, checks: &mut Checks) {
        let mut at_least_one =
            |value: usize, key| checks.require(value > 0, key, || "must be at least 1");
        at_least_one(self.max_in_flight, "max.in.flight.requests.per.connection");
        at_least_one(self.buffer_memory, "buffer.memory");
        at_least_one(self.max_request_size, "max.request.size");
        at_least_one(self.batch_max_records.map_or(1, |max| max as usize), "batch.max.records");
        at_least_one(self.max_connections.map_or(1, |max| max as usize), "connections.max");
        checks.require(
            self.receive_max_bytes >= 1024,
            "receive.message.max.bytes",
            || "must be at least 1024, or no broker's answer fits",
        );
        let fixed = self.preallocate || self.max_connections.is_some();
        checks.require(
            FIXED_MEMORY || !fixed,
            "buffer.memory.preallocate",
            || "is not compiled in, as connections.max; build with the Cargo feature `fixed-memory`",
        );
        checks.require(self.batch_size <= self.buffer_memory, "batch.size", || {
            text_of(&format_args!(
                "a batch of {} bytes doesn't fit in the buffer.memory of {} bytes",
                self.batch_size, self.buffer_memory
            ))
        });
    }

    fn check_times(&self, checks: &mut Checks) {
        let mut positive =
            |value: Duration, key| checks.require(!value.is_zero(), key, || "must be above 0");
        positive(self.request_timeout, "request.timeout.ms");
        positive(self.delivery_timeout, "delivery.timeout.ms");
        positive(self.connection_setup_timeout, "socket.connection.setup.timeout.ms");
        let least = self.linger.saturating_add(self.request_timeout);
        checks.require(
            self.delivery_timeout >= least,
            "delivery.timeout.ms",
            || "should be equal to or larger than linger.ms + request.timeout.ms",
        );
        checks.require(
            self.metadata_max_idle >= Duration::from_secs(5),
            "metadata.max.idle.ms",
            || "must be at least 5000",
        );
        self.check_maxima(checks);
    }

    /// What doubles must not start above its maximum.
    fn check_maxima(&self, checks: &mut Checks) {
        let mut not_below = |max: Duration, start: Duration, key: &'static str, start_key: &str| {
            checks.require(max >= start, key, || {
                text_of(&format_args!("must not be smaller than {start_key}"))
            })
        };
        let (retry, reconnect) = (self.retry_backoff, self.reconnect_backoff);
        let setup = self.connection_setup_timeout;
        not_below(self.retry_backoff_max, retry, "retry.backoff.max.ms", "retry.backoff.ms");
        not_below(
            self.reconnect_backoff_max,
            reconnect,
            "reconnect.backoff.max.ms",
            "reconnect.backoff.ms",
        );
        not_below(
            self.connection_setup_timeout_max,
            setup,
            "socket.connection.setup.timeout.max.ms",
            "socket.connection.setup.timeout.ms",
        );
    }

    fn check_idempotence(&self, checks: &mut Checks) {
        checks.require(
            cfg!(feature = "split") || !self.resend_valid_records,
            "record.errors.resend",
            || "is not compiled in; build with the Cargo feature `split`",
        );
        checks.require(
            BROKERS || self.enable_idempotence,
            "enable.idempotence",
            || "must be true; build with the Cargo feature `brokers`",
        );
        if !self.enable_idempotence {
            checks.require(
                !self.resend_valid_records,
                "record.errors.resend",
                || "needs enable.idempotence=true, or records sent again may overtake others",
            );
            return;
        }
        checks.require(
            !is_weak(self.acks),
            "acks",
            || "must be all for the idempotent producer; set acks=all or enable.idempotence=false",
        );
        let topics = self.topics.iter().filter(|_| EXTENSIONS);
        for (topic, _) in topics.filter(|(_, topic)| topic.acks.is_some_and(is_weak)) {
            let problem = "must be all for the idempotent producer; set it to all, or \
                           enable.idempotence=false";
            checks.refuse(of_topic(topic, ".acks"), problem.into());
        }
        checks.require(self.retries > 0, "retries", || {
            "must not be 0 for the idempotent producer; set retries above 0 or \
             enable.idempotence=false"
        });
        checks.require(
            self.max_in_flight <= MAX_IN_FLIGHT_IDEMPOTENT,
            "max.in.flight.requests.per.connection",
            || {
                "must be at most 5 for the idempotent producer; lower it or set \
                 enable.idempotence=false"
            },
        );
    }

    #[cfg(feature = "legacy-formats")]
    fn check_message_format(&self, checks: &mut Checks) {
        let old = self.message_format.is_some_and(|format| format != MessageFormat::V2);
        let zstd = |compression: Compression| compression.codec() == Codec::Zstd;
        checks.require(
            !old || !self.enable_idempotence,
            "message.format.version",
            || "before 0.11 there is no idempotent producer; set enable.idempotence=false",
        );
        checks.require(
            !old || !zstd(self.compression),
            "compression.type",
            || "zstd needs record batches; set message.format.version to 0.11, or another codec",
        );
    }

    #[cfg(feature = "transactions")]
    fn check_transactions(&self, checks: &mut Checks) {
        const KEY: &str = "transactional.id";
        let Some(id) = &self.transactional_id else { return };
        checks.require(!id.is_empty(), KEY, || "must not be empty");
        checks.require(
            self.enable_idempotence,
            KEY,
            || "needs enable.idempotence=true and acks=all",
        );
        checks.require(
            !self.resend_valid_records,
            KEY,
            || "can't go with record.errors.resend=true: a record that is refused aborts its transaction",
        );
    }

    fn check_compression(&self, checks: &mut Checks) {
        checks.require_codec(self.compression, || "compression.type".into());
        for (topic, overrides) in self.topics.iter().filter(|_| EXTENSIONS) {
            let compression = overrides.compression.unwrap_or_default();
            checks.require_codec(compression, || of_topic(topic, ".compression.type"));
        }
    }
}

impl Checks {
    fn require<P: Into<Cow<'static, str>>>(
        &mut self,
        holds: bool,
        key: &'static str,
        problem: impl FnOnce() -> P,
    ) {
        if holds {
            return;
        }
        if TEXTS {
            self.refuse(key.into(), problem().into());
        } else {
            self.name(key);
        }
    }

    /// Says no more than which key it is, in a call that is as small as can be: there are many.
    #[cold]
    #[inline(never)]
    fn name(&mut self, key: &'static str) {
        self.refuse(key.into(), "can't be".into());
    }

    fn require_codec(&mut self, compression: Compression, key: impl FnOnce() -> Cow<'static, str>) {
        let codec = compression.codec();
        if codec.is_available() {
            return;
        }
        let problem = if TEXTS {
            format!("{codec} is not compiled in; build with the Cargo feature `{codec}`").into()
        } else {
            "is not compiled in".into()
        };
        self.refuse(key(), problem);
    }

    fn refuse(&mut self, key: Cow<'static, str>, problem: Cow<'static, str>) {
        self.add(Err(ConfigError::Invalid { key, problem }));
    }

    fn add(&mut self, checked: Result<(), ConfigError>) {
        if let Err(error) = checked {
            self.0.get_or_insert(error);
        }
    }
}

/// A key of one topic.
fn of_topic(topic: &str, key: &str) -> Cow<'static, str> {
    text_of(&format_args!("topic.{topic}{key}")).into()
}

/// Whether the broker may acknowledge a batch and lose it all the same.
fn is_weak(acks: Acks) -> bool {
    acks != Acks::All
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
