//! A bridge for tests: the protocol crate's other end, before a model cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ottla_bridge_protocol::{
    ApiRange, End, Frame, Lease, LeaseAnswer, LeaseRefusal, LeaseRequest, List, MetadataSnapshot,
    Packer, Session, SessionLimits, StreamEnd, StreamId, Unpacker, Verdict, Welcome,
};
use ottla_sim::cluster::{Cluster, Reply};

/// What lives longer than a WebSocket: the cluster, and the leases.
pub(crate) struct Upstream {
    pub(crate) cluster: Cluster,
    /// Epochs by producer id.
    pub(crate) leases: BTreeMap<i64, i16>,
    /// Tickets are refused from now on.
    pub(crate) forgetful: bool,
    /// The next lease has this id and epoch.
    pub(crate) lend_next: Option<(i64, i16)>,
    /// No lease is given.
    pub(crate) exhausted: bool,
    /// Tokens that are good; all, if there are none.
    pub(crate) tokens: Vec<String>,
    /// Every HELLO's token.
    pub(crate) heard_tokens: Vec<String>,
    /// Produce requests that came whole.
    pub(crate) produced: u32,
    pub(crate) token_ttl_ms: u32,
    /// The credit of each stream.
    pub(crate) window: u32,
    /// No more of it is given.
    pub(crate) stingy: bool,
}

/// The bridge's end of one WebSocket.
pub(crate) struct OtherEnd {
    session: Session,
    packer: Packer,
    streams: BTreeMap<StreamId, Stream>,
    /// Bytes of each stream for which no credit was given.
    owed: BTreeMap<StreamId, u32>,
    /// Messages to the client.
    pub(crate) messages: Vec<Vec<u8>>,
    /// The bridge closes with this.
    pub(crate) close: Option<u16>,
    /// It has heard and says nothing.
    pub(crate) mute: bool,
}

#[derive(Default)]
struct Stream {
    node: i32,
    bytes: Vec<u8>,
}

impl OtherEnd {
    pub(crate) fn new() -> Self {
        Self {
            session: Session::new(End::Bridge),
            packer: Packer::new(1 << 20),
            streams: BTreeMap::new(),
            owed: BTreeMap::new(),
            messages: Vec::new(),
            close: None,
            mute: false,
        }
    }

    pub(crate) fn receive(&mut self, message: &[u8], upstream: &mut Upstream, now: Duration) {
        let mut frames = Unpacker::new(message).expect("a message");
        while let Some(frame) = frames.next_frame().expect("a frame") {
            let verdict = self.session.received(&frame).expect("a frame at its time");
            if verdict == Verdict::Act {
                self.act(&frame, upstream, now);
            }
        }
        self.pack();
    }

    /// Sends a frame of its own.
    pub(crate) fn say(&mut self, frame: &Frame<'_>) {
        self.packer.control(&mut self.session, frame).expect("the bridge may say it");
        self.pack();
    }

    fn pack(&mut self) {
        loop {
            let mut message = Vec::new();
            if self.mute || !self.packer.pack(&mut self.session, &mut message) {
                return;
            }
            self.messages.push(message);
        }
    }

    fn act(&mut self, frame: &Frame<'_>, upstream: &mut Upstream, now: Duration) {
        match *frame {
            Frame::Hello(hello) => {
                upstream.heard_tokens.push(hello.token.into());
                if !upstream.tokens.is_empty() && !upstream.tokens.contains(&hello.token.into()) {
                    self.close = Some(4401);
                    return;
                }
                let mut tickets = Vec::new();
                let mut answers: Vec<_> = hello
                    .tickets
                    .iter()
                    .map(|ticket| upstream.resume(ticket, &mut tickets))
                    .collect();
                if hello.wants_lease {
                    answers.push(upstream.lend(&mut tickets));
                }
                self.welcome(&answers, &tickets, upstream.token_ttl_ms);
            }
            Frame::Open { stream, node, .. } => {
                let node = node.map_or(1, |node| node as i32);
                self.streams.insert(stream, Stream { node, bytes: Vec::new() });
                self.say(&Frame::Opened { stream, window: upstream.window });
            }
            Frame::Data { stream, bytes } => self.data(stream, bytes, upstream, now),
            Frame::Close { stream, .. } => {
                self.streams.remove(&stream);
                self.packer.close(stream, StreamEnd::Done);
            }
            Frame::Lease(LeaseRequest::New) => {
                let mut tickets = Vec::new();
                let answer = upstream.lend(&mut tickets);
                with_ticket(&answer, &tickets, |answer| self.say(&Frame::Leased(answer)));
            }
            Frame::Lease(LeaseRequest::Release { producer_id }) => {
                upstream.leases.remove(&producer_id);
                self.say(&Frame::Leased(LeaseAnswer::Released));
            }
            Frame::Auth { .. } => self.say(&Frame::AuthOk { ttl_ms: upstream.token_ttl_ms }),
            Frame::Ping(number) => self.say(&Frame::Pong(number)),
            _ => {}
        }
    }

    /// Gives all credit that is owed.
    pub(crate) fn give_credit(&mut self) {
        for (stream, owed) in std::mem::take(&mut self.owed) {
            if let Some(bytes) = self.session.consume(stream, owed) {
                self.say(&Frame::Credit { stream, bytes });
            }
        }
    }

    fn welcome(&mut self, answers: &[Answer], tickets: &[Vec<u8>], token_ttl_ms: u32) {
        let mut leases = Vec::new();
        for answer in answers {
            leases.push(answer.frame(tickets));
        }
        let apis = [(0, 3, 9), (3, 0, 12), (18, 0, 3), (22, 0, 4)];
        let apis = apis.map(|(key, min, max)| ApiRange { key, min, max });
        let welcome = Welcome {
            session: [7; 16],
            server_time_ms: 0,
            token_ttl_ms,
            session_ttl_ms: 3_600_000,
            ping_interval_ms: 25_000,
            min_linger_ms: 0,
            limits: SessionLimits {
                request_bytes: 1 << 20,
                streams: 8,
                window_bytes: 1 << 18,
                batch_records: 10_000,
            },
            apis: List::new(&apis),
            metadata: MetadataSnapshot::default(),
            leases: List::new(&leases),
        };
        self.say(&Frame::Welcome(welcome));
    }

    fn data(&mut self, id: StreamId, bytes: &[u8], upstream: &mut Upstream, now: Duration) {
        *self.owed.entry(id).or_default() += bytes.len() as u32;
        if !upstream.stingy {
            self.give_credit();
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.bytes.extend_from_slice(bytes);
        while let Some((size, rest)) = stream.bytes.split_first_chunk::<4>() {
            let size = u32::from_be_bytes(*size) as usize;
            let Some(request) = rest.get(..size) else { break };
            let request = Bytes::copy_from_slice(request);
            stream.bytes.drain(..4 + size);
            let node = stream.node;
            if request[..2] == [0, 22] {
                let (ticket, reply) = upstream.init_producer_id(&request);
                if let Some((lease, ticket)) = ticket {
                    let lease = Lease { ticket: &ticket, ..lease };
                    self.packer.control(&mut self.session, &Frame::Ticket(lease)).unwrap();
                }
                assert_eq!(self.packer.queue(&self.session, id, &reply), reply.len());
                return;
            }
            upstream.produced += u32::from(request[..2] == [0, 0]);
            let Reply::Send { frame, .. } = upstream.cluster.handle(node, request, now) else {
                panic!("this cluster answers at once")
            };
            assert_eq!(self.packer.queue(&self.session, id, &frame), frame.len());
        }
    }
}

/// A [`LeaseAnswer`] whose ticket stands elsewhere.
#[derive(Clone, Copy)]
enum Answer {
    Granted(i64, i16, usize),
    Refused(LeaseRefusal),
}

impl Answer {
    fn frame<'a>(&self, tickets: &'a [Vec<u8>]) -> LeaseAnswer<'a> {
        match *self {
            Self::Granted(producer_id, epoch, ticket) => LeaseAnswer::Granted(Lease {
                producer_id,
                epoch,
                ttl_ms: 900_000,
                ticket: &tickets[ticket],
            }),
            Self::Refused(reason) => LeaseAnswer::Refused { reason, retry_after_ms: 500 },
        }
    }
}

fn with_ticket(answer: &Answer, tickets: &[Vec<u8>], say: impl FnOnce(LeaseAnswer<'_>)) {
    say(answer.frame(tickets));
}

impl Upstream {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            leases: BTreeMap::new(),
            forgetful: false,
            lend_next: None,
            exhausted: false,
            tokens: Vec::new(),
            heard_tokens: Vec::new(),
            produced: 0,
            token_ttl_ms: 600_000,
            window: 4096,
            stingy: false,
        }
    }

    fn lend(&mut self, tickets: &mut Vec<Vec<u8>>) -> Answer {
        if self.exhausted {
            return Answer::Refused(LeaseRefusal::Exhausted);
        }
        let next = (9_000 + self.leases.len() as i64, 0);
        let (producer_id, epoch) = self.lend_next.take().unwrap_or(next);
        self.leases.insert(producer_id, epoch);
        self.grant(producer_id, epoch, tickets)
    }

    fn resume(&mut self, ticket: &[u8], tickets: &mut Vec<Vec<u8>>) -> Answer {
        let producer_id = i64::from_be_bytes(ticket[..8].try_into().unwrap());
        match self.leases.get(&producer_id) {
            Some(epoch) if !self.forgetful => self.grant(producer_id, *epoch, tickets),
            _ => Answer::Refused(LeaseRefusal::Expired),
        }
    }

    fn grant(&self, producer_id: i64, epoch: i16, tickets: &mut Vec<Vec<u8>>) -> Answer {
        tickets.push(ticket(producer_id, epoch));
        Answer::Granted(producer_id, epoch, tickets.len() - 1)
    }

    /// The answer to InitProducerId 3 or 4, and the lease if it is another than before.
    fn init_producer_id(&mut self, request: &[u8]) -> (Option<(Lease<'static>, Vec<u8>)>, Vec<u8>) {
        let at = request.len() - 11;
        let producer_id = i64::from_be_bytes(request[at..at + 8].try_into().unwrap());
        let epoch = i16::from_be_bytes(request[at + 8..at + 10].try_into().unwrap());
        let mut lease = None;
        let (producer_id, epoch) = if producer_id < 0 {
            let (id, epoch) = self.leases.last_key_value().expect("there is a lease");
            (*id, *epoch)
        } else {
            assert_eq!(self.leases.get(&producer_id), Some(&epoch), "the epoch was raised");
            self.leases.insert(producer_id, epoch + 1);
            let next = Lease { producer_id, epoch: epoch + 1, ttl_ms: 900_000, ticket: &[] };
            lease = Some((next, ticket(producer_id, epoch + 1)));
            (producer_id, epoch + 1)
        };
        let mut reply = vec![0, 0, 0, 22];
        reply.extend_from_slice(&request[4..8]);
        reply.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0]);
        reply.extend_from_slice(&producer_id.to_be_bytes());
        reply.extend_from_slice(&epoch.to_be_bytes());
        reply.push(0);
        (lease, reply)
    }
}

pub(crate) fn ticket(producer_id: i64, epoch: i16) -> Vec<u8> {
    [&producer_id.to_be_bytes()[..], &epoch.to_be_bytes()[..], b"secret"].concat()
}
