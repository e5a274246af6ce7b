//! A Produce request, checked and written anew.

use std::collections::HashSet;

use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::produce::{ProduceRequest, ProduceRequestBuilder, TopicRef};
use ottla_core::protocol::uuid::Uuid;

use super::Call;
use super::batch::{self, BatchRules, Identity};

/// The name under which the bridge speaks to brokers: never a client's own words.
const CLIENT_ID: &str = "ottla-bridge";
/// What the broker may wait for its replicas, in ms.
const TIMEOUTS: std::ops::RangeInclusive<i32> = 1000..=30_000;
/// `acks=all`.
const ALL: i16 = -1;

/// What a Produce request is held to, beside its batches.
pub(crate) trait Rules {
    /// Whether the batch's identity is one that the sender holds.
    fn holds(&self, identity: Identity) -> bool;
    /// Whether the sender may write to the topic.
    fn grants(&self, topic: &str) -> bool;
    /// How large requests may be: topics, partitions.
    fn counts(&self) -> (usize, usize);
    /// What batches are held to.
    fn batches(&self) -> &BatchRules;
}

/// Why a request is not even answered partition by partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// It can't be read, or is larger than allowed.
    Malformed(DecodeError),
    /// More topics or partitions than allowed.
    TooMany,
    /// It wants no answer, so nobody would learn that it is refused.
    NoAcks,
}

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// A request after every check: what may go to a broker, and what each other partition is told.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) timeout_ms: i32,
    pub(crate) topics: Vec<PlannedTopic>,
    /// A batch bears an identity that the sender does not hold: nothing is forwarded, and the
    /// session ends.
    pub(crate) stolen_identity: Option<Identity>,
    /// The identities of the batches that may pass, each once.
    pub(crate) identities: Vec<Identity>,
}

/// A topic of a [`Plan`].
#[derive(Debug)]
pub(crate) struct PlannedTopic {
    pub(crate) name: Box<str>,
    pub(crate) partitions: Vec<PlannedPartition>,
}

/// A partition of a [`Plan`].
#[derive(Debug)]
pub(crate) struct PlannedPartition {
    pub(crate) index: i32,
    /// `None`: it may pass.
    pub(crate) refusal: Option<ErrorCode>,
    /// Where its batch is in the request's body.
    pub(crate) batch: std::ops::Range<usize>,
}

impl Plan {
    /// Checks a request.
    pub(crate) fn new(
        call: &Call<'_>,
        rules: &impl Rules,
        scratch: &mut Vec<u8>,
    ) -> Result<Self, Violation> {
        let request = ProduceRequest::parse(call.body, call.version)?;
        if request.acks == 0 {
            return Err(Violation::NoAcks);
        }
        let mut plan = Self {
            version: call.version,
            correlation_id: call.correlation_id,
            timeout_ms: request.timeout_ms.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()),
            topics: Vec::new(),
            stolen_identity: None,
            identities: Vec::new(),
        };
        plan.add_topics(call.body, &request, rules)?;
        plan.find_stolen_identity(call.body, rules);
        let general = match &request {
            _ if plan.stolen_identity.is_some() => Some(ErrorCode::InvalidProducerIdMapping),
            request if request.transactional_id.is_some() => {
                Some(ErrorCode::TransactionalIdAuthorizationFailed)
            }
            request if request.acks != ALL => Some(ErrorCode::InvalidRequiredAcks),
            _ => None,
        };
        plan.judge(call.body, rules, general, scratch);
        Ok(plan)
    }

    fn add_topics(
        &mut self,
        body: &[u8],
        request: &ProduceRequest<'_>,
        rules: &impl Rules,
    ) -> Result<(), Violation> {
        let (most_topics, most_partitions) = rules.counts();
        let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        if request.topics.len() > most_topics || partitions > most_partitions {
            return Err(Violation::TooMany);
        }
        for topic in request.topics {
            // Versions with topic ids are not offered.
            let TopicRef::Name(name) = topic.topic else { return Err(Violation::TooMany) };
            let partitions = topic.partitions.iter().map(|partition| PlannedPartition {
                index: partition.partition,
                refusal: None,
                batch: place(body, partition.records),
            });
            self.topics.push(PlannedTopic { name: name.into(), partitions: partitions.collect() });
        }
        Ok(())
    }

    /// Looks at every batch's identity before anything else, as far as there are bytes.
    fn find_stolen_identity(&mut self, body: &[u8], rules: &impl Rules) {
        for partition in self.topics.iter().flat_map(|topic| &topic.partitions) {
            let Some(identity) = batch::identity(&body[partition.batch.clone()]) else { continue };
            if self.identities.contains(&identity) {
                continue;
            }
            if !rules.holds(identity) {
                self.stolen_identity = Some(identity);
                return;
            }
            self.identities.push(identity);
        }
    }

    /// Decides on each partition.
    fn judge(
        &mut self,
        body: &[u8],
        rules: &impl Rules,
        general: Option<ErrorCode>,
        scratch: &mut Vec<u8>,
    ) {
        let mut seen = HashSet::new();
        for topic in &mut self.topics {
            let granted = rules.grants(&topic.name);
            for partition in &mut topic.partitions {
                let judgement = if let Some(error) = general {
                    Err(error)
                } else if !granted {
                    Err(ErrorCode::TopicAuthorizationFailed)
                } else if partition.index < 0 {
                    Err(ErrorCode::UnknownTopicOrPartition)
                } else if !seen.insert((topic.name.clone(), partition.index)) {
                    Err(ErrorCode::InvalidRequest)
                } else {
                    batch::check(&body[partition.batch.clone()], rules.batches(), scratch)
                };
                partition.refusal = judgement.err();
            }
        }
    }

    /// Whether anything may pass.
    pub(crate) fn forwards(&self) -> bool {
        self.topics.iter().any(PlannedTopic::forwards)
    }

    /// The request for a broker that speaks `version`, with correlation id 0: what may pass, its
    /// batches byte for byte, and of that only what `choose` takes.
    pub(crate) fn request(
        &self,
        body: &[u8],
        version: i16,
        choose: impl Fn(&PlannedTopic, &PlannedPartition) -> bool,
    ) -> Vec<u8> {
        let chosen = |topic: &PlannedTopic| {
            let passing = |p: &&PlannedPartition| p.refusal.is_none() && choose(topic, p);
            topic.partitions.iter().filter(passing).count()
        };
        let topics = self.topics.iter().filter(|topic| chosen(topic) > 0).count();
        let (mut head, mut splices) = (Vec::new(), Vec::new());
        let timeout = self.timeout_ms;
        let mut request = ProduceRequestBuilder::begin(
            &mut head, version, 0, CLIENT_ID, None, ALL, timeout, topics,
        );
        let mut batch_bytes = 0;
        for topic in &self.topics {
            let count = chosen(topic);
            if count == 0 {
                continue;
            }
            request.topic(&topic.name, Uuid::ZERO, count);
            for partition in &topic.partitions {
                if partition.refusal.is_some() || !choose(topic, partition) {
                    continue;
                }
                let length = partition.batch.len();
                splices.push((request.partition(partition.index, length), partition));
                batch_bytes += length;
                request.end_partition();
            }
            request.end_topic();
        }
        request.finish(batch_bytes);
        join(&head, body, &splices, batch_bytes)
    }
}

impl PlannedTopic {
    fn forwards(&self) -> bool {
        self.partitions.iter().any(|partition| partition.refusal.is_none())
    }
}

/// Puts each batch where the head has its place.
fn join(
    head: &[u8],
    body: &[u8],
    splices: &[(usize, &PlannedPartition)],
    batch_bytes: usize,
) -> Vec<u8> {
    let mut frame = Vec::with_capacity(head.len() + batch_bytes);
    let mut from = 0;
    for (at, partition) in splices {
        frame.extend_from_slice(&head[from..*at]);
        frame.extend_from_slice(&body[partition.batch.clone()]);
        from = *at;
    }
    frame.extend_from_slice(&head[from..]);
    frame
}

/// Where `part`, which was cut out of `whole`, is in it.
fn place(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    if part.is_empty() || start + part.len() > whole.len() {
        return 0..0;
    }
    start..start + part.len()
}
