//! TCP where the runtime has it: the core's transport over sockets that JavaScript opens.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll, Waker};

use ottla_core::BrokerAddress;
use ottla_core::transport::{Connection, NodeId, Transport};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's side. It never calls back before it has returned.
    #[derive(Debug)]
    pub type Sockets;

    /// Begins to open a socket; `opened` or `ended` follows.
    #[wasm_bindgen(method)]
    fn connect(this: &Sockets, id: u32, host: &str, port: u16);

    /// Copies all of the bytes. False asks to wait for `drained` before there are more.
    #[wasm_bindgen(method)]
    fn write(this: &Sockets, id: u32, bytes: &[u8]) -> bool;

    /// Lets go of the socket; nothing follows.
    #[wasm_bindgen(method)]
    fn close(this: &Sockets, id: u32);
}

/// Opens TCP or TLS connections by way of [`Sockets`].
#[derive(Debug)]
pub(crate) struct SocketTransport {
    sockets: Rc<Sockets>,
    pipes: Pipes,
    encrypted: bool,
    next_id: u32,
}

/// Few, so a list.
type Pipes = Rc<RefCell<Vec<Pipe>>>;

/// What has arrived for a socket.
#[derive(Debug, Default)]
struct Pipe {
    id: u32,
    writable: bool,
    inbound: Vec<u8>,
    read: usize,
    end: Option<SocketError>,
    /// Of the driver, which looks at both directions when it is woken.
    waker: Option<Waker>,
}

fn find(pipes: &mut [Pipe], id: u32) -> Option<&mut Pipe> {
    pipes.iter_mut().find(|pipe| pipe.id == id)
}

impl SocketTransport {
    pub(crate) fn new(sockets: Sockets, encrypted: bool) -> Self {
        Self { sockets: Rc::new(sockets), pipes: Rc::default(), encrypted, next_id: 0 }
    }

    /// The socket is open, or has room again.
    pub(crate) fn writable(&self, id: u32) {
        self.change(id, |pipe| pipe.writable = true);
    }

    /// Bytes have arrived.
    pub(crate) fn received(&self, id: u32, bytes: &[u8]) {
        self.change(id, |pipe| pipe.inbound.extend_from_slice(bytes));
    }

    /// The socket could not be opened, broke, or was closed by the peer.
    pub(crate) fn ended(&self, id: u32, error: SocketError) {
        self.change(id, |pipe| pipe.end = Some(error));
    }

    fn change(&self, id: u32, change: impl FnOnce(&mut Pipe)) {
        let mut pipes = self.pipes.borrow_mut();
        let Some(pipe) = find(&mut pipes, id) else { return };
        change(pipe);
        if let Some(waker) = pipe.waker.take() {
            waker.wake();
        }
    }
}

impl Transport for SocketTransport {
    type Connection = SocketConnection;

    fn connect(
        &mut self,
        _: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<SocketConnection, SocketError> {
        let Some(address) = address else {
            return Err(SocketError::new("the node has no address".into(), false));
        };
        self.next_id += 1;
        let id = self.next_id;
        self.pipes.borrow_mut().push(Pipe { id, ..Pipe::default() });
        self.sockets.connect(id, &address.host, address.port);
        let (sockets, pipes) = (self.sockets.clone(), self.pipes.clone());
        Ok(SocketConnection { id, sockets, pipes, gathered: Vec::new() })
    }

    fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

/// The core's end of a socket.
#[derive(Debug)]
pub(crate) struct SocketConnection {
    id: u32,
    sockets: Rc<Sockets>,
    pipes: Pipes,
    /// One write for all slices: JavaScript copies its argument anyway.
    gathered: Vec<u8>,
}

impl SocketConnection {
    fn poll<R>(
        &self,
        cx: &Context<'_>,
        act: impl FnOnce(&mut Pipe) -> Option<R>,
    ) -> Poll<Result<R, SocketError>> {
        let mut pipes = self.pipes.borrow_mut();
        let Some(pipe) = find(&mut pipes, self.id) else { return Poll::Pending };
        if let Some(done) = act(pipe) {
            return Poll::Ready(Ok(done));
        }
        if let Some(error) = &pipe.end {
            return Poll::Ready(Err(error.clone()));
        }
        pipe.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Connection for SocketConnection {
    type Error = SocketError;

    fn is_distrust(error: &SocketError) -> bool {
        error.distrust
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SocketError>> {
        self.poll(cx, |pipe| {
            let unread = pipe.inbound.get(pipe.read..).filter(|unread| !unread.is_empty())?;
            let count = unread.len().min(buffer.len());
            buffer[..count].copy_from_slice(&unread[..count]);
            pipe.read += count;
            if pipe.read == pipe.inbound.len() {
                pipe.inbound.clear();
                pipe.read = 0;
            }
            Some(count)
        })
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, SocketError>> {
        let ready = self.poll(cx, |pipe| pipe.writable.then_some(()))?;
        if ready.is_pending() {
            return Poll::Pending;
        }
        self.gathered.clear();
        for slice in slices {
            self.gathered.extend_from_slice(slice);
        }
        let more = self.sockets.write(self.id, &self.gathered);
        if !more && let Some(pipe) = find(&mut self.pipes.borrow_mut(), self.id) {
            pipe.writable = false;
        }
        Poll::Ready(Ok(self.gathered.len()))
    }
}

impl Drop for SocketConnection {
    fn drop(&mut self) {
        self.pipes.borrow_mut().retain(|pipe| pipe.id != self.id);
        self.sockets.close(self.id);
    }
}

/// Why a socket ended, in the runtime's words.
#[derive(Clone, Debug)]
pub(crate) struct SocketError {
    message: Rc<str>,
    distrust: bool,
}

impl SocketError {
    pub(crate) fn new(message: String, distrust: bool) -> Self {
        Self { message: message.into(), distrust }
    }
}

impl embedded_io::Error for SocketError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for SocketError {}
