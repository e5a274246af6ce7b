//! Sends each partition's batch to its leader and puts the answers together.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::error_code::ErrorCode;
use tokio::sync::oneshot;
use tokio::time::{Duration, timeout};

use super::{FRESH, METADATA_PATIENCE, Ticket, who};
use crate::auth::Grant;
use crate::bridge::Bridge;
use crate::config::Limits;
use crate::kafka::batch::{BatchRules, Identity};
use crate::kafka::produce::{Plan, PlannedPartition, PlannedTopic, Rules};
use crate::kafka::produce_reply::{self, Outcome, Outcomes};
use crate::kafka::{BadCall, Call};
use crate::lease::Proven;
use crate::session::{PRODUCE_VERSION, Peer, ROUND_TRIPS, batch_rules, judge};
use crate::upstream::{Lost, Reply, Wanted};

/// The responses with their sizes, and whether some are missing.
#[derive(Debug, Default)]
pub(super) struct Produced {
    pub(super) responses: Vec<u8>,
    pub(super) cut: bool,
}

/// What the requests of a body are held to: each batch bears the identity of a ticket in it.
struct OneShotRules<'a> {
    tickets: &'a [Ticket<'a>],
    grant: &'a Grant,
    limits: &'a Limits,
    batches: BatchRules,
}

impl Rules for OneShotRules<'_> {
    fn holds(&self, identity: Identity) -> bool {
        proven(self.tickets).any(|proven| proven.covers(identity))
    }

    fn grants(&self, topic: &str) -> bool {
        self.grant.topics.grants(topic)
    }

    fn counts(&self) -> (usize, usize) {
        (self.limits.topics_per_request, self.limits.partitions_per_request)
    }

    fn batches(&self) -> &BatchRules {
        &self.batches
    }
}

fn proven<'a>(tickets: &'a [Ticket<'a>]) -> impl Iterator<Item = &'a Proven> + Clone {
    tickets.iter().filter_map(|(_, read)| read.as_ref().ok())
}

/// A request that was sent on: one part for each leader.
struct Sent {
    plan: Plan,
    outcomes: Outcomes,
    parts: Vec<(i16, oneshot::Receiver<Result<Bytes, Lost>>)>,
}

/// Forwards the requests of a body.
pub(super) async fn produce(
    bridge: &Arc<Bridge>,
    peer: &Peer,
    grant: &Grant,
    tickets: &[Ticket<'_>],
    stream: &[u8],
) -> Result<Produced, StatusCode> {
    if stream.is_empty() {
        return Ok(Produced::default());
    }
    let limits = bridge.config().limits.clone();
    let rules = OneShotRules { tickets, grant, batches: batch_rules(&limits), limits: &limits };
    let mut plans = Vec::new();
    for frame in split(stream, limits.request_bytes).ok_or(StatusCode::BAD_REQUEST)? {
        let (call, plan) = check(bridge, peer, grant, &rules, frame)?;
        plans.push((call.body, plan));
    }
    learn_leaders(bridge, &plans).await;
    let mut sent = Vec::new();
    for (body, plan) in plans {
        sent.push(send(bridge, tickets, body, plan).await);
    }
    Ok(gather(bridge, sent).await)
}

/// Whole requests, each with its size before it.
fn split(mut stream: &[u8], max: u32) -> Option<Vec<&[u8]>> {
    let mut frames = Vec::new();
    while !stream.is_empty() {
        let (size, rest) = stream.split_first_chunk()?;
        let size = u32::from_be_bytes(*size);
        let (frame, rest) = rest.split_at_checked(size as usize).filter(|_| size <= max)?;
        frames.push(frame);
        stream = rest;
    }
    Some(frames)
}

fn check<'a>(
    bridge: &Bridge,
    peer: &Peer,
    grant: &Grant,
    rules: &OneShotRules<'_>,
    frame: &'a [u8],
) -> Result<(Call<'a>, Plan), StatusCode> {
    let deny = |threat, what| bridge.deny(&who(peer, grant), threat, what);
    let call = Call::parse(frame).map_err(|bad| {
        if matches!(bad, BadCall::NotOffered { .. }) {
            deny("T5", "an API or version that is not offered");
        }
        StatusCode::BAD_REQUEST
    })?;
    if call.key != ApiKey::Produce {
        deny("T5", "another request than Produce without a session");
        return Err(StatusCode::BAD_REQUEST);
    }
    let plan = judge(&call, rules, &mut Vec::new()).map_err(|_| {
        deny("T17", "a malformed request");
        StatusCode::BAD_REQUEST
    })?;
    if plan.stolen_identity.is_some() {
        deny("T8", "a batch with an identity of which there is no ticket");
        return Err(StatusCode::FORBIDDEN);
    }
    Ok((call, plan))
}

async fn learn_leaders(bridge: &Bridge, plans: &[(&[u8], Plan)]) {
    let topics = plans.iter().flat_map(|(_, plan)| &plan.topics);
    let passing = topics.filter(|topic| topic.partitions.iter().any(|p| p.refusal.is_none()));
    let mut names: Vec<String> = passing.map(|topic| topic.name.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    // What is not learned has no leader, and the answer says so.
    drop(timeout(METADATA_PATIENCE, bridge.cluster.topics(&Wanted::Names(names), FRESH)).await);
}

/// Sends a request's batches, each to its leader.
async fn send(bridge: &Arc<Bridge>, tickets: &[Ticket<'_>], body: &[u8], plan: Plan) -> Sent {
    let cluster = &bridge.cluster;
    let leader = |topic: &PlannedTopic, partition: &PlannedPartition| {
        cluster.leader(&topic.name, partition.index)
    };
    let (mut outcomes, mut parts) = (Outcomes::default(), Vec::new());
    let mut leaders = BTreeMap::new();
    for topic in &plan.topics {
        for partition in topic.partitions.iter().filter(|it| it.refusal.is_none()) {
            match leader(topic, partition) {
                Some(node) => drop(leaders.insert(node, ())),
                None => {
                    let refused = Outcome::refused(ErrorCode::LeaderNotAvailable);
                    outcomes.insert(&topic.name, partition.index, refused);
                }
            }
        }
    }
    // One producer's requests take one connection to each broker, and so keep their order.
    let number = plan.identities.first().map_or(0, |identity| identity.producer_id as u64);
    for node in leaders.into_keys() {
        let (tell, told) = oneshot::channel();
        let Some(Ok(connection)) = cluster.connect(node, number).await else {
            drop(tell.send(Err(Lost)));
            parts.push((PRODUCE_VERSION, told));
            continue;
        };
        let version = connection.versions().select_at_most(ApiKey::Produce, PRODUCE_VERSION);
        let Some(version) = version else { continue };
        let begun = bridge.leases.begin_one_shot(proven(tickets), &plan.identities);
        let Some(under_way) = begun else {
            for topic in &plan.topics {
                let of_node = |it: &&PlannedPartition| leader(topic, it) == Some(node);
                for partition in topic.partitions.iter().filter(of_node) {
                    let refused = Outcome::refused(ErrorCode::InvalidProducerIdMapping);
                    outcomes.insert(&topic.name, partition.index, refused);
                }
            }
            continue;
        };
        let frame = plan.request(body, version, |topic, it| leader(topic, it) == Some(node));
        let patience = Duration::from_millis(plan.timeout_ms as u64) + ROUND_TRIPS;
        let held = bridge.hold(frame.len());
        let reply = Reply::new(move |answer| {
            drop((under_way, held));
            // The client may have gone.
            drop(tell.send(answer));
        });
        connection.send(frame, ApiKey::Produce, version, patience, reply);
        parts.push((version, told));
    }
    Sent { plan, outcomes, parts }
}

/// Waits for the answers, in order. The first request without all of its own ends the reply: what
/// became of it is not known.
async fn gather(bridge: &Bridge, sent: Vec<Sent>) -> Produced {
    let mut produced = Produced::default();
    for Sent { plan, mut outcomes, parts } in sent {
        for (version, told) in parts {
            let read = told.await.unwrap_or(Err(Lost)).ok().and_then(|body| {
                let name = |broker| bridge.cluster.number_of(broker);
                outcomes.add(&body, version, name).ok()
            });
            if read.is_none() {
                return Produced { cut: true, ..produced };
            }
        }
        if outcomes.metadata_is_old() {
            bridge.cluster.invalidate();
        }
        produced.responses.extend(produce_reply::write(&plan, &outcomes, 0));
    }
    produced
}
