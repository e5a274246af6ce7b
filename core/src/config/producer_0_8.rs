//! The 0.8 producer's keys (`kafka.producer.ProducerConfig`), in today's terms.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::parse::{self, INT, LONG, Parsed};
use super::suggest::nearest_of;
use super::{Acks, BrokerAddress, ConfigError, ProducerConfig, TopicOverrides};
use crate::partitioner::PartitionerKind;
use crate::producer_0_8::{Mode, WhenFull};
use crate::records::compression::{Codec, Compression};

/// What a 0.8 producer is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What today's producer below it is told.
    pub producer: ProducerConfig,
    /// `producer.type`: sync.
    pub mode: Mode,
    /// `queue.enqueue.timeout.ms`: −1, wait.
    pub when_full: WhenFull,
    /// `queue.buffering.max.messages`: 10,000 messages without an outcome.
    pub queue_messages: usize,
}

/// The values of the keys as 0.8 has them.
struct Settings {
    brokers: Vec<BrokerAddress>,
    mode: Mode,
    acks: Acks,
    request_timeout: Duration,
    codec: Codec,
    compressed_topics: Vec<String>,
    retries: u32,
    backoff: Duration,
    refresh: Option<Duration>,
    partitioner: Option<PartitionerKind>,
    queue_time: Duration,
    queue_messages: usize,
    when_full: WhenFull,
    batch_messages: u32,
    send_buffer: usize,
    client_id: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            mode: Mode::Sync,
            acks: Acks::None,
            request_timeout: Duration::from_secs(10),
            codec: Codec::None,
            compressed_topics: Vec::new(),
            retries: 3,
            backoff: Duration::from_millis(100),
            refresh: Some(Duration::from_secs(600)),
            partitioner: None,
            queue_time: Duration::from_secs(5),
            queue_messages: 10_000,
            when_full: WhenFull::Wait,
            batch_messages: 200,
            send_buffer: 102_400,
            client_id: String::new(),
        }
    }
}

type Apply = fn(&mut Settings, &str) -> Parsed<()>;

/// All keys of 0.8.2 but those of classes to be loaded.
const KEYS: [(&str, Apply); 17] = [
    ("metadata.broker.list", |s, v| put(&mut s.brokers, parse::addresses(v))),
    ("producer.type", |s, v| put(&mut s.mode, mode(v))),
    ("request.required.acks", |s, v| put(&mut s.acks, parse::acks(v))),
    ("request.timeout.ms", |s, v| put(&mut s.request_timeout, parse::millis(v, 1..=INT))),
    ("compression.codec", |s, v| put(&mut s.codec, codec(v))),
    ("compressed.topics", |s, v| put(&mut s.compressed_topics, Ok(topics(v)))),
    ("message.send.max.retries", |s, v| put(&mut s.retries, parse::count(v, 0..=INT))),
    ("retry.backoff.ms", |s, v| put(&mut s.backoff, parse::millis(v, 0..=INT))),
    ("topic.metadata.refresh.interval.ms", |s, v| put(&mut s.refresh, parse::millis_or_never(v))),
    ("partitioner.class", |s, v| put(&mut s.partitioner, partitioner(v))),
    ("queue.buffering.max.ms", |s, v| put(&mut s.queue_time, parse::millis(v, 0..=LONG))),
    ("queue.buffering.max.messages", |s, v| put(&mut s.queue_messages, parse::size(v, 1..=INT))),
    ("queue.enqueue.timeout.ms", |s, v| put(&mut s.when_full, when_full(v))),
    ("batch.num.messages", |s, v| put(&mut s.batch_messages, parse::count(v, 1..=INT))),
    ("send.buffer.bytes", |s, v| put(&mut s.send_buffer, parse::size(v, 1..=INT))),
    ("client.id", |s, v| put(&mut s.client_id, client_id(v))),
    ("serializer.class", |_, v| encoder(v)),
];

fn put<T>(field: &mut T, value: Parsed<T>) -> Parsed<()> {
    *field = value?;
    Ok(())
}

fn mode(text: &str) -> Parsed<Mode> {
    match text.trim() {
        "sync" => Ok(Mode::Sync),
        "async" => Ok(Mode::Async),
        _ => Err("sync or async".into()),
    }
}

fn codec(text: &str) -> Parsed<Codec> {
    match text.trim() {
        "0" => Ok(Codec::None),
        "1" => Ok(Codec::Gzip),
        "2" => Ok(Codec::Snappy),
        "3" => Ok(Codec::Lz4),
        name => parse::codec(name),
    }
}

fn topics(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(ToString::to_string).collect()
}

/// `None` is 0.8's own.
fn partitioner(text: &str) -> Parsed<Option<PartitionerKind>> {
    match text.trim() {
        "kafka.producer.DefaultPartitioner" | "DefaultPartitioner" => Ok(None),
        name => name
            .parse()
            .map(Some)
            .map_err(|_| "kafka.producer.DefaultPartitioner or a name of today's".into()),
    }
}

fn when_full(text: &str) -> Parsed<WhenFull> {
    Ok(match parse::millis_or_never(text)? {
        None => WhenFull::Wait,
        Some(Duration::ZERO) => WhenFull::Drop,
        Some(time) => WhenFull::WaitFor(time),
    })
}

/// Kafka 0.8's rule (`kafka.common.Config.validateChars`).
fn client_id(text: &str) -> Parsed<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.bytes().all(legal) {
        Ok(text.to_string())
    } else {
        Err("ASCII letters, digits, '.', '_' and '-'".into())
    }
}

/// Messages come as bytes here, so only the encoder that leaves them alone makes sense.
fn encoder(text: &str) -> Parsed<()> {
    match text.trim() {
        "kafka.serializer.DefaultEncoder" => Ok(()),
        _ => Err("kafka.serializer.DefaultEncoder: serialize before you send".into()),
    }
}

impl Config {
    /// 0.8's defaults, changed by `properties` in any order.
    ///
    /// # Errors
    /// The first key that 0.8 doesn't have or whose value it doesn't take; then what contradicts
    /// itself.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::default();
        for (key, value) in properties {
            let key = key.trim();
            // Keys have one encoder: both names set the same nothing.
            let name = if key == "key.serializer.class" { "serializer.class" } else { key };
            let Some((_, apply)) = KEYS.iter().find(|(known, _)| *known == name) else {
                let nearest = nearest_of(key, KEYS.iter().map(|(known, _)| *known));
                return Err(ConfigError::UnknownKey { key: key.to_string(), nearest });
            };
            apply(&mut settings, value).map_err(|expected| ConfigError::InvalidValue {
                key: key.to_string(),
                value: value.to_string(),
                expected,
            })?;
        }
        settings.into_config()
    }
}

impl Settings {
    fn into_config(self) -> Result<Config, ConfigError> {
        let (batch, queue) = (self.batch_messages, self.queue_messages);
        if self.mode == Mode::Async && batch as usize > queue {
            return Err(ConfigError::Invalid {
                key: "batch.num.messages".into(),
                problem: format!(
                    "{batch} can't be larger than queue.buffering.max.messages = {queue}"
                )
                .into(),
            });
        }
        if self.brokers.is_empty() {
            return Err(ConfigError::Invalid {
                key: "metadata.broker.list".into(),
                problem: "is required: HOST:PORT,…".into(),
            });
        }
        let (mode, when_full, queue_messages) = (self.mode, self.when_full, self.queue_messages);
        let producer = self.into_producer();
        producer.validate()?;
        Ok(Config { producer, mode, when_full, queue_messages })
    }

    fn into_producer(self) -> ProducerConfig {
        let linger = if self.mode == Mode::Async { self.queue_time } else { Duration::ZERO };
        // 0.8 has no deadline but the sum of its attempts (row A5.5). Backoffs vary by a fifth.
        let attempt = self.request_timeout.saturating_add(self.backoff.saturating_mul(2));
        let attempts = attempt.saturating_mul(self.retries.saturating_add(1));
        let compression = Compression::from(self.codec);
        let only_some = self.codec != Codec::None && !self.compressed_topics.is_empty();
        let overrides = TopicOverrides { compression: Some(compression), ..Default::default() };
        let topics = self.compressed_topics.into_iter().filter(|_| only_some);
        let sticky = || PartitionerKind::StickyTime { interval: self.refresh.unwrap_or(FOREVER) };
        ProducerConfig {
            bootstrap_servers: self.brokers,
            client_id: self.client_id,
            acks: self.acks,
            enable_idempotence: false,
            max_in_flight: 1,
            retries: self.retries,
            retry_backoff: self.backoff,
            retry_backoff_max: self.backoff,
            request_timeout: self.request_timeout,
            delivery_timeout: linger.saturating_add(attempts),
            max_block: attempts,
            linger,
            batch_max_records: (self.mode == Mode::Async).then_some(self.batch_messages),
            metadata_max_age: self.refresh.unwrap_or(FOREVER),
            compression: if only_some { Compression::NONE } else { compression },
            topics: topics.map(|topic| (topic, overrides)).collect(),
            partitioner: self.partitioner.unwrap_or_else(sticky),
            send_buffer_bytes: Some(self.send_buffer),
            ..ProducerConfig::default()
        }
    }
}

/// As long as makes no difference.
const FOREVER: Duration = Duration::from_millis(i64::MAX as u64);
