//! The choice of a partitioner and its names in `partitioner.class`.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

#[cfg(feature = "extensions")]
use super::Partitioner;
#[cfg(feature = "extensions")]
use crate::sync::Arc;

/// The partitioner of a producer (`partitioner.class`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum PartitionerKind {
    /// Java's: murmur2 of the key, and without a key KIP-794's uniform sticky partitioning.
    #[default]
    BuiltIn,
    /// The available partitions in turn, keys ignored (Java's `RoundRobinPartitioner`).
    RoundRobin,
    /// A random available partition, keys ignored (librdkafka's `random`).
    Random,
    /// zlib's CRC-32 of the key; random without a key or with an empty one (librdkafka's default,
    /// `consistent_random`).
    Crc32,
    /// zlib's CRC-32 of the key; records without a key share the partition of the empty key
    /// (librdkafka's `consistent`).
    Crc32Consistent,
    /// murmur2 of the key; without a key one random available partition per interval, as the 0.8
    /// producer chose.
    StickyTime {
        /// How long a topic stays with one partition.
        interval: Duration,
    },
    /// The user's own; set in code, not by name.
    #[cfg(feature = "extensions")]
    Custom(Arc<dyn Partitioner>),
}

impl PartitionerKind {
    /// `StickyTime` with the 0.8 producer's interval, `topic.metadata.refresh.interval.ms`: 600 s.
    pub const STICKY_TIME: Self = Self::StickyTime { interval: Duration::from_secs(600) };

    /// Whether a record that finds no room in its partition's newest batch is partitioned once more
    /// after [`Partitioner::on_new_batch`] (KIP-480's `abortOnNewBatch`).
    ///
    /// Only for users' partitioners: the others lose nothing, and round robin would skip partitions
    /// (KAFKA-9965).
    #[must_use]
    pub const fn aborts_on_new_batch(&self) -> bool {
        #[cfg(feature = "extensions")]
        if let Self::Custom(_) = self {
            return true;
        }
        false
    }

    /// The name that `partitioner.class` takes; `custom` for the user's own.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BuiltIn => "builtin",
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::Crc32 => "consistent_random",
            Self::Crc32Consistent => "consistent",
            Self::StickyTime { .. } => "sticky_time",
            #[cfg(feature = "extensions")]
            Self::Custom(_) => "custom",
        }
    }
}

impl FromStr for PartitionerKind {
    type Err = UnknownPartitioner;

    /// Takes ottla's names, librdkafka's, and Java's class names with or without their package.
    fn from_str(text: &str) -> Result<Self, UnknownPartitioner> {
        let name = text.trim();
        match name.strip_prefix("org.apache.kafka.clients.producer.").unwrap_or(name) {
            "" | "builtin" | "murmur2_random" => Ok(Self::BuiltIn),
            "round_robin" | "RoundRobinPartitioner" => Ok(Self::RoundRobin),
            "random" => Ok(Self::Random),
            "consistent_random" => Ok(Self::Crc32),
            "consistent" => Ok(Self::Crc32Consistent),
            "sticky_time" => Ok(Self::STICKY_TIME),
            _ => Err(UnknownPartitioner { name: name.to_string() }),
        }
    }
}

/// A name that no partitioner has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownPartitioner {
    name: String,
}

impl UnknownPartitioner {
    /// What to do instead.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        let class = self.name.rsplit('.').next().unwrap_or_default();
        match class {
            "DefaultPartitioner" => {
                "Kafka 4.0 replaced it by the built-in one: leave partitioner.class unset"
            }
            "UniformStickyPartitioner" => {
                "Kafka 4.0 replaced it by the built-in one: leave partitioner.class unset and \
                 set partitioner.ignore.keys=true"
            }
            "murmur2" => {
                "use murmur2_random, which hashes keys alike and spreads records without a key"
            }
            "fnv1a" | "fnv1a_random" => "FNV-1a is not built in: implement the Partitioner trait",
            _ => {
                "expected builtin, murmur2_random, round_robin, random, consistent, \
                 consistent_random, sticky_time or RoundRobinPartitioner; a partitioner of your \
                 own implements the Partitioner trait and is set in code"
            }
        }
    }
}

impl fmt::Display for UnknownPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown partitioner {:?}: {}", self.name, self.advice())
    }
}

impl core::error::Error for UnknownPartitioner {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_java_and_librdkafka_are_understood() {
        let names = [
            ("", "builtin"),
            ("murmur2_random", "builtin"),
            ("org.apache.kafka.clients.producer.RoundRobinPartitioner", "round_robin"),
            ("RoundRobinPartitioner", "round_robin"),
            (" random ", "random"),
            ("consistent", "consistent"),
            ("consistent_random", "consistent_random"),
            ("sticky_time", "sticky_time"),
        ];
        for (name, kind) in names {
            assert_eq!(name.parse::<PartitionerKind>().unwrap().name(), kind, "{name:?}");
        }
    }

    #[test]
    fn each_kind_is_parsed_from_its_own_name() {
        use PartitionerKind as Kind;
        for kind in [
            Kind::BuiltIn,
            Kind::RoundRobin,
            Kind::Random,
            Kind::Crc32,
            Kind::Crc32Consistent,
            Kind::STICKY_TIME,
        ] {
            assert_eq!(kind.name().parse::<Kind>().unwrap().name(), kind.name());
        }
    }

    #[test]
    fn removed_and_unknown_names_are_explained() {
        let advice = [
            (
                "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
                "leave partitioner.class unset",
            ),
            (
                "org.apache.kafka.clients.producer.UniformStickyPartitioner",
                "partitioner.ignore.keys=true",
            ),
            ("murmur2", "murmur2_random"),
            ("fnv1a_random", "Partitioner trait"),
            ("com.example.Mine", "Partitioner trait"),
        ];
        for (name, hint) in advice {
            let message = name.parse::<PartitionerKind>().unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(hint), "{message}");
        }
    }
}
