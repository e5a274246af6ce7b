//! From a broker's name to a connected socket: look the name up, try its addresses in turn.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use ottla_core::config::BrokerAddress;

use crate::TcpOptions;
use crate::error::{AddressFailure, TcpError};
use crate::reactor::Sockets;
use crate::resolver::{Lookup, Resolver};
use crate::socket::Socket;

/// What all dials of one transport share.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) options: TcpOptions,
    pub(crate) resolver: Resolver,
    pub(crate) silent: SilentAddresses,
}

/// For each broker the address that last neither accepted nor refused until the dial was given up.
///
/// Whoever gives up, on `socket.connection.setup.timeout.ms`, drops the whole dial. Without this
/// memory the next dial would hang at the same address and never reach the ones behind it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SilentAddresses(Arc<Mutex<HashMap<BrokerAddress, SocketAddr>>>);

/// One attempt to reach one broker.
#[derive(Debug)]
pub(crate) struct Dial {
    broker: BrokerAddress,
    dialer: Dialer,
    /// Present while the name is being looked up.
    lookup: Option<Lookup>,
    /// Addresses not yet tried.
    remaining: VecDeque<SocketAddr>,
    /// The address being tried.
    current: Option<Socket>,
    failures: Vec<AddressFailure>,
}

impl Dial {
    /// Begins: with the lookup where the host is a name, with the connection where it is an
    /// address.
    pub(crate) fn new(dialer: &Dialer, broker: &BrokerAddress) -> Result<Self, TcpError> {
        let mut dial = Self::to(dialer, broker, []);
        match broker.host.parse::<IpAddr>() {
            Ok(ip) => {
                dial.remaining.push_back(SocketAddr::new(ip, broker.port));
                dial.try_next();
            }
            Err(_) => dial.lookup = Some(dial.look_up()?),
        }
        Ok(dial)
    }

    fn to(
        dialer: &Dialer,
        broker: &BrokerAddress,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Self {
        Self {
            broker: broker.clone(),
            dialer: dialer.clone(),
            lookup: None,
            remaining: addresses.into_iter().collect(),
            current: None,
            failures: Vec::new(),
        }
    }

    /// The connected socket, or why no address gave one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Socket, TcpError>> {
        if let Some(lookup) = &self.lookup {
            let addresses = ready!(lookup.poll(cx));
            self.lookup = None;
            let addresses = addresses.map_err(|error| self.unresolved(error))?;
            self.remaining = self.dialer.silent.put_last(&self.broker, addresses);
        }
        loop {
            if let Some(socket) = self.current.take() {
                match socket.poll_connected() {
                    Poll::Pending => {
                        self.current = Some(socket);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) => {
                        self.dialer.silent.forget(&self.broker);
                        return Poll::Ready(Ok(socket));
                    }
                    Poll::Ready(Err(error)) => {
                        self.failures.push(AddressFailure::new(socket.address(), error));
                    }
                }
            }
            if !self.try_next() {
                return Poll::Ready(Err(self.unreachable()));
            }
        }
    }

    /// Begins to connect to the next address that the system lets us try; false when none is left.
    fn try_next(&mut self) -> bool {
        while let Some(address) = self.remaining.pop_front() {
            match Socket::connect(&self.dialer.sockets, address, &self.dialer.options) {
                Ok(socket) => {
                    self.current = Some(socket);
                    return true;
                }
                Err(error) => self.failures.push(AddressFailure::new(address, error)),
            }
        }
        false
    }

    fn look_up(&self) -> Result<Lookup, TcpError> {
        self.dialer.resolver.look_up(&self.broker).map_err(|error| self.unresolved(error))
    }

    fn unresolved(&self, error: io::Error) -> TcpError {
        TcpError::Unresolved { host: self.broker.host.clone(), error: Arc::new(error) }
    }

    fn unreachable(&mut self) -> TcpError {
        let failures = std::mem::take(&mut self.failures);
        if failures.is_empty() {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
            return self.unresolved(error);
        }
        TcpError::Unreachable { broker: self.broker.clone(), failures }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        if let Some(silent) = &self.current {
            self.dialer.silent.remember(&self.broker, silent.address());
        }
    }
}

impl SilentAddresses {
    /// `addresses` in the DNS's order, but beginning behind the silent one.
    fn put_last(&self, broker: &BrokerAddress, addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
        let mut addresses = VecDeque::from(addresses);
        let silent = self.with(|silent| silent.get(broker).copied());
        if let Some(position) = addresses.iter().position(|address| Some(*address) == silent) {
            addresses.rotate_left(position + 1);
        }
        addresses
    }

    fn remember(&self, broker: &BrokerAddress, address: SocketAddr) {
        self.with(|silent| silent.insert(broker.clone(), address));
    }

    fn forget(&self, broker: &BrokerAddress) {
        self.with(|silent| silent.remove(broker));
    }

    fn with<R>(&self, f: impl FnOnce(&mut HashMap<BrokerAddress, SocketAddr>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::Reactor;

    fn dialer(reactor: &Reactor) -> Dialer {
        Dialer {
            sockets: reactor.sockets(),
            options: TcpOptions::default(),
            resolver: Resolver::default(),
            silent: SilentAddresses::default(),
        }
    }

    fn finish(reactor: &mut Reactor, dial: &mut Dial) -> Result<Socket, TcpError> {
        for _ in 0..100 {
            if let Poll::Ready(result) = dial.poll(&mut Context::from_waker(Waker::noop())) {
                return result;
            }
            reactor.turn(Some(Duration::from_millis(50))).unwrap();
        }
        panic!("the dial never ended");
    }

    fn closed_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    /// A listener whose queue is full answers nothing (on Linux): neither accepted nor refused.
    fn silent_listener() -> (SocketAddr, Vec<socket2::Socket>) {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let new = || {
            let kind = socket2::Type::STREAM;
            socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap()
        };
        let listener = new();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut keep = vec![listener];
        for _ in 0..3 {
            let client = new();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address.into());
            keep.push(client);
        }
        (address, keep)
    }

    #[test]
    fn the_address_behind_a_refusing_one_is_reached() {
        let mut reactor = Reactor::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let broker = BrokerAddress::new("name", good.port());
        let mut dial = Dial::to(&dialer(&reactor), &broker, [closed_address(), good]);
        let socket = finish(&mut reactor, &mut dial).unwrap();
        assert_eq!(socket.address(), good);
        assert_eq!(dial.failures.len(), 1);
    }

    #[test]
    fn when_all_refuse_each_is_named() {
        let mut reactor = Reactor::new().unwrap();
        let (first, second) = (closed_address(), closed_address());
        let broker = BrokerAddress::new("name", 9);
        let mut dial = Dial::to(&dialer(&reactor), &broker, [first, second]);
        let text = finish(&mut reactor, &mut dial).unwrap_err().to_string();
        assert_eq!(
            text,
            format!("name:9: {first}: connection refused, {second}: connection refused")
        );
    }

    #[test]
    fn a_name_without_addresses_is_unresolved() {
        let mut reactor = Reactor::new().unwrap();
        let mut dial = Dial::to(&dialer(&reactor), &BrokerAddress::new("name", 9), []);
        let text = finish(&mut reactor, &mut dial).unwrap_err().to_string();
        assert_eq!(text, "cannot resolve name: the name has no addresses");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_dial_given_up_at_a_silent_address_begins_behind_it_next_time() {
        let mut reactor = Reactor::new().unwrap();
        let dialer = dialer(&reactor);
        let (silent, _keep) = silent_listener();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let broker = BrokerAddress::new("name", good.port());

        let mut dial = Dial::to(&dialer, &broker, [silent, good]);
        for _ in 0..3 {
            assert!(dial.poll(&mut Context::from_waker(Waker::noop())).is_pending());
            reactor.turn(Some(Duration::from_millis(5))).unwrap();
        }
        drop(dial);

        let order = dialer.silent.put_last(&broker, vec![silent, good]);
        assert_eq!(order, [good, silent]);
        let mut dial = Dial::to(&dialer, &broker, order);
        assert_eq!(finish(&mut reactor, &mut dial).unwrap().address(), good);
        let order = dialer.silent.put_last(&broker, vec![silent, good]);
        assert_eq!(order, [silent, good], "a success forgets it");
    }
}
