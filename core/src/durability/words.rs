//! Findings in words: what would lose records when, and what to set.

use core::fmt;

use super::{Finding, SettingError};
use crate::config::Acks;

impl fmt::Display for Finding {
    /// What is so, and what would be lost when.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acks { acks: Acks::None } => f.write_str(
                "acks=0: records count as delivered when they are written to the socket; what the \
                 leader refuses, or a lost connection swallows, is gone without an error",
            ),
            Self::Acks { .. } => f.write_str(
                "acks=1: the leader alone has to have a record; if it fails before others have \
                 copied it, the record is gone",
            ),
            Self::UncleanElection => f.write_str(
                "unclean.leader.election.enable=true: when no replica in sync is left, one that is \
                 behind becomes the leader, and what it lacks is gone",
            ),
            Self::FewReplicas { partitions, replicas: 1, .. } => write!(
                f,
                "only 1 broker has a copy of {}: when it is lost, so are the records",
                Partitions(partitions),
            ),
            Self::FewReplicas { partitions, replicas, .. } => write!(
                f,
                "only {replicas} brokers have a copy of {}: when they are lost, so are the records",
                Partitions(partitions),
            ),
            Self::MinInSync { min: 0 | 1, .. } => f.write_str(
                "min.insync.replicas=1: while the other replicas are behind, acks=all is satisfied \
                 when the leader alone has a record; when it is then lost, so is the record",
            ),
            Self::MinInSync { min, .. } => write!(
                f,
                "min.insync.replicas={min}: while the other replicas are behind, acks=all is \
                 satisfied when {min} have a record; when they are then lost, so is the record",
            ),
            Self::NoSpareReplica { replicas, min, .. } if min > replicas => write!(
                f,
                "min.insync.replicas={min} is more than the number of replicas, {replicas}: every \
                 record is refused",
            ),
            Self::NoSpareReplica { replicas, min, failures } => write!(
                f,
                "{replicas} replicas with min.insync.replicas={min}: while {} down, records are \
                 refused",
                Brokers(*failures),
            ),
            Self::Unreadable { error } => write!(
                f,
                "min.insync.replicas and unclean.leader.election.enable can't be read: {error}",
            ),
            Self::NoRetries => f.write_str(
                "retries=0: an error that would pass, as an election, fails the record; it is up \
                 to the program to send it again",
            ),
            Self::NoLeader { .. } | Self::TooFewInSync { .. } | Self::Behind { .. } => {
                self.fmt_state(f)
            }
        }
    }
}

impl Finding {
    /// What is so for the moment.
    fn fmt_state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { partitions } => {
                write!(f, "nobody leads {} now: records wait, then fail", Partitions(partitions))
            }
            Self::TooFewInSync { partitions, min } => write!(
                f,
                "fewer than {min} replicas of {} are in sync now: records are refused",
                Partitions(partitions),
            ),
            Self::Behind { partitions } => {
                write!(f, "replicas of {} are down or behind now", Partitions(partitions))
            }
            _ => Ok(()),
        }
    }
}

/// What to do about a finding, for people.
#[derive(Clone, Copy, Debug)]
pub struct Remedy<'a>(&'a Finding);

impl<'a> Remedy<'a> {
    pub(super) fn of(finding: &'a Finding) -> Self {
        Self(finding)
    }
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Finding::Acks { .. } => f.write_str("set acks=all in the producer"),
            Finding::UncleanElection => {
                f.write_str("set unclean.leader.election.enable=false on the topic")
            }
            Finding::FewReplicas { failures, .. } => write!(
                f,
                "give the topic {} replicas (kafka-reassign-partitions)",
                failures.saturating_mul(2).saturating_add(1),
            ),
            Finding::MinInSync { needed, .. } => {
                write!(f, "set min.insync.replicas={needed} on the topic")
            }
            Finding::NoSpareReplica { min, failures, .. } => write!(
                f,
                "give the topic {} replicas (kafka-reassign-partitions)",
                min.saturating_add(*failures),
            ),
            Finding::NoLeader { .. } | Finding::TooFewInSync { .. } | Finding::Behind { .. } => {
                f.write_str("bring the brokers back that are down")
            }
            Finding::Unreadable { error: SettingError::Refused(_) } => {
                f.write_str("let this user DescribeConfigs on the topic (kafka-acls)")
            }
            Finding::Unreadable { .. } => f.write_str("ask a broker of Kafka 2.1 or newer"),
            Finding::NoRetries => f.write_str("leave retries to its default"),
        }
    }
}

/// `partition 3`, `partitions 1, 2, 3`, `8 partitions`.
struct Partitions<'a>(&'a [i32]);

impl fmt::Display for Partitions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LISTED: usize = 6;
        match self.0 {
            [one] => write!(f, "partition {one}"),
            many if many.len() > LISTED => write!(f, "{} partitions", many.len()),
            [first, rest @ ..] => {
                write!(f, "partitions {first}")?;
                rest.iter().try_for_each(|partition| write!(f, ", {partition}"))
            }
            [] => f.write_str("no partition"),
        }
    }
}

/// `1 broker is`, `2 brokers are`.
struct Brokers(u32);

impl fmt::Display for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 broker is"),
            many => write!(f, "{many} brokers are"),
        }
    }
}
