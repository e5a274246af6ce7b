//! The producer's configuration: Kafka's own keys with the defaults of the Java producer 4.x.

mod address;
mod choices;
mod error;
mod foreign;
mod jaas;
mod keys;
mod memory;
mod parse;
#[cfg(feature = "waiting")]
pub(crate) mod producer_0_8;
mod properties;
mod security;
mod security_values;
mod suggest;
mod topic_name;
mod validate;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use address::{AddressError, BrokerAddress};
pub use choices::{Acks, DnsLookup, MetadataRecovery, TopicOverrides};
pub use error::ConfigError;
pub use keys::{Key, keys};
pub(crate) use memory::FIXED_MEMORY;
pub use memory::MemoryBudget;
pub use security::{
    OidcConfig, Pem, Roots, SaslConfig, SecurityConfig, SecurityProtocol, TlsConfig,
};
pub use topic_name::is_topic_name;

use crate::partitioner::PartitionerKind;
use crate::protocol::api_key::BROKERS;
#[cfg(feature = "legacy-formats")]
pub use crate::records::MessageFormat;
use crate::records::compression::Compression;
use crate::sorted::SortedMap;

/// Whether there is what a program adds or chooses: interceptors, partitioners, settings of single
/// topics.
pub(crate) const EXTENSIONS: bool = cfg!(feature = "extensions");

/// Everything a producer can be told. Each field names its key in Kafka's property files.
///
/// The defaults are those of the Java producer 4.x except where a field says otherwise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProducerConfig {
    /// `bootstrap.servers`: the first brokers to ask for the cluster's metadata. Required.
    pub bootstrap_servers: Vec<BrokerAddress>,
    /// `client.id`: the name that brokers log and meter (quotas). Empty: the façade numbers its
    /// producers.
    pub client_id: String,
    /// `client.dns.lookup`.
    pub dns_lookup: DnsLookup,
    /// `security.protocol`, `ssl.…`, `sasl.…`: plaintext, without a login.
    pub security: SecurityConfig,

    /// `acks`: all.
    pub acks: Acks,
    /// `enable.idempotence`: true. No retry duplicates a record or changes the order.
    pub enable_idempotence: bool,
    /// `max.in.flight.requests.per.connection`: 5.
    pub max_in_flight: usize,
    /// `retries`: 2147483647; `delivery_timeout` is the real bound.
    pub retries: u32,
    /// `delivery.timeout.ms`: 120 s from the append of a record to its outcome.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`: 30 s for one request's response.
    pub request_timeout: Duration,
    /// `max.block.ms`: 60 s that a `send` may wait for metadata and memory, and a transaction for
    /// its coordinator.
    pub max_block: Duration,
    /// `transactional.id`: none. Sends within transactions alone, and takes over from, and locks
    /// out, whoever used the id before.
    #[cfg(feature = "transactions")]
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`: 60 s after which the brokers abort a transaction that was not
    /// ended.
    #[cfg(feature = "transactions")]
    pub transaction_timeout: Duration,

    /// `linger.ms`: 5 ms that an unfilled batch waits for company.
    pub linger: Duration,
    /// `linger.adaptive` (ottla's own): false. When true, a record is sent at once if nothing else
    /// is queued.
    pub adaptive_linger: bool,
    /// `batch.size`: 16 KiB, the target size of a batch as sent; 0 sends every record alone.
    pub batch_size: usize,
    /// `batch.max.records` (ottla's own; `batch.num.messages` of 0.8): no limit.
    pub batch_max_records: Option<u32>,
    /// `buffer.memory`: 32 MiB for records that are not yet acknowledged.
    pub buffer_memory: usize,
    /// `buffer.memory.preallocate` (ottla's own): false. When true, `buffer_memory` is taken from
    /// the allocator at the start and kept, so that no batch finds it exhausted later. A record
    /// that is larger than `batch_size` exchanges some of it, and is refused where there is no such
    /// piece.
    pub preallocate: bool,
    /// `max.request.size`: 1 MiB, for one request and for one record.
    pub max_request_size: usize,
    /// `compression.type` and `compression.CODEC.level`: none.
    pub compression: Compression,
    /// `topic.NAME.acks`, `topic.NAME.compression.type` (ottla's own): what single topics do
    /// differently.
    pub topics: SortedMap<String, TopicOverrides>,
    /// `message.format.version` (a key of Kafka's brokers and topics up to 3.x): none, so that
    /// each broker gets the newest format that it takes. When set, only that one is used.
    #[cfg(feature = "legacy-formats")]
    pub message_format: Option<MessageFormat>,
    /// `record.errors.resend` (ottla's own): false. When true, a batch refused for single bad
    /// records (KIP-467) is sent again without them; when false all its records fail, as in Java.
    pub resend_valid_records: bool,

    /// `retry.backoff.ms`: 100 ms before the first retry, doubling.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: 1 s.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`: 50 ms before the first reconnection to a node, doubling.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`: 1 s.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`: 10 s for the first attempt, doubling.
    pub connection_setup_timeout: Duration,
    /// `socket.connection.setup.timeout.max.ms`: 30 s.
    pub connection_setup_timeout_max: Duration,
    /// `connections.max.idle.ms`: 180 s; `None` (−1) never closes.
    ///
    /// Java's default is 540 s, but Azure's load balancers drop a connection silently after 240 s
    /// without traffic, and the next batch then waits a whole `request_timeout` to find out.
    pub connections_max_idle: Option<Duration>,
    /// `connections.max` (ottla's own): no limit, for machines with a fixed number of sockets.
    /// Where another connection is wanted, one that has nothing to do is closed.
    ///
    /// One for each broker that leads a partition in use, and one for a bootstrap server, is never
    /// short of any. With fewer, brokers take turns as they fall idle.
    pub max_connections: Option<u32>,
    /// `send.buffer.bytes`: SO_SNDBUF; `None` (−1) leaves it to the operating system.
    pub send_buffer_bytes: Option<usize>,
    /// `receive.buffer.bytes`: SO_RCVBUF; `None` (−1) leaves it to the operating system.
    pub receive_buffer_bytes: Option<usize>,
    /// `receive.message.max.bytes` (librdkafka's name): 100 MiB. A longer response closes the
    /// connection.
    pub receive_max_bytes: usize,

    /// `metadata.max.age.ms`: 300 s between refreshes that nothing else caused.
    pub metadata_max_age: Duration,
    /// `metadata.max.idle.ms`: 300 s without a record until a topic is forgotten.
    pub metadata_max_idle: Duration,
    /// `metadata.recovery.strategy` and `metadata.recovery.rebootstrap.trigger.ms`.
    pub metadata_recovery: MetadataRecovery,
    /// `allow.auto.create.topics` (a consumer key in Java, whose producer always allows it): true.
    pub allow_auto_create_topics: bool,

    /// `partitioner.class`: the built-in one (murmur2 of the key; KIP-794 without a key).
    pub partitioner: PartitionerKind,
    /// `partitioner.adaptive.partitioning.enable`: true. Faster brokers get more of the records
    /// without a key.
    pub partitioner_adaptive: bool,
    /// `partitioner.availability.timeout.ms`: 0 (off). Avoids partitions whose leader takes nothing
    /// for so long.
    pub partitioner_availability_timeout: Duration,
    /// `partitioner.ignore.keys`: false. When true, keys do not decide the partition.
    pub partitioner_ignore_keys: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: Vec::new(),
            client_id: String::new(),
            dns_lookup: DnsLookup::default(),
            security: SecurityConfig::default(),
            acks: Acks::All,
            enable_idempotence: true,
            max_in_flight: 5,
            retries: i32::MAX as u32,
            delivery_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            max_block: Duration::from_secs(60),
            #[cfg(feature = "transactions")]
            transactional_id: None,
            #[cfg(feature = "transactions")]
            transaction_timeout: Duration::from_secs(60),
            linger: Duration::from_millis(5),
            adaptive_linger: false,
            batch_size: 16 * 1024,
            batch_max_records: None,
            buffer_memory: 32 * 1024 * 1024,
            preallocate: false,
            max_request_size: 1024 * 1024,
            compression: Compression::default(),
            topics: SortedMap::new(),
            #[cfg(feature = "legacy-formats")]
            message_format: None,
            resend_valid_records: false,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            connection_setup_timeout: Duration::from_secs(10),
            connection_setup_timeout_max: Duration::from_secs(30),
            connections_max_idle: Some(Duration::from_secs(180)),
            max_connections: None,
            send_buffer_bytes: Some(128 * 1024),
            receive_buffer_bytes: Some(32 * 1024),
            receive_max_bytes: 100 * 1024 * 1024,
            metadata_max_age: Duration::from_secs(300),
            metadata_max_idle: Duration::from_secs(300),
            metadata_recovery: MetadataRecovery::default(),
            allow_auto_create_topics: true,
            partitioner: PartitionerKind::default(),
            partitioner_adaptive: true,
            partitioner_availability_timeout: Duration::ZERO,
            partitioner_ignore_keys: false,
        }
    }
}

impl ProducerConfig {
    /// For a device with some tens of kilobytes of memory that talks to one or two brokers: 16 KiB
    /// of records in batches of 2 KiB, and responses of at most 4 KiB. [`memory`](Self::memory)
    /// tells the sum.
    #[must_use]
    pub fn small() -> Self {
        Self {
            max_in_flight: 2,
            batch_size: 2 * 1024,
            buffer_memory: 16 * 1024,
            preallocate: true,
            max_request_size: 8 * 1024,
            receive_max_bytes: 4 * 1024,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            ..Self::default()
        }
    }

    fn of_topic(&self, topic: &str) -> TopicOverrides {
        let overrides = if EXTENSIONS { self.topics.get(topic) } else { None };
        overrides.copied().unwrap_or_default()
    }

    /// Whether batches bear a producer id; over a bridge they always do.
    pub(crate) fn is_idempotent(&self) -> bool {
        !BROKERS || self.enable_idempotence
    }

    /// Whether its records are sent within transactions.
    pub(crate) const fn is_transactional(&self) -> bool {
        #[cfg(feature = "transactions")]
        return self.transactional_id.is_some();
        #[cfg(not(feature = "transactions"))]
        false
    }

    /// The acknowledgement that `topic`'s batches ask for.
    #[must_use]
    pub fn acks_of(&self, topic: &str) -> Acks {
        self.of_topic(topic).acks.unwrap_or(self.acks)
    }

    /// The compression of `topic`'s batches.
    #[must_use]
    pub fn compression_of(&self, topic: &str) -> Compression {
        self.of_topic(topic).compression.unwrap_or(self.compression)
    }
}
