//! The transport against plain sockets of `std`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use embedded_io::{Error as _, ErrorKind};
use ottla_core::config::BrokerAddress;
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_transport_std::{Reactor, TcpConnection, TcpError, TcpOptions, TcpTransport};

const PATIENCE: Duration = Duration::from_secs(20);

/// A reactor with its transport, used from one thread as the I/O thread does.
struct Client {
    reactor: Reactor,
    transport: TcpTransport,
}

impl Client {
    fn new() -> Self {
        Self::with_options(TcpOptions::default())
    }

    fn with_options(options: TcpOptions) -> Self {
        let reactor = Reactor::new().unwrap();
        let transport = TcpTransport::new(&reactor, options);
        Self { reactor, transport }
    }

    fn connect(&mut self, host: &str, port: u16) -> TcpConnection {
        self.transport.connect(NodeId(1), Some(&BrokerAddress::new(host, port))).unwrap()
    }

    fn connect_to(&mut self, address: SocketAddr) -> TcpConnection {
        self.connect(&address.ip().to_string(), address.port())
    }

    /// Polls until ready, with a turn of the reactor after each `Pending`.
    fn wait<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Poll::Ready(result) = poll(&mut Context::from_waker(Waker::noop())) {
                return result;
            }
            self.reactor.turn(Some(Duration::from_millis(20))).unwrap();
        }
        panic!("still pending after {PATIENCE:?}");
    }

    fn read(&mut self, connection: &mut TcpConnection) -> Result<Vec<u8>, TcpError> {
        let mut buffer = [0; 4096];
        let read = self.wait(|cx| connection.poll_read(cx, &mut buffer))?;
        Ok(buffer[..read].to_vec())
    }

    /// Writes everything and says in how many writes.
    fn write_all(&mut self, connection: &mut TcpConnection, mut bytes: &[u8]) -> usize {
        let mut writes = 0;
        while !bytes.is_empty() {
            let half = bytes.len() / 2;
            let slices = [&bytes[..half], &[], &bytes[half..]];
            let written = self.wait(|cx| connection.poll_write_vectored(cx, &slices)).unwrap();
            assert!(written > 0);
            bytes = &bytes[written..];
            writes += 1;
        }
        writes
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A client with an open connection, and the peer's end of it.
fn connected(options: TcpOptions) -> (Client, TcpConnection, TcpStream) {
    let (listener, address) = listener();
    let mut client = Client::with_options(options);
    let mut connection = client.connect_to(address);
    client.write_all(&mut connection, b"hello");
    let (mut peer, _) = listener.accept().unwrap();
    let mut hello = [0; 5];
    peer.read_exact(&mut hello).unwrap();
    (client, connection, peer)
}

#[test]
fn bytes_pass_both_ways() {
    let (mut client, mut connection, mut peer) = connected(TcpOptions::default());
    peer.write_all(b"first").unwrap();
    assert_eq!(client.read(&mut connection).unwrap(), b"first");
    peer.write_all(b"second").unwrap();
    assert_eq!(client.read(&mut connection).unwrap(), b"second");
}

#[test]
fn small_socket_buffers_split_a_large_write() {
    let options = TcpOptions { send_buffer_bytes: Some(4096), receive_buffer_bytes: Some(4096) };
    let (mut client, mut connection, mut peer) = connected(options);
    let sent: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let length = sent.len();
    let reader = thread::spawn(move || {
        let mut received = vec![0; length];
        peer.read_exact(&mut received).unwrap();
        received
    });
    let writes = client.write_all(&mut connection, &sent);
    assert!(writes > 10, "only {writes} writes");
    assert!(reader.join().unwrap() == sent);
}

#[test]
fn more_slices_than_one_write_takes_arrive_in_order() {
    let (mut client, mut connection, mut peer) = connected(TcpOptions::default());
    let bytes: Vec<u8> = (0..=255).collect();
    let mut sent = 0;
    while sent < bytes.len() {
        let slices: Vec<&[u8]> = bytes[sent..].chunks(1).collect();
        sent += client.wait(|cx| connection.poll_write_vectored(cx, &slices)).unwrap();
    }
    let mut received = [0; 256];
    peer.read_exact(&mut received).unwrap();
    assert_eq!(received[..], bytes[..]);
}

#[test]
fn nothing_to_write_needs_no_readiness() {
    let (_client, mut connection, _peer) = connected(TcpOptions::default());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(connection.poll_write_vectored(&mut cx, &[]), Poll::Ready(Ok(0))));
}

#[test]
fn a_connection_does_not_ask_the_system_by_itself() {
    let (mut client, mut connection, mut peer) = connected(TcpOptions::default());
    let mut buffer = [0; 16];
    let mut cx = Context::from_waker(Waker::noop());
    let _ = connection.poll_read(&mut cx, &mut buffer);
    assert!(connection.poll_read(&mut cx, &mut buffer).is_pending());
    peer.write_all(b"news").unwrap();
    // The bytes are there (the loopback interface delivers within the call), but the poller has not
    // been asked.
    assert!(connection.poll_read(&mut cx, &mut buffer).is_pending());
    assert_eq!(client.read(&mut connection).unwrap(), b"news");
}

#[test]
fn the_peers_close_ends_the_stream_after_its_last_bytes() {
    let (mut client, mut connection, mut peer) = connected(TcpOptions::default());
    peer.write_all(b"bye").unwrap();
    drop(peer);
    assert_eq!(client.read(&mut connection).unwrap(), b"bye");
    assert_eq!(client.read(&mut connection).unwrap(), b"");
    assert_eq!(client.read(&mut connection).unwrap(), b"", "the end is not forgotten");
}

#[test]
fn a_half_closed_peer_can_still_be_written_to() {
    let (mut client, mut connection, mut peer) = connected(TcpOptions::default());
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut connection).unwrap(), b"");
    client.write_all(&mut connection, b"still here");
    let mut received = [0; 10];
    peer.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"still here");
}

#[test]
fn a_reset_is_an_error_that_names_the_address_and_stays() {
    let (mut client, mut connection, peer) = connected(TcpOptions::default());
    let address = peer.local_addr().unwrap();
    // A close with a linger of zero sends RST instead of FIN.
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let error = client.read(&mut connection).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(error.to_string(), format!("{address}: connection reset"));
    let again = client.wait(|cx| connection.poll_write_vectored(cx, &[b"x"])).unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn a_refused_connection_says_so_on_first_use() {
    let (listener, address) = listener();
    drop(listener);
    let mut client = Client::new();
    let mut connection = client.connect_to(address);
    let error = client.read(&mut connection).unwrap_err();
    assert_eq!(error.to_string(), format!("{address}: connection refused"));
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_name_that_does_not_resolve_is_a_clear_error() {
    let mut client = Client::new();
    let mut connection = client.connect("nowhere.invalid", 9092);
    let error = client.read(&mut connection).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(text.starts_with("cannot resolve nowhere.invalid: "), "{text}");
    assert!(!text.contains("lookup"), "{text}");
}

#[test]
fn a_name_is_resolved_and_all_its_addresses_are_tried() {
    // `localhost` may mean ::1 too, where nobody listens.
    let (listener, address) = listener();
    let mut client = Client::new();
    let mut connection = client.connect("localhost", address.port());
    client.write_all(&mut connection, b"x");
    assert!(listener.accept().is_ok());
}

#[test]
fn a_node_without_address_is_refused() {
    let mut client = Client::new();
    let error = client.transport.connect(NodeId(7), None).unwrap_err();
    assert_eq!(error.to_string(), "node 7 has no address to connect to");
}

#[test]
fn dropping_a_connection_closes_it() {
    let (_client, connection, mut peer) = connected(TcpOptions::default());
    drop(connection);
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn hundreds_of_connections_share_one_reactor() {
    const CONNECTIONS: u16 = 300;
    let (listener, address) = listener();
    let echo = thread::spawn(move || {
        let peers: Vec<_> = (0..CONNECTIONS).map(|_| listener.accept().unwrap().0).collect();
        for mut peer in peers {
            let mut bytes = [0; 2];
            peer.read_exact(&mut bytes).unwrap();
            peer.write_all(&bytes).unwrap();
        }
    });
    let mut client = Client::new();
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|index| (index, client.connect_to(address))).collect();
    for (index, connection) in &mut connections {
        client.write_all(connection, &index.to_be_bytes());
    }
    for (index, connection) in &mut connections {
        assert_eq!(client.read(connection).unwrap(), index.to_be_bytes());
    }
    echo.join().unwrap();
}
