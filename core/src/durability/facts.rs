//! What a cluster tells of a topic.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{MIN_IN_SYNC, UNCLEAN};
use crate::protocol::array::Array;
use crate::protocol::describe_configs::{ConfigSource, DescribeConfigsResponse};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::metadata::{MetadataPartition, MetadataResponse};

/// A topic, as far as the safety of its records depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicFacts {
    /// Its name.
    pub name: String,
    /// Its partitions in order; at least one.
    pub partitions: Vec<PartitionFacts>,
    /// `min.insync.replicas`, or why it could not be read.
    pub min_in_sync: Result<Setting<u32>, SettingError>,
    /// `unclean.leader.election.enable`, or why it could not be read.
    pub unclean_leader_election: Result<Setting<bool>, SettingError>,
}

/// Who has a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionFacts {
    /// Its number.
    pub index: i32,
    /// The leading broker, if there is one.
    pub leader: Option<i32>,
    /// All brokers that have a replica, or should.
    pub replicas: Vec<i32>,
    /// Those whose replica is in sync with the leader's.
    pub in_sync: Vec<i32>,
    /// Those whose replica is down.
    pub offline: Vec<i32>,
}

/// A setting's value and where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub source: ConfigSource,
}

/// Why a topic's settings could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SettingError {
    /// The broker does not tell.
    Refused(ErrorCode),
    /// The broker told no value, or one that means nothing.
    Missing {
        /// The setting's name.
        name: &'static str,
    },
    /// The broker does not take the question.
    Unsupported,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => code.fmt(f),
            Self::Missing { name } => write!(f, "the broker told no {name}"),
            Self::Unsupported => f.write_str("the broker takes no DescribeConfigs"),
        }
    }
}

/// Why nothing can be said of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FactsError {
    /// The broker's word.
    Topic(ErrorCode),
    /// The broker said nothing of the topic, or that it has no partitions.
    LeftOut,
}

impl fmt::Display for FactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(code) => code.fmt(f),
            Self::LeftOut => f.write_str("the broker left the topic out of its answer"),
        }
    }
}

impl core::error::Error for FactsError {}

impl TopicFacts {
    /// From the answers to a Metadata and a DescribeConfigs request; `None` is a broker that does
    /// not take the latter.
    ///
    /// # Errors
    /// The broker does not know the topic, or does not show it.
    pub fn read(
        name: &str,
        metadata: &MetadataResponse<'_>,
        configs: Option<&DescribeConfigsResponse<'_>>,
    ) -> Result<Self, FactsError> {
        let mut topics = metadata.topics.iter();
        let topic = topics.find(|topic| topic.name == Some(name)).ok_or(FactsError::LeftOut)?;
        if !topic.error.is_none() {
            return Err(FactsError::Topic(topic.error));
        }
        let mut partitions: Vec<_> = topic.partitions.iter().map(PartitionFacts::from).collect();
        if partitions.is_empty() {
            return Err(FactsError::LeftOut);
        }
        partitions.sort_by_key(|partition| partition.index);
        let parse_bool = |text: &str| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        Ok(Self {
            name: name.to_string(),
            partitions,
            min_in_sync: setting(name, configs, MIN_IN_SYNC, |text| text.parse().ok()),
            unclean_leader_election: setting(name, configs, UNCLEAN, parse_bool),
        })
    }

    /// How many brokers have each partition; of the one with the fewest, where they differ.
    #[must_use]
    pub fn replication_factor(&self) -> u32 {
        self.partitions.iter().map(PartitionFacts::copies).min().unwrap_or(0)
    }

    /// The numbers of the partitions that `is` is true of.
    pub(super) fn partitions_where(&self, is: impl Fn(&PartitionFacts) -> bool) -> Vec<i32> {
        let chosen = self.partitions.iter().filter(|partition| is(partition));
        chosen.map(|partition| partition.index).collect()
    }
}

impl PartitionFacts {
    /// How many replicas it has.
    pub(super) fn copies(&self) -> u32 {
        self.replicas.len() as u32
    }
}

impl From<MetadataPartition<'_>> for PartitionFacts {
    fn from(partition: MetadataPartition<'_>) -> Self {
        let nodes = |nodes: Array<'_, i32>| nodes.iter().collect();
        Self {
            index: partition.index,
            leader: (partition.leader_id >= 0).then_some(partition.leader_id),
            replicas: nodes(partition.replicas),
            in_sync: nodes(partition.in_sync_replicas),
            offline: nodes(partition.offline_replicas),
        }
    }
}

fn setting<T>(
    topic: &str,
    configs: Option<&DescribeConfigsResponse<'_>>,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Setting<T>, SettingError> {
    let missing = SettingError::Missing { name };
    let configs = configs.ok_or(SettingError::Unsupported)?;
    let resource = configs.resources.iter().find(|resource| resource.name == topic);
    let resource = resource.ok_or_else(|| missing.clone())?;
    if !resource.error.is_none() {
        return Err(SettingError::Refused(resource.error));
    }
    let entry = resource.configs.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| missing.clone())?;
    let value = entry.value.and_then(parse).ok_or(missing)?;
    Ok(Setting { value, source: entry.source })
}
