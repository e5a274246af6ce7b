//! What a cluster is told when it is made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

/// When a topic that a client asks for comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoCreate {
    /// Never: `auto.create.topics.enable=false`.
    Never,
    /// With the first Metadata request, whose answer already holds it.
    AtOnce,
    /// With the first Metadata request, whose answer still says `UNKNOWN_TOPIC_OR_PARTITION`, as
    /// a KRaft broker does.
    AfterFirstAnswer,
}

/// What a broker does with a sequence other than 0 from a producer it doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownProducer {
    /// Accepts it: brokers since 2.5 (KIP-360).
    Accept,
    /// `UNKNOWN_PRODUCER_ID`: brokers before 2.5.
    Refuse,
}

/// A cluster's settings; the names follow Kafka's.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Told to clients in Metadata.
    pub cluster_id: String,
    /// Makes topic ids; the same seed makes the same ids.
    pub seed: u64,
    /// Partitions of a topic created without a count (`num.partitions`). Default 6.
    pub default_partitions: i32,
    /// Copies of each partition, at most the number of nodes. Default 3.
    pub replication_factor: i16,
    /// `min.insync.replicas`. Default 1.
    pub min_insync_replicas: usize,
    /// How long followers take to copy what the leader appended. Default 0: at once.
    pub replication_lag: Duration,
    /// Whether Metadata creates the topics it is asked for.
    pub auto_create: AutoCreate,
    /// `message.max.bytes`: the largest batch. Default 1,048,588.
    pub max_message_bytes: usize,
    /// `message.timestamp.after.max.ms`: how far ahead a timestamp may be. Default 1 h.
    pub max_timestamp_ahead: Duration,
    /// `producer.id.expiration.ms`: how long a silent producer's state is kept. Default 24 h.
    pub producer_expiration: Duration,
    /// The finalized feature `transaction.version`, told to clients: 2 where the brokers add
    /// partitions to transactions by themselves (KIP-890). Default 2; the nodes must all speak
    /// the versions that this takes.
    pub transaction_version: i16,
    /// How long the coordinator takes to write the end of a transaction into its partitions.
    /// Default 0: at once.
    pub marker_delay: Duration,
    /// What becomes of a producer that the partition has no state for.
    pub unknown_producer: UnknownProducer,
    /// Whether NOT_LEADER_OR_FOLLOWER names the new leader (KIP-951). Default yes.
    pub leader_hints: bool,
    /// Bytes a partition keeps in memory before its oldest batches go. Default 128 MiB; nothing
    /// is dropped from a cluster with a data directory.
    pub retention_bytes: usize,
    /// Where logs are kept as Kafka segment files; `None`: in memory.
    pub data: Option<PathBuf>,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            cluster_id: "ottla-sim".to_owned(),
            seed: 0,
            default_partitions: 6,
            replication_factor: 3,
            min_insync_replicas: 1,
            replication_lag: Duration::ZERO,
            auto_create: AutoCreate::AtOnce,
            max_message_bytes: 1_048_588,
            max_timestamp_ahead: Duration::from_secs(3600),
            producer_expiration: Duration::from_secs(24 * 3600),
            transaction_version: 2,
            marker_delay: Duration::ZERO,
            unknown_producer: UnknownProducer::Accept,
            leader_hints: true,
            retention_bytes: 128 << 20,
            data: None,
        }
    }
}

/// The APIs that a node says it speaks, with the lowest and highest version of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRanges(BTreeMap<i16, (i16, i16)>);

/// What this model implements: a Kafka 4.x as far as producers and simple consumers see.
const IMPLEMENTED: [(ApiKey, i16, i16); 21] = [
    (ApiKey::Produce, 3, 13),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 2, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::InitProducerId, 0, 5),
    // Brokers speak higher versions of it, among themselves.
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 4),
    (ApiKey::EndTxn, 0, 5),
    (ApiKey::TxnOffsetCommit, 0, 5),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::DescribeCluster, 0, 2),
];

/// Highest versions of Kafka 2.1.0, read from its sources; an API not named here is newer.
const KAFKA_2_1: [(ApiKey, i16); 20] = [
    (ApiKey::Produce, 7),
    (ApiKey::Fetch, 10),
    (ApiKey::ListOffsets, 4),
    (ApiKey::Metadata, 7),
    (ApiKey::OffsetCommit, 6),
    (ApiKey::OffsetFetch, 5),
    (ApiKey::FindCoordinator, 2),
    (ApiKey::JoinGroup, 3),
    (ApiKey::Heartbeat, 2),
    (ApiKey::LeaveGroup, 2),
    (ApiKey::SyncGroup, 2),
    (ApiKey::ApiVersions, 2),
    (ApiKey::CreateTopics, 3),
    (ApiKey::DeleteTopics, 3),
    (ApiKey::InitProducerId, 1),
    (ApiKey::AddPartitionsToTxn, 1),
    (ApiKey::AddOffsetsToTxn, 1),
    (ApiKey::EndTxn, 1),
    (ApiKey::TxnOffsetCommit, 2),
    (ApiKey::DescribeConfigs, 2),
];

impl ApiRanges {
    /// Everything the model implements: a Kafka 4.x.
    pub fn current() -> Self {
        Self(IMPLEMENTED.iter().map(|&(api, min, max)| (api as i16, (min, max))).collect())
    }

    /// A Kafka 2.1, the oldest broker that today's clients support (KIP-896).
    pub fn kafka_2_1() -> Self {
        let mut ranges = Self::current();
        ranges.0.retain(|&api, _| KAFKA_2_1.iter().any(|&(known, _)| known as i16 == api));
        for (api, max) in KAFKA_2_1 {
            ranges = ranges.with_max(api, max);
        }
        ranges
    }

    /// A Kafka 3.9: Produce without topic ids, transactions of version 1.
    pub fn kafka_3_9() -> Self {
        let current = Self::current().with_max(ApiKey::Produce, 11).with_max(ApiKey::Metadata, 12);
        current.with_max(ApiKey::EndTxn, 4).with_max(ApiKey::TxnOffsetCommit, 4)
    }

    /// Lowers the highest version of one API.
    #[must_use]
    pub fn with_max(mut self, api: ApiKey, max: i16) -> Self {
        if let Some(range) = self.0.get_mut(&(api as i16)) {
            range.1 = range.1.min(max);
            range.0 = range.0.min(range.1);
        }
        self
    }

    /// Takes one API away.
    #[must_use]
    pub fn without(mut self, api: ApiKey) -> Self {
        self.0.remove(&(api as i16));
        self
    }

    /// Whether the node answers this version of this API.
    pub fn contains(&self, api: ApiKey, version: i16) -> bool {
        self.0.get(&(api as i16)).is_some_and(|&(min, max)| (min..=max).contains(&version))
    }

    /// `(api key, lowest, highest)` as told to clients.
    ///
    /// Produce is told from 0 on although 0–2 are refused, as Kafka 4 does: older librdkafka
    /// believes otherwise that the broker knows no record batches (KAFKA-18659).
    pub fn advertised(&self) -> impl Iterator<Item = (i16, i16, i16)> + '_ {
        self.0.iter().map(|(&api, &(min, max))| {
            let min = if api == ApiKey::Produce as i16 { 0 } else { min };
            (api, min, max)
        })
    }
}

impl Default for ApiRanges {
    fn default() -> Self {
        Self::current()
    }
}
