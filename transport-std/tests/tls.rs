//! TLS against rustls' own server on blocking sockets of `std`.
#![cfg(feature = "tls")]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ottla_core::config::{BrokerAddress, Pem, ProducerConfig, TlsConfig};
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_transport_std::{Reactor, TcpConnection, TcpError, TcpOptions, TcpTransport, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(20);

type Server = StreamOwned<ServerConnection, TcpStream>;

/// An authority, and a broker at `localhost` that it has certified.
struct Broker {
    ca: String,
    config: Arc<ServerConfig>,
}

impl Broker {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap().der().clone();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self { ca: ca.pem(), config: Arc::new(config) }
    }

    /// Serves one connection.
    fn serve<T: Send + 'static>(
        &self,
        serve: impl FnOnce(Server) -> T + Send + 'static,
    ) -> (u16, JoinHandle<T>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let session = ServerConnection::new(self.config.clone()).unwrap();
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(StreamOwned::new(session, stream))
        });
        (port, thread)
    }
}

/// A reactor with its transport, used from one thread as the I/O thread does.
struct Client {
    reactor: Reactor,
    transport: TcpTransport,
}

impl Client {
    fn trusting(ca: &str) -> Self {
        let reactor = Reactor::new().unwrap();
        let mut config = TlsConfig::default();
        config.ca = Some(Pem::Inline(ca.into()));
        let tls = Tls::new(&config).unwrap();
        let transport = TcpTransport::new(&reactor, TcpOptions::default()).with_tls(tls);
        Self { reactor, transport }
    }

    fn connect(&mut self, host: &str, port: u16) -> TcpConnection {
        self.transport.connect(NodeId(1), Some(&BrokerAddress::new(host, port))).unwrap()
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

    fn refusal(&mut self, host: &str, port: u16) -> TcpError {
        let mut connection = self.connect(host, port);
        self.wait(|cx| connection.poll_write_vectored(cx, &[b"hello"])).unwrap_err()
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 31 % 251) as u8).collect()
}

#[test]
fn megabytes_go_both_ways_at_once() {
    let broker = Broker::new();
    let (port, server) = broker.serve(|mut stream| {
        let mut buffer = vec![0; 3000];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => return,
                count => stream.write_all(&buffer[..count]).unwrap(),
            }
            stream.flush().unwrap();
        }
    });
    let mut client = Client::trusting(&broker.ca);
    let mut connection = client.connect("localhost", port);
    let sent = bytes(4 << 20);
    let (mut written, mut received) = (0, Vec::new());
    let mut buffer = vec![0; 8192];
    while received.len() < sent.len() {
        client.wait(|cx| {
            let mut moved = false;
            let (first, second) = sent[written..].split_at((sent.len() - written).min(777));
            if written < sent.len()
                && let Poll::Ready(count) = connection.poll_write_vectored(cx, &[first, second])
            {
                written += count.unwrap();
                moved = true;
            }
            if let Poll::Ready(count) = connection.poll_read(cx, &mut buffer) {
                received.extend_from_slice(&buffer[..count.unwrap()]);
                moved = true;
            }
            if moved { Poll::Ready(()) } else { Poll::Pending }
        });
    }
    assert!(received == sent);
    drop(connection);
    let _ = server.join();
}

/// What `acks=0` calls delivered must not stand in a buffer of this program's.
#[test]
fn bytes_count_as_written_when_the_socket_has_them() {
    let broker = Broker::new();
    let (port, server) = broker.serve(|mut stream| {
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        thread::park_timeout(PATIENCE); // until the client is gone
        let mut buffer = vec![0; 1 << 16];
        let mut read = 0;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return read,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return read,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let mut client = Client::trusting(&broker.ca);
    let mut connection = client.connect("localhost", port);
    let sent = bytes(1 << 20);
    let mut written = client.wait(|cx| connection.poll_write_vectored(cx, &[&sent])).unwrap();
    for _ in 0..200 {
        let cx = &mut Context::from_waker(Waker::noop());
        // As the driver does; what is left unread would reset the connection when it is closed.
        assert!(connection.poll_read(cx, &mut [0; 64]).is_pending());
        match connection.poll_write_vectored(cx, &[&sent]) {
            Poll::Ready(count) => written += count.unwrap(),
            Poll::Pending => client.reactor.turn(Some(Duration::from_millis(1))).unwrap(),
        }
    }
    assert!(written > 1 << 17, "{written}");
    drop(connection);
    server.thread().unpark();
    let read = server.join().unwrap();
    assert!(read >= written, "{read} of {written}");
}

#[test]
fn a_broker_that_is_not_who_it_should_be_is_distrusted() {
    let broker = Broker::new();
    let handshake = |mut stream: Server| drop(stream.flush());
    let rows = [
        (broker.ca.clone(), "127.0.0.1", "another host name"),
        (Broker::new().ca, "localhost", "not signed by an authority that is trusted here"),
    ];
    for (ca, host, expected) in rows {
        let (port, server) = broker.serve(handshake);
        let error = Client::trusting(&ca).refusal(host, port);
        assert!(TcpConnection::is_distrust(&error), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{host}:{port}: ")) && text.contains(expected), "{text}");
        server.join().unwrap();
    }
}

#[test]
fn a_broker_that_hangs_up_is_not_distrusted_and_one_without_tls_is() {
    let broker = Broker::new();
    let (port, server) = broker.serve(|mut stream| {
        let mut hello = [0; 16];
        stream.sock.read_exact(&mut hello).unwrap();
    });
    let error = Client::trusting(&broker.ca).refusal("localhost", port);
    assert!(!TcpConnection::is_distrust(&error), "{error:?}");
    server.join().unwrap();

    let (port, server) = broker.serve(|mut stream| {
        stream.sock.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.sock.read(&mut [0; 4096]);
    });
    let error = Client::trusting(&broker.ca).refusal("localhost", port);
    assert!(TcpConnection::is_distrust(&error), "{error:?}");
    assert!(error.to_string().ends_with("does not speak TLS at this address"), "{error}");
    server.join().unwrap();
}

#[test]
fn files_that_can_not_be_used_are_named_with_what_to_do() {
    let dir = std::env::temp_dir().join(format!("ottla-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let java = file("trust", b"\xfe\xed\xfe\xed\0\0\0\x02");
    let certificate = file("cert.pem", Broker::new().ca.as_bytes());
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = file("key.pem", locked.as_bytes());
    let other = file("other.pem", KeyPair::generate().unwrap().serialize_pem().as_bytes());
    let rows: [(&[(&str, &str)], &str); 5] = [
        (&[("ssl.ca.location", "/nowhere/ca.pem")], "cannot read /nowhere/ca.pem: "),
        (&[("ssl.ca.location", &java)], "keytool -importkeystore"),
        (&[("ssl.ca.location", &other)], "no certificate in it"),
        (
            &[("ssl.certificate.location", &certificate), ("ssl.key.location", &locked)],
            "openssl pkey -in",
        ),
        (
            &[("ssl.certificate.location", &certificate), ("ssl.key.location", &other)],
            "keys may not be consistent",
        ),
    ];
    for (properties, expected) in rows {
        let ssl = [("bootstrap.servers", "b:1"), ("security.protocol", "SSL")];
        let all = ssl.iter().chain(properties).copied();
        let config = ProducerConfig::from_properties(all).unwrap();
        let reactor = Reactor::new().unwrap();
        let error = TcpTransport::configured(&reactor, &config).unwrap_err().to_string();
        assert!(error.contains(expected), "{properties:?}: {error}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
