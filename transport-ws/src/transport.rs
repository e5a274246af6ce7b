//! The handles: what the core and the program call.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll};

use ottla_core::BrokerAddress;
use ottla_core::time::Instant;
use ottla_core::transport::{Connection, NodeId, Session, Transport};

use crate::bridge::{Bridge, Options, Status};
use crate::error::WsError;
use crate::lease::HeldLease;
use crate::socket::Socket;

/// The core's transport over one WebSocket. Clones are handles of the same.
pub struct WsTransport<S: Socket> {
    bridge: Rc<RefCell<Bridge<S>>>,
}

impl<S: Socket> Clone for WsTransport<S> {
    fn clone(&self) -> Self {
        Self { bridge: self.bridge.clone() }
    }
}

impl<S: Socket> fmt::Debug for WsTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsTransport").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl<S: Socket> WsTransport<S> {
    /// A transport that connects at the first [`advance`](Self::advance), and again whenever the
    /// WebSocket has ended. `seed` decides its jitter.
    pub fn new(socket: S, options: Options, seed: u64) -> Self {
        Self { bridge: Rc::new(RefCell::new(Bridge::new(socket, options, seed))) }
    }

    /// The token that [`Socket::want_token`] asked for; empty where the bridge needs none.
    pub fn set_token(&self, token: &str, now: Instant) {
        self.bridge.borrow_mut().set_token(token, now);
    }

    /// There is no token for now; the program is asked again after a while.
    pub fn no_token(&self, why: &str, now: Instant) {
        self.bridge.borrow_mut().no_token(why.into(), now);
    }

    /// The WebSocket is open.
    pub fn opened(&self, now: Instant) {
        self.bridge.borrow_mut().opened(now);
    }

    /// A binary message has come.
    pub fn received(&self, message: &[u8], now: Instant) {
        self.bridge.borrow_mut().received(message, now);
    }

    /// The WebSocket has ended, or could not be opened: its close code and reason, where there are.
    pub fn closed(&self, code: Option<u16>, reason: &str, now: Instant) {
        self.bridge.borrow_mut().closed(code, reason.into(), now);
    }

    /// Does what time has come for, and sends what waits.
    pub fn advance(&self, now: Instant) {
        self.bridge.borrow_mut().advance(now);
    }

    /// When to call [`advance`](Self::advance) again even if nothing happens.
    #[must_use]
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        self.bridge.borrow().next_wake(now)
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.bridge.borrow().status()
    }

    /// An earlier program's lease, whose batches are to be sent again. Say so before the first
    /// [`advance`](Self::advance); a bridge takes the tickets of seven.
    #[cfg(feature = "resume")]
    pub fn resume(&self, lease: HeldLease) {
        self.bridge.borrow_mut().lent.add_former(lease);
    }

    /// The leases that there are, with their latest tickets, the producer's own last. An earlier
    /// program's is missing once the bridge doesn't resume it.
    #[must_use]
    pub fn leases(&self) -> Vec<HeldLease> {
        self.bridge.borrow().lent.all()
    }

    /// Changes whenever [`leases`](Self::leases) do.
    #[must_use]
    pub fn lease_changes(&self) -> u32 {
        self.bridge.borrow().lent.changes()
    }

    /// The id of an earlier program's lease that the bridge did not resume, each once.
    pub fn take_lost_lease(&self) -> Option<i64> {
        self.bridge.borrow_mut().lent.take_lost()
    }

    /// Ends a lease of which every batch has its outcome, so that its id is lent again soon.
    pub fn release(&self, producer_id: i64) {
        self.bridge.borrow_mut().release(producer_id);
    }

    /// Closes the WebSocket and opens none before [`wake_up`](Self::wake_up).
    pub fn suspend(&self, now: Instant) {
        self.bridge.borrow_mut().suspend(now);
    }

    /// Opens a WebSocket again.
    pub fn wake_up(&self, now: Instant) {
        self.bridge.borrow_mut().wake_up(now);
    }

    /// Closes the WebSocket and opens no more. Close the producer first.
    pub fn close(&self) {
        self.bridge.borrow_mut().close();
    }
}

impl<S: Socket> Transport for WsTransport<S> {
    type Connection = WsConnection<S>;

    /// Nodes with an id are the bridge's; what the producer begins with, by whatever address, is
    /// any of them.
    fn connect(
        &mut self,
        node: NodeId,
        _: Option<&BrokerAddress>,
    ) -> Result<WsConnection<S>, WsError> {
        let node = u32::try_from(node.0).ok();
        let pipe = self.bridge.borrow_mut().add_pipe(node);
        Ok(WsConnection { bridge: self.bridge.clone(), pipe })
    }

    fn session(&self) -> Session {
        Session::lending(self.bridge.borrow().lent.identity())
    }
}

/// A stream to a node. Dropping it closes it.
pub struct WsConnection<S: Socket> {
    bridge: Rc<RefCell<Bridge<S>>>,
    pipe: u32,
}

impl<S: Socket> fmt::Debug for WsConnection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnection").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}

impl<S: Socket> Connection for WsConnection<S> {
    type Error = WsError;

    fn is_distrust(error: &WsError) -> bool {
        error.is_final()
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.bridge.borrow_mut().poll_open(self.pipe, cx)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, WsError>> {
        self.bridge.borrow_mut().poll_read(self.pipe, cx, buffer)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, WsError>> {
        self.bridge.borrow_mut().poll_write(self.pipe, cx, slices)
    }
}

impl<S: Socket> Drop for WsConnection<S> {
    fn drop(&mut self) {
        self.bridge.borrow_mut().drop_pipe(self.pipe);
    }
}
