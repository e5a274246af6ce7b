//! One client's session: a task that holds its WebSocket, its streams and its leases.

mod budget;
mod frames;
mod greet;
mod produce;
mod progress;
mod requests;
pub(crate) mod rules;
mod run;
mod socket;
mod stream;
mod tickets;
mod timers;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use ottla_bridge_protocol::{
    self as protocol, CloseCode, End, OpenRefusal, Packer, QueueError, StreamEnd, StreamId,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::admission::Admitted;
use crate::audit::Who;
use crate::auth::Grant;
use crate::bridge::Bridge;
use crate::config::Config;
use crate::id::SessionId;
use crate::kafka::batch::BatchRules;
use crate::lease::{Granted, Holder, Refusal};
use crate::upstream::{Connection, Lost};

pub(crate) use greet::{METADATA_BYTES, METADATA_VERSION, lease_frame, welcome_for};
pub(crate) use produce::{PRODUCE_VERSION, ROUND_TRIPS, judge};
pub(crate) use requests::{picture_for, wanted_of};
pub(crate) use rules::{ProduceRules, batch_rules};
pub(crate) use run::serve;

use budget::Budget;
use stream::Stream;
use timers::Timers;

/// Most bytes of answers that wait in a stream's queue; the rest stays with its slot.
const QUEUE_BYTES: usize = 256 << 10;

/// What a session hears from elsewhere. Small, for a channel has room for many.
#[derive(Debug)]
pub(crate) enum Event {
    /// A broker was reached for a stream, or not.
    Opened {
        stream: StreamId,
        generation: u32,
        broker: Result<Option<Arc<Connection>>, OpenRefusal>,
    },
    /// The broker's answer to a request of a stream.
    Answered {
        stream: StreamId,
        generation: u32,
        slot: u64,
        /// What the request counted for, in bytes.
        bytes: usize,
        body: Result<Bytes, Lost>,
    },
    /// The bridge's own answer to one.
    Ready { stream: StreamId, generation: u32, slot: u64, answer: Vec<u8> },
    /// The connection of a stream has ended.
    BrokerLost { stream: StreamId, generation: u32 },
    /// The answer to a LEASE.
    Leased(Result<Granted, Refusal>),
    /// The answer to an InitProducerId that needed a new lease.
    Initialized(Box<(InitCall, Result<Granted, Refusal>)>),
    /// A later session has one of the leases.
    TakenOver,
    /// The configuration or the keys have changed.
    Reloaded,
    /// The bridge is about to end.
    Drain,
}

/// An InitProducerId that waits for a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitCall {
    stream: StreamId,
    generation: u32,
    slot: u64,
    version: i16,
    correlation_id: i32,
}

/// Who is at the other end of the WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) origin: Option<String>,
}

/// Why a session ends, as the close frame says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: CloseCode,
    /// For the log.
    pub(crate) why: &'static str,
}

impl Closed {
    pub(crate) fn new(code: CloseCode, why: &'static str) -> Self {
        Self { code, why }
    }
}

impl From<QueueError> for Closed {
    fn from(error: QueueError) -> Self {
        tracing::error!(%error, "a frame of the bridge's own was refused");
        let code =
            if error == QueueError::Full { CloseCode::RateLimited } else { CloseCode::Internal };
        Self::new(code, "control frames pile up")
    }
}

/// A lease of this session.
#[derive(Clone, Copy, Debug)]
struct OwnLease {
    producer_id: i64,
    /// The client has used it, or was told of it by InitProducerId.
    claimed: bool,
}

/// A session that was greeted.
pub(crate) struct Session {
    bridge: Arc<Bridge>,
    config: Arc<Config>,
    id: SessionId,
    peer: Peer,
    grant: Grant,
    protocol: protocol::Session,
    packer: Packer,
    streams: HashMap<StreamId, Stream>,
    /// Numbers uses of streams.
    generation: u32,
    events: UnboundedSender<Event>,
    leases: Vec<OwnLease>,
    timers: Timers,
    batch_rules: BatchRules,
    budget: Budget,
    /// Counts this session.
    _admitted: Admitted,
    /// For decompressed records.
    scratch: Vec<u8>,
    /// Bytes of requests that brokers have, also for streams that are gone.
    held_bytes: usize,
}

impl Session {
    /// A session whose HELLO was accepted.
    fn new(
        bridge: Arc<Bridge>,
        id: SessionId,
        peer: Peer,
        grant: Grant,
        admitted: Admitted,
        events: UnboundedSender<Event>,
    ) -> Self {
        let config = bridge.config();
        Self {
            batch_rules: batch_rules(&config.limits),
            timers: Timers::new(&config.times, &grant),
            budget: Budget::new(&config.limits, bridge.subject_budget(&grant.subject)),
            config,
            bridge,
            id,
            peer,
            grant,
            protocol: protocol::Session::new(End::Bridge),
            packer: Packer::new(QUEUE_BYTES),
            streams: HashMap::new(),
            generation: 0,
            events,
            leases: Vec::new(),
            _admitted: admitted,
            scratch: Vec::new(),
            held_bytes: 0,
        }
    }

    /// Who holds the leases of this session.
    fn holder(&self) -> Holder {
        let events = self.events.clone();
        Holder {
            session: self.id,
            subject: self.grant.subject.clone(),
            // A session that has ended has no need to hear.
            evict: Arc::new(move || drop(events.send(Event::TakenOver))),
        }
    }

    /// Writes down that something was refused.
    fn audit(&self, threat: &'static str, what: &str) {
        let subject = Some(&*self.grant.subject);
        self.bridge.deny(&Who { ip: self.peer.ip, subject, session: Some(self.id) }, threat, what);
    }

    /// Queues a frame.
    fn say(&mut self, frame: &protocol::Frame<'_>) -> Result<(), Closed> {
        Ok(self.packer.control(&mut self.protocol, frame)?)
    }

    /// Ends a stream behind what is queued for it, and forgets it.
    fn close_stream(&mut self, id: StreamId, end: StreamEnd) {
        self.packer.close(id, end);
        self.streams.remove(&id);
        self.timers.closing.insert(id, tokio::time::Instant::now());
        self.timers.look_within(timers::LOOK);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.bridge.leave(self.id);
        self.bridge.leases.end_session(self.id);
    }
}
