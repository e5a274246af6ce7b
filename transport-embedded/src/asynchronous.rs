//! Connections over a network stack with the traits of `embedded-nal-async`.

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::mem;
use core::net::{IpAddr, SocketAddr};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use ottla_core::config::BrokerAddress;
use ottla_core::transport::{Connection, NodeId, Transport};

use crate::error::ConnectionError;

/// Opens connections on an async network stack `N`, with the names of brokers looked up by `D`.
///
/// A stack has a fixed number of sockets, which is then the most connections at a time: one for
/// each broker that leads a partition in use, and one to begin with. Where none is free, connecting
/// fails and is tried again later.
///
/// The futures of the stack's sockets are polled once and dropped when they are pending. So
/// dropping must not lose bytes, and the waker they were polled with must be woken all the same.
/// embassy-net's are so; sockets that encrypt (`embedded-tls`) are not.
pub struct AsyncTransport<'a, N, D> {
    stack: &'a N,
    resolver: &'a D,
    family: AddrType,
}

impl<'a, N: TcpConnect, D: Dns> AsyncTransport<'a, N, D> {
    /// Connections of `stack`. Only addresses of `family` are used: those that the stack was built
    /// for, as some stacks panic on others.
    pub fn new(stack: &'a N, resolver: &'a D, family: AddrType) -> Self {
        Self { stack, resolver, family }
    }
}

impl<N, D> fmt::Debug for AsyncTransport<'_, N, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTransport").finish_non_exhaustive()
    }
}

impl<'a, N: TcpConnect, D: Dns> Transport for AsyncTransport<'a, N, D> {
    type Connection = AsyncConnection<'a, N, D>;

    fn connect(
        &mut self,
        _: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<Self::Connection, Failure<N, D>> {
        let address = address.ok_or(ConnectionError::NoAddress)?.clone();
        let connecting = connect(self.stack, self.resolver, self.family.clone(), address);
        Ok(AsyncConnection { state: State::Connecting(Box::pin(connecting)), unflushed: false })
    }
}

/// The pipe to one broker, from the lookup of its name on.
pub struct AsyncConnection<'a, N: TcpConnect + 'a, D: Dns + 'a> {
    state: State<'a, N, D>,
    /// Bytes were written and may still be in the socket's hands.
    unflushed: bool,
}

/// Why a connection over the stack `N` and the resolver `D` failed.
type Failure<N, D> = ConnectionError<<N as TcpConnect>::Error, <D as Dns>::Error>;

/// A socket of the stack `N`, or why there is none.
type Connected<'a, N, D> = Result<<N as TcpConnect>::Connection<'a>, Failure<N, D>>;

enum State<'a, N: TcpConnect + 'a, D: Dns + 'a> {
    Connecting(Pin<Box<dyn Future<Output = Connected<'a, N, D>> + 'a>>),
    Open(N::Connection<'a>),
    /// The error was told; nothing else follows.
    Failed,
}

impl<'a, N: TcpConnect, D: Dns> AsyncConnection<'a, N, D> {
    /// The socket once it is there.
    fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<&mut N::Connection<'a>, Failure<N, D>>> {
        if let State::Connecting(connecting) = &mut self.state {
            let socket = ready!(connecting.as_mut().poll(cx));
            match socket {
                Ok(socket) => self.state = State::Open(socket),
                Err(error) => {
                    self.state = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match &mut self.state {
            State::Open(socket) => Poll::Ready(Ok(socket)),
            State::Connecting(_) | State::Failed => Poll::Pending,
        }
    }

    /// Asks the socket to send what it still holds; the driver's next turn asks again.
    fn push_out(&mut self, cx: &mut Context<'_>) -> Result<(), Failure<N, D>> {
        let unflushed = mem::take(&mut self.unflushed);
        if let State::Open(socket) = &mut self.state
            && unflushed
        {
            match pin!(socket.flush()).poll(cx) {
                Poll::Ready(outcome) => outcome.map_err(ConnectionError::Socket)?,
                Poll::Pending => self.unflushed = true,
            }
        }
        Ok(())
    }
}

impl<N: TcpConnect, D: Dns> fmt::Debug for AsyncConnection<'_, N, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Connecting(_) => "connecting",
            State::Open(_) => "open",
            State::Failed => "failed",
        };
        f.debug_struct("AsyncConnection").field("state", &state).finish_non_exhaustive()
    }
}

impl<N: TcpConnect, D: Dns> Connection for AsyncConnection<'_, N, D> {
    type Error = Failure<N, D>;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Self::Error>> {
        self.push_out(cx)?;
        let socket = ready!(self.poll_socket(cx))?;
        pin!(socket.read(buffer)).poll(cx).map_err(ConnectionError::Socket)
    }

    /// These sockets take one slice at a time. What follows in the same turn joins it in the
    /// socket's buffer, before the stack makes a packet of it.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, Self::Error>> {
        let socket = ready!(self.poll_socket(cx))?;
        let mut written = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match pin!(socket.write(slice)).poll(cx) {
                Poll::Ready(Ok(count)) => {
                    written += count;
                    if count < slice.len() {
                        break;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(ConnectionError::Socket(error))),
                Poll::Pending if written == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        self.unflushed = true;
        Poll::Ready(Ok(written))
    }
}

async fn connect<'a, N: TcpConnect, D: Dns>(
    stack: &'a N,
    resolver: &'a D,
    family: AddrType,
    address: BrokerAddress,
) -> Connected<'a, N, D> {
    let ip = match address.host.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) => {
            let lookup = resolver.get_host_by_name(&address.host, family.clone()).await;
            lookup.map_err(ConnectionError::Resolve)?
        }
    };
    let fits = match family {
        AddrType::IPv4 => ip.is_ipv4(),
        AddrType::IPv6 => ip.is_ipv6(),
        AddrType::Either => true,
    };
    if !fits {
        return Err(ConnectionError::AddressFamily);
    }
    stack.connect(SocketAddr::new(ip, address.port)).await.map_err(ConnectionError::Socket)
}

/// A resolver for networks without DNS: brokers must be known, and advertise themselves, by their
/// IP addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddressesOnly;

/// What [`AddressesOnly`] answers for every name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoResolver;

impl Dns for AddressesOnly {
    type Error = NoResolver;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, NoResolver> {
        Err(NoResolver)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, NoResolver> {
        Err(NoResolver)
    }
}
