//! One connection to a broker, shared by many sessions: requests leave in the order in which they
//! were handed over, and each answer goes to the one who asked.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::NodeVersions;
use ottla_core::protocol::frame::FrameReader;
use ottla_core::protocol::header::parse_response_header;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

/// The largest response that is believed; metadata of a large cluster is the largest there is.
pub(super) const MAX_RESPONSE: usize = 64 << 20;
/// What is gathered before it is written.
const WRITE_BYTES: usize = 256 << 10;
/// Room for what is read at a time.
const READ_BYTES: usize = 16 << 10;
/// Where a request frame has its correlation id.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

/// A byte stream to a broker.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// The connection ended before the answer came: what was asked may or may not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection to the broker was lost")
    }
}

/// What happens with an answer. It happens exactly once: dropping it says [`Lost`].
pub(crate) struct Reply(Option<Box<Answered>>);

type Answered = dyn FnOnce(Result<Bytes, Lost>) + Send;

impl Reply {
    /// Calls `act` with the response's body.
    pub(crate) fn new(act: impl FnOnce(Result<Bytes, Lost>) + Send + 'static) -> Self {
        Self(Some(Box::new(act)))
    }

    fn give(mut self, answer: Result<Bytes, Lost>) {
        if let Some(act) = self.0.take() {
            act(answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act(Err(Lost));
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

#[derive(Debug)]
struct Request {
    /// Size, header and body; the correlation id is filled in by the connection.
    frame: Vec<u8>,
    key: ApiKey,
    version: i16,
    patience: Duration,
    reply: Reply,
}

/// A request whose answer is awaited.
struct InFlight {
    correlation_id: i32,
    header_version: i16,
    /// The answer's size is not known, but that it must have come by then.
    deadline: Instant,
    reply: Reply,
}

/// A connection that is up.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: UnboundedSender<Request>,
    versions: NodeVersions,
    watchers: Arc<Watchers>,
}

impl Connection {
    /// Serves a connection whose greeting is over, and whose login lasts for `lifetime`.
    pub(super) fn spawn(
        stream: Box<dyn ByteStream>,
        versions: NodeVersions,
        lifetime: Option<Duration>,
    ) -> Arc<Self> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let watchers = Arc::new(Watchers::default());
        let this = Arc::new(Self { requests, versions, watchers: watchers.clone() });
        tokio::spawn(async move {
            let mut service = Service::new(stream, lifetime);
            // However it ended, each who waits is told by the drop of its reply.
            let ended = service.run(receiver).await;
            tracing::debug!(reason = ended, "connection to a broker ended");
            drop(service);
            watchers.tell();
        });
        this
    }

    /// What the broker speaks.
    pub(crate) fn versions(&self) -> &NodeVersions {
        &self.versions
    }

    /// Whether requests still make sense.
    pub(crate) fn is_up(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends a request, behind all that were sent before. The connection is given up when the
    /// answer takes longer than `patience` after its turn has come.
    pub(crate) fn send(
        &self,
        frame: Vec<u8>,
        key: ApiKey,
        version: i16,
        patience: Duration,
        reply: Reply,
    ) {
        // A failure drops the reply, which tells.
        drop(self.requests.send(Request { frame, key, version, patience, reply }));
    }

    /// Sends a request and waits for its answer's body.
    pub(crate) async fn call(
        &self,
        frame: Vec<u8>,
        key: ApiKey,
        version: i16,
        patience: Duration,
    ) -> Result<Bytes, Lost> {
        let (tell, told) = tokio::sync::oneshot::channel();
        // Nobody listens if the caller has given up.
        let reply = Reply::new(move |answer| drop(tell.send(answer)));
        self.send(frame, key, version, patience, reply);
        told.await.unwrap_or(Err(Lost))
    }

    /// Calls `act` when the connection ends, unless the watch is dropped before.
    pub(crate) fn watch(&self, act: impl FnOnce() + Send + 'static) -> Watch {
        self.watchers.add(Box::new(act))
    }
}

/// Those who want to hear of a connection's end.
#[derive(Default)]
struct Watchers {
    next: AtomicU64,
    /// `None` once the connection has ended.
    acts: Mutex<Option<HashMap<u64, Act>>>,
    ended: std::sync::atomic::AtomicBool,
}

type Act = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}

impl Watchers {
    fn add(self: &Arc<Self>, act: Act) -> Watch {
        let key = self.next.fetch_add(1, Relaxed);
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ended.load(Relaxed) {
            drop(acts);
            act();
        } else {
            acts.get_or_insert_default().insert(key, act);
        }
        Watch { key, of: Arc::downgrade(self) }
    }

    fn tell(&self) {
        let acts = {
            let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
            self.ended.store(true, Relaxed);
            acts.take()
        };
        acts.into_iter().flat_map(HashMap::into_values).for_each(|act| act());
    }
}

/// A wish to hear of a connection's end; dropping it takes it back.
#[derive(Debug)]
pub(crate) struct Watch {
    key: u64,
    of: Weak<Watchers>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watchers) = self.of.upgrade() {
            let mut acts = watchers.acts.lock().unwrap_or_else(PoisonError::into_inner);
            acts.as_mut().and_then(|acts| acts.remove(&self.key));
        }
    }
}

/// The task of a connection.
struct Service {
    stream: Box<dyn ByteStream>,
    frames: FrameReader,
    in_flight: VecDeque<InFlight>,
    /// From `written` on still to be sent.
    output: Vec<u8>,
    written: usize,
    next_id: i32,
    /// When the connection ends, as soon as nothing is under way.
    retires: Option<Instant>,
}

/// Why a connection ended, for the log.
type Ended = &'static str;

impl Service {
    fn new(stream: Box<dyn ByteStream>, lifetime: Option<Duration>) -> Self {
        // Before the login ends, as clients do that renew it (KIP-368).
        let retires = lifetime.map(|lifetime| Instant::now() + lifetime * 4 / 5);
        Self {
            stream,
            frames: FrameReader::new(MAX_RESPONSE),
            in_flight: VecDeque::new(),
            output: Vec::new(),
            written: 0,
            next_id: 1,
            retires,
        }
    }

    async fn run(&mut self, mut requests: UnboundedReceiver<Request>) -> Ended {
        let (mut reader, mut writer) =
            tokio::io::split(std::mem::replace(&mut self.stream, Box::new(tokio::io::empty())));
        loop {
            let deadline = self.in_flight.front().map(|head| head.deadline);
            let waiting = self.written < self.output.len();
            let retires = self.retires.filter(|_| deadline.is_none());
            tokio::select! {
                read = reader.read(self.frames.spare(READ_BYTES)) => match read {
                    Ok(0) => return "the broker closed it",
                    Err(_) => return "it could not be read",
                    Ok(count) => {
                        self.frames.commit(count);
                        if let Err(reason) = self.answer() {
                            return reason;
                        }
                    }
                },
                written = writer.write(&self.output[self.written..]), if waiting => match written {
                    Ok(0) | Err(_) => return "it could not be written to",
                    Ok(count) => self.wrote(count),
                },
                request = requests.recv(), if !waiting => {
                    let Some(request) = request else { return "nobody needs it" };
                    self.gather(request, &mut requests);
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return "an answer did not come in time";
                }
                () = sleep_until(retires.unwrap_or_else(Instant::now)), if retires.is_some() => {
                    return "its login is about to end";
                }
            }
        }
    }

    /// Takes along what else waits.
    fn gather(&mut self, first: Request, requests: &mut UnboundedReceiver<Request>) {
        self.push(first);
        while self.output.len() < WRITE_BYTES {
            let Ok(request) = requests.try_recv() else { return };
            self.push(request);
        }
    }

    fn push(&mut self, mut request: Request) {
        let correlation_id = self.next_id;
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        let Some(place) = request.frame.get_mut(CORRELATION_ID) else { return };
        place.copy_from_slice(&correlation_id.to_be_bytes());
        self.output.extend_from_slice(&request.frame);
        self.in_flight.push_back(InFlight {
            correlation_id,
            header_version: request.key.response_header_version(request.version),
            deadline: Instant::now() + request.patience,
            reply: request.reply,
        });
    }

    fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.output.len() {
            self.written = 0;
            self.output.clear();
            self.output.shrink_to(WRITE_BYTES);
        }
    }

    /// Hands out what has arrived: to the one who asked first, or the connection is out of step.
    fn answer(&mut self) -> Result<(), Ended> {
        while let Some(frame) = self.frames.next_frame().map_err(|_| "it sent no response")? {
            let Some(head) = self.in_flight.pop_front() else { return Err("it was not asked") };
            let (correlation_id, body) = parse_response_header(frame, head.header_version)
                .map_err(|_| "it sent no response header")?;
            if correlation_id != head.correlation_id {
                return Err("it answered another request");
            }
            head.reply.give(Ok(Bytes::copy_from_slice(body)));
        }
        Ok(())
    }
}
