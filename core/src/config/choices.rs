//! The values of those configuration fields that are a choice among a few.

use core::time::Duration;

use crate::records::compression::Compression;

/// How many replicas must have a batch before the broker acknowledges it (`acks`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acks {
    /// `0`: the broker does not answer; a record counts as delivered once it is written to the
    /// socket.
    None,
    /// `1`: the leader has it. Lost if the leader dies before a follower copied it.
    Leader,
    /// `all` or `-1`: every in-sync replica has it. Needed by idempotence.
    #[default]
    All,
}

impl Acks {
    /// The value of the Produce request's `acks` field: 0, 1 or −1.
    #[must_use]
    pub const fn wire_value(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// What to do when no known broker can be reached (`metadata.recovery.strategy`, KIP-899,
/// KIP-1102).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetadataRecovery {
    /// Keep trying the brokers of the last known cluster.
    None,
    /// Start again from `bootstrap.servers`.
    Rebootstrap {
        /// How long no metadata update may succeed before the bootstrap servers are asked again
        /// (`metadata.recovery.rebootstrap.trigger.ms`).
        trigger: Duration,
    },
}

impl Default for MetadataRecovery {
    fn default() -> Self {
        Self::Rebootstrap { trigger: Duration::from_secs(300) }
    }
}

/// How the addresses behind a broker's host name are used (`client.dns.lookup`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DnsLookup {
    /// Every address of a name is tried in turn before the connection counts as failed.
    #[default]
    UseAllDnsIps,
    /// Bootstrap names are first resolved to canonical host names (needed by Kerberos behind an
    /// alias).
    ResolveCanonicalBootstrapServersOnly,
}

/// What one topic does differently from the producer (`topic.NAME.…`; KIP-1107, 0.8's
/// `compressed.topics`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TopicOverrides {
    /// `topic.NAME.acks`; `None` inherits the producer's.
    pub acks: Option<Acks>,
    /// `topic.NAME.compression.type`; `None` inherits the producer's.
    pub compression: Option<Compression>,
}
