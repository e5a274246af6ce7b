//! Kafka requests of a stream: which of the four it is, and the answers that the bridge itself
//! gives.

use ottla_bridge_protocol::{StreamEnd, StreamId};
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::error_code::ErrorCode;
use tokio::time::{Duration, timeout};

use super::stream::Slot;
use super::{Closed, Event, InitCall, Session};
use crate::auth::Topics;
use crate::bridge::Bridge;
use crate::kafka::init_producer_id::Request as InitRequest;
use crate::kafka::metadata::{self, Asked, Picture, TopicPicture};
use crate::kafka::{BadCall, Call, api_versions};
use crate::upstream::Wanted;

/// How long a client's question about metadata may wait for the cluster.
const METADATA_PATIENCE: Duration = Duration::from_secs(9);

impl Session {
    /// Takes the whole requests of a stream, as many as may be under way.
    pub(super) fn take_requests(&mut self, id: StreamId) -> Result<(), Closed> {
        while self.may_take(id) {
            let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
            match stream.next_request(self.config.limits.request_bytes) {
                Ok(None) => break,
                Err(end) => {
                    self.audit("T14", "a Kafka request above the limit");
                    self.refuse_stream(id, end);
                }
                Ok(Some(request)) => {
                    self.charge_request(request.len());
                    self.on_request(id, &request)?;
                }
            }
        }
        self.give_credit(id)
    }

    /// Gives credit back for what needs no room any more.
    fn give_credit(&mut self, id: StreamId) -> Result<(), Closed> {
        let waits = !self.may_take(id);
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let used = stream.settle(waits && stream.ending.is_none());
        if let Some(bytes) = self.protocol.consume(id, used) {
            self.say(&ottla_bridge_protocol::Frame::Credit { stream: id, bytes })?;
        }
        Ok(())
    }

    /// Ends a stream, once what was asked before is answered.
    fn refuse_stream(&mut self, id: StreamId, end: StreamEnd) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.end(end);
        }
    }

    fn on_request(&mut self, id: StreamId, frame: &[u8]) -> Result<(), Closed> {
        let call = match Call::parse(frame) {
            Ok(call) => call,
            Err(BadCall::ApiVersions { correlation_id }) => {
                self.put_ready(id, api_versions::unsupported(correlation_id));
                return Ok(());
            }
            Err(BadCall::NotOffered { key, version }) => {
                tracing::info!(session = %self.id, key, version, "a request that is not offered");
                self.audit("T5", "an API or version that is not offered");
                self.refuse_stream(id, StreamEnd::Forbidden);
                return Ok(());
            }
            Err(BadCall::Malformed(error)) => {
                self.malformed(id, &error);
                return Ok(());
            }
        };
        let handled = match call.key {
            ApiKey::Produce => return self.on_produce(id, &call),
            ApiKey::Metadata => self.on_metadata(id, &call),
            ApiKey::InitProducerId => match InitRequest::parse(&call) {
                Ok(request) => return self.on_init_producer_id(id, &call, request),
                Err(error) => Err(error),
            },
            _ => api_versions::answer(&call).map(|answer| self.put_ready(id, answer)),
        };
        if let Err(error) = handled {
            self.malformed(id, &error);
        }
        Ok(())
    }

    pub(super) fn malformed(&mut self, id: StreamId, error: &dyn std::fmt::Display) {
        tracing::info!(session = %self.id, %error, "a request that is none");
        self.audit("T17", "a malformed request");
        self.refuse_stream(id, StreamEnd::Malformed);
    }

    fn on_metadata(
        &mut self,
        id: StreamId,
        call: &Call<'_>,
    ) -> Result<(), ottla_core::protocol::decode_error::DecodeError> {
        let asked = Asked::parse(call)?;
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let (generation, slot) = (stream.generation, stream.push(Slot::Pending));
        let (bridge, topics, events) =
            (self.bridge.clone(), self.grant.topics.clone(), self.events.clone());
        let fresh = Duration::from_millis(self.config.times.metadata_fresh_ms);
        let (version, correlation_id) = (call.version, call.correlation_id);
        tokio::spawn(async move {
            let wanted = wanted_of(&asked, &topics);
            let told = timeout(METADATA_PATIENCE, bridge.cluster.topics(&wanted, fresh)).await;
            let known = told.ok().and_then(Result::ok);
            // What the cluster does not tell has no leader for now: clients ask again.
            let known = known.unwrap_or_else(|| unavailable(&wanted));
            let picture = picture_for(&bridge, &asked, &topics, known);
            let call = Call { key: ApiKey::Metadata, version, correlation_id, body: &[] };
            let answer = metadata::answer(&call, &picture);
            // The session may have ended.
            drop(events.send(Event::Ready { stream: id, generation, slot, answer }));
        });
        Ok(())
    }

    fn on_init_producer_id(
        &mut self,
        id: StreamId,
        call: &Call<'_>,
        request: InitRequest,
    ) -> Result<(), Closed> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let (generation, slot) = (stream.generation, stream.push(Slot::Pending));
        let (version, correlation_id) = (call.version, call.correlation_id);
        let call = InitCall { stream: id, generation, slot, version, correlation_id };
        if let Some(answer) = self.init_producer_id(request, call)? {
            self.on_ready(id, generation, slot, answer);
        }
        Ok(())
    }

    /// An answer that is there at once, in its turn.
    pub(super) fn put_ready(&mut self, id: StreamId, answer: Vec<u8>) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.push(Slot::Ready { answer, sent: 0 });
        }
    }

    /// An answer of the bridge's own has come.
    pub(super) fn on_ready(&mut self, id: StreamId, generation: u32, slot: u64, answer: Vec<u8>) {
        let stream = self.streams.get_mut(&id).filter(|it| it.generation == generation);
        if let Some(place) = stream.and_then(|stream| stream.slot(slot)) {
            *place = Slot::Ready { answer, sent: 0 };
        }
    }
}

/// What has to be known to answer a question: of the topics only those that are granted.
pub(crate) fn wanted_of(asked: &Asked, topics: &Topics) -> Wanted {
    match asked {
        Asked::All => match topics.names() {
            Some(names) => Wanted::Names(names.to_vec()),
            None => Wanted::All,
        },
        Asked::Names(names) => {
            Wanted::Names(names.iter().filter(|name| topics.grants(name)).cloned().collect())
        }
    }
}

fn unavailable(wanted: &Wanted) -> Vec<TopicPicture> {
    let missing = |name: &String| TopicPicture::missing(name, ErrorCode::LeaderNotAvailable);
    match wanted {
        Wanted::All => Vec::new(),
        Wanted::Names(names) => names.iter().map(missing).collect(),
    }
}

/// What a client may see: a topic that is not granted looks the same whether it exists or not.
pub(crate) fn picture_for(
    bridge: &Bridge,
    asked: &Asked,
    topics: &Topics,
    known: Vec<TopicPicture>,
) -> Picture {
    let mut visible: Vec<TopicPicture> =
        known.into_iter().filter(|topic| topics.grants(&topic.name)).collect();
    match asked {
        Asked::All => visible.retain(|topic| topic.error.is_none()),
        Asked::Names(names) => {
            let denied = names.iter().filter(|name| !topics.grants(name));
            let error = ErrorCode::TopicAuthorizationFailed;
            visible.extend(denied.map(|name| TopicPicture::missing(name, error)));
        }
    }
    Picture {
        nodes: bridge.cluster.nodes(),
        cluster: bridge.leases.cluster_name(),
        topics: visible,
    }
}
