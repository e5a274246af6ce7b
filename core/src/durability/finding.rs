//! What is wrong, and what it leads to.

use alloc::vec::Vec;

use super::SettingError;
use super::words::Remedy;
use crate::config::Acks;

/// One thing that keeps a topic from what is asked of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// The producer does not wait for the replicas.
    Acks {
        /// What it waits for.
        acks: Acks,
    },
    /// A replica that lacks acknowledged records may become the leader.
    UncleanElection,
    /// So many brokers may hold all copies that there are.
    FewReplicas {
        /// The partitions.
        partitions: Vec<i32>,
        /// How many copies the worst of them has.
        replicas: u32,
        /// How many brokers may be lost.
        failures: u32,
    },
    /// Too few replicas have to have a record before it is acknowledged.
    MinInSync {
        /// How many have to.
        min: u32,
        /// How many should have to.
        needed: u32,
    },
    /// There is no replica to do without.
    NoSpareReplica {
        /// How many there are.
        replicas: u32,
        /// How many have to be in sync.
        min: u32,
        /// How many brokers may be down.
        failures: u32,
    },
    /// Nobody leads these partitions now.
    NoLeader {
        /// The partitions.
        partitions: Vec<i32>,
    },
    /// So few replicas are in sync now that the leader refuses records.
    TooFewInSync {
        /// The partitions.
        partitions: Vec<i32>,
        /// How many have to be in sync.
        min: u32,
    },
    /// Replicas are down or behind now.
    Behind {
        /// The partitions.
        partitions: Vec<i32>,
    },
    /// The topic's settings could not be read.
    Unreadable {
        /// Why not.
        error: SettingError,
    },
    /// What a retry would have saved fails.
    NoRetries,
}

/// What a finding leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Consequence {
    /// Acknowledged records can be lost.
    Loss,
    /// Nobody knows whether they can.
    Unknown,
    /// Records are refused.
    Stop,
    /// Nothing yet.
    Notice,
}

impl Finding {
    /// What it leads to.
    #[must_use]
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::Acks { .. }
            | Self::UncleanElection
            | Self::FewReplicas { .. }
            | Self::MinInSync { .. } => Consequence::Loss,
            Self::Unreadable { .. } => Consequence::Unknown,
            Self::NoSpareReplica { .. } | Self::NoLeader { .. } | Self::TooFewInSync { .. } => {
                Consequence::Stop
            }
            Self::Behind { .. } | Self::NoRetries => Consequence::Notice,
        }
    }

    /// A short, stable name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acks { .. } => "ACKS",
            Self::UncleanElection => "UNCLEAN_ELECTION",
            Self::FewReplicas { .. } => "FEW_REPLICAS",
            Self::MinInSync { .. } => "MIN_IN_SYNC",
            Self::NoSpareReplica { .. } => "NO_SPARE_REPLICA",
            Self::NoLeader { .. } => "NO_LEADER",
            Self::TooFewInSync { .. } => "TOO_FEW_IN_SYNC",
            Self::Behind { .. } => "BEHIND",
            Self::Unreadable { .. } => "UNREADABLE",
            Self::NoRetries => "NO_RETRIES",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> Remedy<'_> {
        Remedy::of(self)
    }
}
