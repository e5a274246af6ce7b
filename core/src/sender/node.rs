//! One broker: its connection's state and what is on its way there and back.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::LaneId;
use super::login::Session;
use super::transaction::Asked;
use crate::accumulator::batch::ProducerBatch;
use crate::accumulator::buffer_pool::Account;
use crate::config::BrokerAddress;
use crate::protocol::api_key::{ApiKey, BROKERS};
use crate::protocol::api_versions::NodeVersions;
use crate::protocol::condenser::MetadataCondenser;
use crate::protocol::frame::FrameReader;
use crate::sync::Platform;
use crate::time::{Instant, earliest};

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    /// There is none, and there is to be none before this.
    Down { not_before: Instant },
    /// It is being opened, until this at the latest.
    Opening { until: Instant },
    /// The broker was asked which versions it speaks.
    Handshaking,
    /// The broker is told who the client is, for the first time or again.
    LoggingIn,
    /// Requests may be sent.
    Up,
}

/// See the [module](self).
pub(super) struct Node<X: Platform> {
    pub(super) address: Option<BrokerAddress>,
    pub(super) link: Link,
    /// Failed attempts to connect since the last success.
    pub(super) failures: u32,
    /// Somebody wants the connection although no lane is ready.
    pub(super) wanted: bool,
    pub(super) versions: NodeVersions,
    pub(super) session: Session,
    pub(super) reader: FrameReader,
    /// A Metadata response that is longer than the reader takes is on its way.
    pub(super) condenser: Option<Box<MetadataCondenser>>,
    /// Requests in the order of their sending, which is that of their answers (row D13).
    pub(super) in_flight: VecDeque<InFlight<X>>,
    /// Lanes with a batch that may leave.
    pub(super) ready: VecDeque<LaneId>,
    /// Lanes that linger until nothing is in flight, where linger is adaptive. Some may have left
    /// meanwhile; looking at them once too often is harmless.
    pub(super) lingering: VecDeque<LaneId>,
    pub(super) throttled_until: Option<Instant>,
    /// When the connection has been idle for too long.
    pub(super) idle_at: Option<Instant>,
    pub(super) request_timeout: core::time::Duration,
    /// Whose share of the pool its partitions' batches count for.
    pub(super) account: Account,
    /// When its lanes were last ready, and last drained (row E4.5).
    pub(super) latency: crate::partitioner::NodeLatency,
}

/// A request that was begun and not yet answered.
pub(super) struct InFlight<X: Platform> {
    pub(super) request: Request<X>,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    /// Everything but the batches.
    pub(super) head: Vec<u8>,
    len: usize,
    pub(super) written: usize,
    pub(super) sent_at: Instant,
    pub(super) expects_response: bool,
}

/// What was asked.
pub(super) enum Request<X: Platform> {
    ApiVersions,
    Metadata,
    InitProducerId,
    SaslHandshake,
    SaslAuthenticate,
    #[cfg_attr(not(feature = "transactions"), expect(dead_code, reason = "it can't be made"))]
    Transaction(Asked),
    Produce(Vec<Sent<X>>),
}

impl<X: Platform> Request<X> {
    /// What Kafka calls it.
    pub(super) fn key(&self) -> ApiKey {
        match self {
            Self::ApiVersions => ApiKey::ApiVersions,
            Self::Metadata => ApiKey::Metadata,
            Self::InitProducerId => ApiKey::InitProducerId,
            Self::SaslHandshake => ApiKey::SaslHandshake,
            Self::SaslAuthenticate => ApiKey::SaslAuthenticate,
            Self::Transaction(asked) => asked.key(),
            Self::Produce(_) => ApiKey::Produce,
        }
    }
}

/// A batch on the wire. It stays here, whatever becomes of its outcome, until the wire is done with
/// it.
pub(super) struct Sent<X: Platform> {
    pub(super) lane: LaneId,
    /// Where in the head its bytes belong.
    pub(super) splice: usize,
    pub(super) batch: Box<ProducerBatch<X>>,
    /// Its records in the format of the request, where that is none of batches.
    #[cfg(feature = "legacy-formats")]
    pub(super) message_set: Option<Vec<u8>>,
}

impl<X: Platform> Sent<X> {
    pub(super) fn new(lane: LaneId, batch: Box<ProducerBatch<X>>) -> Self {
        Self {
            lane,
            splice: 0,
            batch,
            #[cfg(feature = "legacy-formats")]
            message_set: None,
        }
    }

    /// What is sent.
    pub(super) fn bytes(&self) -> &[u8] {
        #[cfg(feature = "legacy-formats")]
        if let Some(set) = &self.message_set {
            return set;
        }
        self.batch.bytes()
    }
}

impl<X: Platform> InFlight<X> {
    pub(super) fn new(
        request: Request<X>,
        version: i16,
        correlation_id: i32,
        head: Vec<u8>,
        expects_response: bool,
        sent_at: Instant,
    ) -> Self {
        let batches = match &request {
            Request::Produce(batches) => batches.iter().map(|sent| sent.bytes().len()).sum(),
            _ => 0,
        };
        let len = head.len() + batches;
        Self { request, version, correlation_id, head, len, written: 0, sent_at, expects_response }
    }

    pub(super) fn is_written(&self) -> bool {
        self.written == self.len
    }

    /// Adds what is not yet written to `slices`.
    fn unwritten<'a>(&'a self, slices: &mut Vec<&'a [u8]>) {
        let mut skip = self.written;
        let mut add = |bytes: &'a [u8]| {
            if skip >= bytes.len() {
                skip -= bytes.len();
            } else {
                slices.push(&bytes[skip..]);
                skip = 0;
            }
        };
        let mut from = 0;
        if let Request::Produce(batches) = &self.request {
            for sent in batches {
                add(&self.head[from..sent.splice]);
                add(sent.bytes());
                from = sent.splice;
            }
        }
        add(&self.head[from..]);
    }
}

impl<X: Platform> Node<X> {
    pub(super) fn new(
        address: Option<BrokerAddress>,
        config: &crate::config::ProducerConfig,
        account: Account,
        now: Instant,
    ) -> Self {
        Self {
            address,
            link: Link::Down { not_before: Instant::ZERO },
            failures: 0,
            wanted: false,
            versions: NodeVersions::default(),
            session: Session::default(),
            reader: FrameReader::new(config.receive_max_bytes),
            condenser: None,
            in_flight: VecDeque::new(),
            ready: VecDeque::new(),
            lingering: VecDeque::new(),
            throttled_until: None,
            idle_at: None,
            request_timeout: config.request_timeout,
            account,
            latency: crate::partitioner::NodeLatency::new(now),
        }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Whether it is up and nobody needs it now.
    pub(super) fn is_idle(&self) -> bool {
        self.is_up() && self.in_flight.is_empty() && self.ready.is_empty()
    }

    /// Whether a request may be begun, if time allows.
    fn takes_requests(&self) -> bool {
        self.is_up() && self.session.is_open() && self.is_written()
    }

    /// Whether it will take requests soon: it is being connected, or logs in.
    pub(super) fn is_coming_up(&self) -> bool {
        match self.link {
            Link::Down { .. } => false,
            Link::Opening { .. } | Link::Handshaking | Link::LoggingIn => true,
            Link::Up => !self.session.is_open(),
        }
    }

    fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| until > now)
    }

    /// Whether a request may be begun. Not before the last one is written: what is not yet in a
    /// request can still be joined by others.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        self.takes_requests() && !self.is_throttled(now)
    }

    /// From when on it takes a request, if only time can make it.
    pub(super) fn askable_at(&self) -> Option<Instant> {
        self.takes_requests().then(|| self.throttled_until.unwrap_or(Instant::ZERO))
    }

    pub(super) fn may_produce(&self, max_in_flight: usize, now: Instant) -> bool {
        !self.ready.is_empty() && self.may_send(now) && self.in_flight.len() < max_in_flight
    }

    /// Whether all that was begun is on the wire.
    pub(super) fn is_written(&self) -> bool {
        self.in_flight.back().is_none_or(InFlight::is_written)
    }

    /// Takes a lane that lingered until nothing is in flight, if that is so. It joins again only
    /// where something is.
    pub(super) fn next_lingering(&mut self) -> Option<LaneId> {
        if self.in_flight.is_empty() { self.lingering.pop_front() } else { None }
    }

    pub(super) fn push(&mut self, request: InFlight<X>) {
        self.in_flight.push_back(request);
    }

    /// What is to be written now, in order.
    pub(super) fn unwritten<'a>(&'a self, slices: &mut Vec<&'a [u8]>) {
        for request in self.in_flight.iter().filter(|request| !request.is_written()) {
            request.unwritten(slices);
        }
    }

    /// `count` of the unwritten bytes are on the wire.
    pub(super) fn written(&mut self, mut count: usize) {
        for request in self.in_flight.iter_mut().filter(|request| !request.is_written()) {
            let part = count.min(request.len - request.written);
            request.written += part;
            count -= part;
            if count == 0 {
                return;
            }
        }
    }

    /// There is no connection any more. Returns the buffer that it was read into.
    pub(super) fn forget_connection(&mut self) -> Vec<u8> {
        self.session = Session::default();
        self.condenser = None;
        self.idle_at = None;
        self.reader.clear()
    }

    /// Takes out a request that is written and gets no answer.
    pub(super) fn take_unanswered(&mut self) -> Option<InFlight<X>> {
        let done = |request: &InFlight<X>| request.is_written() && !request.expects_response;
        let at = self.in_flight.iter().position(done)?;
        self.in_flight.remove(at)
    }

    /// When the head request has waited too long for its answer.
    pub(super) fn request_deadline(&self) -> Option<Instant> {
        self.in_flight.front().map(|request| request.sent_at + self.request_timeout)
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let wanted = self.wanted || !self.ready.is_empty();
        match self.link {
            Link::Down { not_before } => wanted.then_some(not_before),
            Link::Opening { until } => Some(until),
            Link::Handshaking => self.request_deadline(),
            Link::LoggingIn => earliest(self.request_deadline(), self.session.login_deadline()),
            Link::Up => {
                let throttle = self.throttled_until;
                let idle = self.idle_at.filter(|_| self.in_flight.is_empty() && !wanted);
                let session = self.session.next_wake(!self.in_flight.is_empty());
                let time = [self.request_deadline(), throttle, idle, session];
                time.into_iter().fold(None, earliest)
            }
        }
    }
}

/// Where a node is; a bridge knows that by the node's id.
pub(super) fn address(host: &str, port: u16) -> Option<BrokerAddress> {
    BROKERS.then(|| BrokerAddress::new(host, port))
}
