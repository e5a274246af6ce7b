//! The readiness poller, and what it last said about each socket.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token};

/// The token of the waker that interrupts a sleeping reactor.
const INTERRUPT: Token = Token(0);
/// How many readiness events one system call may fetch; more wait for the next call.
const EVENTS_PER_TURN: usize = 256;

/// Collects the readiness of all sockets of one [`TcpTransport`](crate::TcpTransport).
///
/// One task owns both the reactor and the driver, and polls the driver after every turn. That is
/// why connections store no wakers: a turn that ends is the wake-up.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    sockets: Arc<Sockets>,
}

impl Reactor {
    /// Opens a poller.
    ///
    /// # Errors
    /// The operating system's, for instance when no file descriptor is left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let sockets = Sockets {
            registry: poll.registry().try_clone()?,
            next_token: AtomicUsize::new(INTERRUPT.0 + 1),
            readiness: Mutex::default(),
        };
        let events = Events::with_capacity(EVENTS_PER_TURN);
        Ok(Self { poll, events, sockets: Arc::new(sockets) })
    }

    /// Sleeps until a socket is ready, the timeout has passed (`None`: no timeout), or an
    /// interrupt; then notes what is ready.
    ///
    /// # Errors
    /// The operating system's; a signal is not an error.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        self.sockets.note(&self.events);
        Ok(())
    }

    /// What ends a turn early, from any thread. At most one per reactor.
    pub(crate) fn interrupt(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.poll.registry(), INTERRUPT)
    }

    /// Where sockets register.
    pub(crate) fn sockets(&self) -> Arc<Sockets> {
        Arc::clone(&self.sockets)
    }
}

/// The registered sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    registry: Registry,
    /// Tokens are never used twice, so that a late event can't be taken for another socket's.
    next_token: AtomicUsize,
    readiness: Mutex<HashMap<Token, Arc<Readiness>>>,
}

impl Sockets {
    /// Watches `source` for reading and writing until [`deregister`](Self::deregister).
    pub(crate) fn register(&self, source: &mut impl Source) -> io::Result<(Token, Arc<Readiness>)> {
        let token = Token(self.next_token.fetch_add(1, Ordering::Relaxed));
        let readiness = Arc::new(Readiness::default());
        self.lock().insert(token, Arc::clone(&readiness));
        let registered =
            self.registry.register(source, token, Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = registered {
            self.lock().remove(&token);
            return Err(error);
        }
        Ok((token, readiness))
    }

    pub(crate) fn deregister(&self, source: &mut impl Source, token: Token) {
        self.lock().remove(&token);
        // Closing the socket, which follows, deregisters it in any case.
        let _ = self.registry.deregister(source);
    }

    fn note(&self, events: &Events) {
        let readiness = self.lock();
        for event in events {
            if let Some(socket) = readiness.get(&event.token()) {
                socket.note(event);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Token, Arc<Readiness>>> {
        self.readiness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which operations on a socket are worth a system call.
///
/// The poller is edge-triggered: it speaks once when a socket becomes ready and then not again
/// until an operation has found it not ready. The flags remember that in between.
#[derive(Debug, Default)]
pub(crate) struct Readiness(AtomicU8);

impl Readiness {
    pub(crate) const READABLE: u8 = 1;
    pub(crate) const WRITABLE: u8 = 2;
    /// The peer will send no more. Never cleared: the poller says it only once.
    pub(crate) const READ_CLOSED: u8 = 4;

    fn note(&self, event: &Event) {
        let mut flags = 0;
        if event.is_readable() || event.is_error() {
            flags |= Self::READABLE;
        }
        if event.is_writable() || event.is_error() || event.is_write_closed() {
            flags |= Self::WRITABLE;
        }
        if event.is_read_closed() {
            flags |= Self::READABLE | Self::READ_CLOSED;
        }
        self.set(flags);
    }

    pub(crate) fn set(&self, flags: u8) {
        self.0.fetch_or(flags, Ordering::AcqRel);
    }

    pub(crate) fn is(&self, flag: u8) -> bool {
        self.0.load(Ordering::Acquire) & flag != 0
    }

    /// Clears `flag` and says whether it was set. To be called *before* the operation: what the
    /// poller says during the operation then stays.
    pub(crate) fn take(&self, flag: u8) -> bool {
        self.is(flag) && self.0.fetch_and(!flag, Ordering::AcqRel) & flag != 0
    }
}
