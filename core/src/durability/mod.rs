//! Whether what brokers acknowledge is kept: how `acks`, the replication factor,
//! `min.insync.replicas` and `unclean.leader.election.enable` work together.
//!
//! Each alone says little: `acks=all` waits for the replicas that are in sync *now*, which may be
//! the leader alone. [`assess`] looks at all of them, and says what would lose records when, and
//! what to set. It asks nobody: whoever has asked the cluster hands in what it told.
//!
//! | file | job |
//! | --- | --- |
//! | `facts.rs` | what a cluster tells of a topic, from its answers |
//! | `finding.rs` | what is wrong, and what it leads to |
//! | `words.rs` | the same for people |

mod facts;
mod finding;
mod words;

use alloc::vec::Vec;

pub use facts::{FactsError, PartitionFacts, Setting, SettingError, TopicFacts};
pub use finding::{Consequence, Finding};
pub use words::Remedy;

use crate::config::Acks;

/// The settings that matter, by the names that brokers give them.
pub const SETTINGS: [&str; 2] = [MIN_IN_SYNC, UNCLEAN];

const MIN_IN_SYNC: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many brokers may be lost at once, disks included, without the loss of an acknowledged
    /// record, and be down without stopping the producer.
    pub failures: u32,
    /// What the producer waits for.
    pub acks: Acks,
    /// How often the producer sends a record again.
    pub retries: u32,
}

/// The answer in one word. Of several the worst counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// What is acknowledged is kept, and the producer goes on.
    Durable,
    /// What is acknowledged is kept, but the producer stops, or has stopped.
    Stops,
    /// Something could not be read, so nobody knows.
    Unknown,
    /// Acknowledged records can be lost.
    Loses,
}

/// Everything that is wrong with a topic, the worst first.
#[must_use]
pub fn assess(topic: &TopicFacts, demand: &Demand) -> Vec<Finding> {
    let mut findings = Vec::new();
    if demand.acks != Acks::All {
        findings.push(Finding::Acks { acks: demand.acks });
    }
    match &topic.unclean_leader_election {
        Ok(unclean) if unclean.value => findings.push(Finding::UncleanElection),
        _ => {}
    }
    assess_copies(topic, demand.failures, &mut findings);
    let errors = [topic.min_in_sync.as_ref().err(), topic.unclean_leader_election.as_ref().err()];
    if let Some(error) = errors.into_iter().flatten().next() {
        findings.push(Finding::Unreadable { error: error.clone() });
    }
    if demand.retries == 0 {
        findings.push(Finding::NoRetries);
    }
    findings.sort_by_key(Finding::consequence);
    findings
}

/// How many copies there are, and must be.
fn assess_copies(topic: &TopicFacts, failures: u32, findings: &mut Vec<Finding>) {
    let needed = failures.saturating_add(1);
    let replicas = topic.replication_factor();
    if replicas < needed {
        let partitions = topic.partitions_where(|partition| partition.copies() < needed);
        findings.push(Finding::FewReplicas { partitions, replicas, failures });
    }
    let leaderless = topic.partitions_where(|partition| partition.leader.is_none());
    if !leaderless.is_empty() {
        findings.push(Finding::NoLeader { partitions: leaderless });
    }
    let Ok(Setting { value: min, .. }) = topic.min_in_sync else { return };
    if min < needed {
        findings.push(Finding::MinInSync { min, needed });
    }
    // With fewer than `failures + 1` copies the advice above covers it.
    if replicas >= needed && replicas < failures.saturating_add(min) {
        findings.push(Finding::NoSpareReplica { replicas, min, failures });
    }
    let short = topic.partitions_where(|partition| {
        partition.leader.is_some() && (partition.in_sync.len() as u32) < min
    });
    if !short.is_empty() {
        findings.push(Finding::TooFewInSync { partitions: short, min });
    }
    let behind = topic.partitions_where(|partition| {
        let in_sync = partition.in_sync.len() as u32;
        partition.leader.is_some() && in_sync >= min && in_sync < partition.copies()
    });
    if !behind.is_empty() {
        findings.push(Finding::Behind { partitions: behind });
    }
}

/// What `findings` come to.
#[must_use]
pub fn verdict(findings: &[Finding]) -> Verdict {
    let of = |finding: &Finding| match finding.consequence() {
        Consequence::Loss => Verdict::Loses,
        Consequence::Unknown => Verdict::Unknown,
        Consequence::Stop => Verdict::Stops,
        Consequence::Notice => Verdict::Durable,
    };
    findings.iter().map(of).max().unwrap_or(Verdict::Durable)
}

#[cfg(test)]
mod tests;
