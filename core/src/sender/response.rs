//! What a broker answered, matched with what it was asked.

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::ControlFlow;

use super::Sender;
use super::login::SASL;
use super::node::{InFlight, Link, Request, Sent};
use crate::error::ErrorCode;
use crate::protocol::api_key::{ApiKey, BROKERS};
use crate::protocol::api_versions::ApiVersionsResponse;
use crate::protocol::decode_error::DecodeError;
use crate::protocol::frame::FrameReader;
use crate::protocol::header::parse_response_header;
use crate::protocol::init_producer_id::InitProducerIdResponse;
use crate::protocol::metadata::MetadataResponse;
use crate::protocol::produce::{PartitionProduceResponse, ProduceResponse, TopicRef};
use crate::protocol::sasl_authenticate::SaslAuthenticateResponse;
use crate::protocol::sasl_handshake::SaslHandshakeResponse;
use crate::sync::Platform;
use crate::texts::text_of;
use crate::time::Instant;
use crate::transport::NodeId;

/// An answer that can't be one.
pub(super) enum Nonsense {
    Decode(DecodeError),
    Correlation { expected: i32, found: i32 },
    Unasked,
    AnsweredTwice,
}

impl From<DecodeError> for Nonsense {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("corrupt response");
        }
        match self {
            Self::Decode(error) => write!(f, "corrupt response: {error}"),
            Self::Correlation { expected, found } => {
                write!(f, "corrupt response: correlation id {found} where {expected} is due")
            }
            Self::Unasked => f.write_str("corrupt response: nothing was asked"),
            Self::AnsweredTwice => f.write_str("corrupt response: two answers for one partition"),
        }
    }
}

impl<X: Platform> Sender<X> {
    /// Handles all whole frames that were received from a node.
    pub(super) fn read_frames(&mut self, id: NodeId, now: Instant) {
        // The reader is taken out while its frames are looked at, and put back with its buffer.
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let login = node.link == Link::LoggingIn;
        let mut reader = mem::replace(&mut node.reader, FrameReader::new(0));
        let broken = loop {
            match self.condense(id, &mut reader, now) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break None,
                Err(why) => break Some(why),
            }
            match reader.next_frame() {
                Ok(None) => break None,
                Ok(Some(frame)) => {
                    if let Err(nonsense) = self.handle_frame(id, frame, now) {
                        break Some(text_of(&nonsense));
                    }
                }
                Err(error) => break Some(text_of(&error)),
            }
        };
        let node = self.nodes.get_mut(&id);
        // What is left of a connection that was lost meanwhile must not be read from the next one.
        let lost = node.as_ref().is_none_or(|node| node.is_down());
        let buffer = if lost { reader.clear() } else { Vec::new() };
        if let Some(node) = node {
            node.reader = reader;
        }
        self.recycle_receive_buffer(buffer);
        match broken {
            Some(why) => self.refuse_node(id, &why, now),
            None if login => {} // nobody asked for it
            None => self.mark_used(id, now),
        }
    }

    /// The answer to the oldest request in flight: a broker answers in order (row D13). Everything
    /// in it is checked before anything of it has an effect.
    pub(super) fn handle_frame(
        &mut self,
        id: NodeId,
        frame: &[u8],
        now: Instant,
    ) -> Result<(), Nonsense> {
        let node = self.nodes.get_mut(&id).ok_or(Nonsense::Unasked)?;
        let request = node.in_flight.front().filter(|r| r.is_written()).ok_or(Nonsense::Unasked)?;
        let (version, expected) = (request.version, request.correlation_id);
        let key = request.request.key();
        let (found, body) = parse_response_header(frame, key.response_header_version(version))?;
        if found != expected {
            return Err(Nonsense::Correlation { expected, found });
        }
        match key {
            ApiKey::ApiVersions if BROKERS => {
                let response = ApiVersionsResponse::parse(body, version)?;
                self.finish(id);
                self.handle_api_versions(id, response, version, now);
            }
            ApiKey::Metadata => {
                let response = MetadataResponse::parse(body, version)?;
                self.finish(id);
                self.handle_metadata(id, &response, now);
            }
            ApiKey::InitProducerId if !self.is_transactional() => {
                let response = InitProducerIdResponse::parse(body, version)?;
                self.finish(id);
                self.handle_init_producer_id(id, response, now);
            }
            ApiKey::SaslHandshake if SASL => {
                let response = SaslHandshakeResponse::parse(body, version)?;
                self.pop_request(id);
                self.handle_sasl_handshake(id, &response, now);
            }
            ApiKey::SaslAuthenticate if SASL => {
                let response = SaslAuthenticateResponse::parse(body, version)?;
                self.pop_request(id);
                self.handle_sasl_authenticate(id, &response, now);
            }
            ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => return Err(Nonsense::Unasked),
            ApiKey::Produce => {
                let response = ProduceResponse::parse(body, version)?;
                let answers = self.match_answers(id, &response)?;
                if let Some(request) = self.pop_request(id) {
                    let batches = self.finish_produce(request, now);
                    self.handle_produce(id, batches, answers, &response, now);
                }
            }
            _ => self.handle_coordinator(id, body, version, now)?,
        }
        Ok(())
    }

    pub(super) fn pop_request(&mut self, id: NodeId) -> Option<InFlight<X>> {
        self.nodes.get_mut(&id)?.in_flight.pop_front()
    }

    fn finish(&mut self, id: NodeId) {
        if let Some(request) = self.pop_request(id) {
            self.recycle_head(request.head);
        }
    }

    fn finish_produce(&mut self, request: InFlight<X>, now: Instant) -> Vec<Sent<X>> {
        self.metrics.request_latency.record_duration(now.since(request.sent_at));
        self.metrics.requests_in_flight -= 1;
        self.recycle_head(request.head);
        match request.request {
            Request::Produce(batches) => batches,
            _ => Vec::new(),
        }
    }

    /// The answers for the batches of the oldest request in flight, in their order.
    fn match_answers<'a>(
        &self,
        id: NodeId,
        response: &ProduceResponse<'a>,
    ) -> Result<Vec<Option<PartitionProduceResponse<'a>>>, Nonsense> {
        let request = self.nodes.get(&id).and_then(|node| node.in_flight.front());
        let Some(Request::Produce(batches)) = request.map(|request| &request.request) else {
            return Err(Nonsense::Unasked);
        };
        let is_for = |sent: &Sent<X>, topic: TopicRef<'_>, partition: i32| {
            let lane = &self.lanes[sent.lane as usize];
            let ours = &self.topics[lane.topic];
            let same_topic = match topic {
                TopicRef::Name(name) => name == &*ours.state.name,
                TopicRef::Id(id) => id == ours.id,
            };
            partition == lane.partition.index && same_topic
        };
        let mut answers = Answers::new(response);
        let find = |sent| answers.find(|topic, partition| is_for(sent, topic, partition));
        let matched: Vec<_> = batches.iter().map(find).collect();
        // Which of two answers is a batch's own can't be known. Answers for nobody are normal only
        // where the topic was created again in the meantime.
        let left_over = matched.iter().flatten().count() < answers.flat.len();
        let has_twins = |sent| answers.count(|topic, partition| is_for(sent, topic, partition)) > 1;
        if left_over && batches.iter().any(has_twins) {
            return Err(Nonsense::AnsweredTwice);
        }
        Ok(matched)
    }

    fn handle_produce(
        &mut self,
        id: NodeId,
        batches: Vec<Sent<X>>,
        answers: Vec<Option<PartitionProduceResponse<'_>>>,
        response: &ProduceResponse<'_>,
        now: Instant,
    ) {
        // A bridge's nodes are all in its metadata.
        for endpoint in response.node_endpoints.into_iter().filter(|_| BROKERS) {
            self.learn_node(endpoint.node_id, endpoint.host, endpoint.port, now);
        }
        self.throttle(id, response.throttle_time_ms, now);
        for (sent, answer) in batches.into_iter().zip(answers) {
            match answer {
                Some(answer) => self.handle_answer(sent, &answer, now),
                // 0.8 called this an incomplete response; later clients wait for the timeout
                // (E6.10).
                None => self.unanswered(sent, ErrorCode::NetworkException, true, now),
            }
        }
    }

    /// Requests that get no answer (`acks=0`) are complete when they are written, even behind one
    /// that still waits for its answer: to send them again later would store them twice.
    pub(super) fn complete_unanswered(&mut self, id: NodeId, now: Instant) {
        if !BROKERS {
            return; // a bridge answers everything
        }
        while let Some(request) = self.nodes.get_mut(&id).and_then(|node| node.take_unanswered()) {
            for sent in self.finish_produce(request, now) {
                self.acknowledged(sent, None, None, now);
            }
        }
    }
}

/// A response's partitions, looked up in the order of the request, which brokers usually keep.
struct Answers<'a> {
    flat: Vec<(TopicRef<'a>, PartitionProduceResponse<'a>)>,
    next: usize,
}

impl<'a> Answers<'a> {
    fn new(response: &ProduceResponse<'a>) -> Self {
        let mut flat = Vec::new();
        for topic in response.topics {
            flat.extend(topic.partitions.iter().map(|partition| (topic.topic, partition)));
        }
        Self { flat, next: 0 }
    }

    fn find(
        &mut self,
        wanted: impl Fn(TopicRef<'a>, i32) -> bool,
    ) -> Option<PartitionProduceResponse<'a>> {
        let count = self.flat.len();
        for step in 0..count {
            let at = (self.next + step) % count;
            let (topic, answer) = &self.flat[at];
            if wanted(*topic, answer.partition) {
                self.next = at + 1;
                return Some(*answer);
            }
        }
        None
    }

    /// How many answers are for this partition.
    fn count(&self, wanted: impl Fn(TopicRef<'a>, i32) -> bool) -> usize {
        self.flat.iter().filter(|(topic, answer)| wanted(*topic, answer.partition)).count()
    }
}
