//! A Produce response, rebuilt from the fields that a client may see.

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::codec::{
    put_i16, put_i32, put_i64, put_length, put_no_tags, put_nullable_string, put_string,
    put_unsigned_varint,
};
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::produce::{ProduceResponse, TopicRef};

use super::produce::Plan;
use super::response;

/// What became of a partition's batch, in what a client may know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) error: ErrorCode,
    pub(crate) base_offset: i64,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start_offset: i64,
    /// The leader's id, as the bridge names it, and its epoch.
    pub(crate) leader: Option<(u32, i32)>,
}

impl Outcome {
    /// Nothing was written.
    pub(crate) fn refused(error: ErrorCode) -> Self {
        Self { error, base_offset: -1, log_append_time_ms: -1, log_start_offset: -1, leader: None }
    }
}

/// Outcomes by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Vec<(Box<str>, i32, Outcome)>);

impl Outcomes {
    /// Reads a broker's response. `name_node` knows what the bridge calls a broker.
    pub(crate) fn add(
        &mut self,
        body: &[u8],
        version: i16,
        name_node: impl Fn(i32) -> Option<u32>,
    ) -> Result<(), DecodeError> {
        let response = ProduceResponse::parse(body, version)?;
        for topic in response.topics {
            let TopicRef::Name(name) = topic.topic else { continue };
            for partition in topic.partitions {
                let leader = partition
                    .current_leader
                    .and_then(|leader| Some((name_node(leader.leader_id)?, leader.leader_epoch)));
                let outcome = Outcome {
                    error: partition.error,
                    base_offset: partition.base_offset,
                    log_append_time_ms: partition.log_append_time_ms,
                    log_start_offset: partition.log_start_offset,
                    leader,
                };
                self.0.push((name.into(), partition.partition, outcome));
            }
        }
        Ok(())
    }

    /// Records an outcome that no broker told.
    pub(crate) fn insert(&mut self, topic: &str, partition: i32, outcome: Outcome) {
        self.0.push((topic.into(), partition, outcome));
    }

    /// Whether a broker says that it does not lead a partition any more.
    pub(crate) fn metadata_is_old(&self) -> bool {
        self.0.iter().any(|(.., outcome)| outcome.error.refreshes_metadata())
    }

    fn get(&self, topic: &str, partition: i32) -> Option<Outcome> {
        let found = self.0.iter().find(|(name, index, _)| **name == *topic && *index == partition);
        found.map(|(.., outcome)| *outcome)
    }
}

/// The response to a plan's request. A partition of which the broker said nothing is left out, as
/// the broker did.
pub(crate) fn write(plan: &Plan, outcomes: &Outcomes, throttle_time_ms: i32) -> Vec<u8> {
    let (version, flexible) = (plan.version, ApiKey::Produce.is_flexible(plan.version));
    response(ApiKey::Produce, version, plan.correlation_id, |out| {
        put_length(out, Some(plan.topics.len() as u32), flexible);
        for topic in &plan.topics {
            let known: Vec<(i32, Outcome)> = topic
                .partitions
                .iter()
                .filter_map(|partition| {
                    let outcome = match partition.refusal {
                        Some(error) => Some(Outcome::refused(error)),
                        None => outcomes.get(&topic.name, partition.index),
                    };
                    Some((partition.index, outcome?))
                })
                .collect();
            put_string(out, &topic.name, flexible);
            put_length(out, Some(known.len() as u32), flexible);
            for (index, outcome) in known {
                put_partition(out, version, flexible, index, &outcome);
            }
            put_no_tags(out, flexible);
        }
        put_i32(out, throttle_time_ms);
        put_no_tags(out, flexible);
    })
}

fn put_partition(out: &mut Vec<u8>, version: i16, flexible: bool, index: i32, outcome: &Outcome) {
    put_i32(out, index);
    put_i16(out, outcome.error.code());
    put_i64(out, outcome.base_offset);
    put_i64(out, outcome.log_append_time_ms);
    if version >= 5 {
        put_i64(out, outcome.log_start_offset);
    }
    if version >= 8 {
        // Record errors and the broker's words may tell of its inside.
        put_length(out, Some(0), flexible);
        put_nullable_string(out, None, flexible);
    }
    match outcome.leader.filter(|_| version >= 10) {
        Some((node, epoch)) => {
            put_unsigned_varint(out, 1);
            put_unsigned_varint(out, 0); // tag: CurrentLeader (KIP-951)
            put_unsigned_varint(out, 9);
            put_i32(out, node as i32);
            put_i32(out, epoch);
            put_no_tags(out, true);
        }
        None => put_no_tags(out, flexible),
    }
}
