//! One connection to a broker that the calling thread drives: for tools, which ask one question at
//! a time and wait for its answer.

mod error;
mod greeting;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::NodeVersions;
use ottla_core::protocol::frame::FrameReader;
use ottla_core::protocol::header::{begin_request, finish_request, parse_response_header};
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::{Connection, NodeId, Transport};

pub use error::BlockingError;

use crate::connection::TcpConnection;
use crate::error::TcpError;
use crate::platform::NativeClock;
use crate::reactor::Reactor;
use crate::transport::TcpTransport;

/// Room for what is read at a time.
const READ_BYTES: usize = 16 * 1024;
const CLIENT_ID: &str = "ottla";

/// A broker that has been greeted, and logged in at where the configuration says so.
pub struct BlockingConnection {
    broker: BrokerAddress,
    connection: TcpConnection,
    reactor: Reactor,
    waker: Waker,
    frames: FrameReader,
    versions: NodeVersions,
    client_id: String,
    patience: Duration,
    correlation_id: i32,
}

impl fmt::Debug for BlockingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingConnection").field("broker", &self.broker).finish_non_exhaustive()
    }
}

/// An answer's body and the version that it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The version of the request.
    pub version: i16,
    /// What follows the response's header.
    pub body: Vec<u8>,
}

impl BlockingConnection {
    /// Connects, asks what the broker speaks, and logs in. Waits for each answer up to
    /// `request.timeout.ms`, and no longer than `socket.connection.setup.timeout.ms` for the first.
    ///
    /// # Errors
    /// See [`BlockingError`].
    pub fn open(config: &ProducerConfig, broker: &BrokerAddress) -> Result<Self, BlockingError> {
        let reactor = Reactor::new().map_err(BlockingError::Io)?;
        let interrupt = reactor.interrupt().map_err(BlockingError::Io)?;
        let mut transport = TcpTransport::configured(&reactor, config)?;
        let mut this = Self {
            connection: transport.connect(NodeId(-1), Some(broker))?,
            broker: broker.clone(),
            reactor,
            waker: Arc::new(Interrupt(interrupt)).into(),
            frames: FrameReader::new(config.receive_max_bytes),
            versions: NodeVersions::default(),
            client_id: config.client_id.clone(),
            patience: config.connection_setup_timeout.min(config.request_timeout),
            correlation_id: 0,
        };
        if this.client_id.is_empty() {
            CLIENT_ID.clone_into(&mut this.client_id);
        }
        this.greet()?;
        if config.security.protocol.uses_sasl() {
            this.log_in(&config.security.sasl)?;
        }
        this.patience = config.request_timeout;
        Ok(this)
    }

    /// What the broker speaks.
    #[must_use]
    pub fn versions(&self) -> &NodeVersions {
        &self.versions
    }

    /// Asks in the highest version that both sides speak; `write` appends the body of the request
    /// in that version.
    ///
    /// # Errors
    /// See [`BlockingError`].
    pub fn call(
        &mut self,
        key: ApiKey,
        write: impl FnOnce(&mut Vec<u8>, i16),
    ) -> Result<Answer, BlockingError> {
        let version = self.versions.select(key).ok_or_else(|| {
            self.refused(format_args!("it takes no {key:?} request that this client speaks"))
        })?;
        let body = self.call_in(key, version, |out| write(out, version))?;
        Ok(Answer { version, body })
    }

    fn call_in(
        &mut self,
        key: ApiKey,
        version: i16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Vec<u8>, BlockingError> {
        self.correlation_id = self.correlation_id.checked_add(1).unwrap_or(1);
        let mut frame = Vec::new();
        let start = begin_request(&mut frame, key, version, self.correlation_id, &self.client_id);
        write(&mut frame);
        finish_request(&mut frame, start, 0);
        let answer = self.exchange(&frame)?;
        let parsed = parse_response_header(&answer, key.response_header_version(version));
        let (correlation_id, body) = parsed.map_err(|error| self.malformed(error))?;
        if correlation_id != self.correlation_id {
            return Err(self.malformed("the response is to another request"));
        }
        Ok(body.to_vec())
    }

    /// Sends a whole request, its size included, and waits for the response, which comes without
    /// its size: for requests that this crate does not know.
    ///
    /// # Errors
    /// See [`BlockingError`].
    pub fn exchange(&mut self, request: &[u8]) -> Result<Vec<u8>, BlockingError> {
        let deadline = NativeClock.now() + self.patience;
        let mut rest = request;
        while !rest.is_empty() {
            let count = self
                .until(deadline, |connection, _, cx| connection.poll_write_vectored(cx, &[rest]))?;
            rest = rest.get(count..).unwrap_or_default();
        }
        loop {
            let count = self.until(deadline, |connection, frames, cx| {
                connection.poll_read(cx, frames.spare(READ_BYTES))
            })?;
            if count == 0 {
                return Err(BlockingError::Closed { broker: self.broker.clone() });
            }
            self.frames.commit(count);
            match self.frames.next_frame() {
                Ok(Some(frame)) => return Ok(frame.to_vec()),
                Ok(None) => {}
                Err(error) => return Err(self.malformed(error)),
            }
        }
    }

    /// Does `step` as soon as the connection lets it.
    fn until<T>(
        &mut self,
        deadline: Instant,
        mut step: impl FnMut(
            &mut TcpConnection,
            &mut FrameReader,
            &mut Context<'_>,
        ) -> Poll<Result<T, TcpError>>,
    ) -> Result<T, BlockingError> {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(done) = step(&mut self.connection, &mut self.frames, &mut cx) {
                return Ok(done?);
            }
            let left = deadline.since(NativeClock.now());
            if left.is_zero() {
                let broker = self.broker.clone();
                return Err(BlockingError::Silent { broker, patience: self.patience });
            }
            self.reactor.turn(Some(left)).map_err(BlockingError::Io)?;
        }
    }

    fn refused(&self, why: impl fmt::Display) -> BlockingError {
        BlockingError::Refused { broker: self.broker.clone(), why: why.to_string() }
    }

    fn malformed(&self, why: impl fmt::Display) -> BlockingError {
        BlockingError::Malformed { broker: self.broker.clone(), why: why.to_string() }
    }
}

/// Ends the reactor's turn, the present one or else the next.
struct Interrupt(mio::Waker);

impl Wake for Interrupt {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // If it fails, the turn ends at its deadline.
        let _ = self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn open(address: std::net::SocketAddr) -> Result<BlockingConnection, BlockingError> {
        let mut config = ProducerConfig::default();
        config.connection_setup_timeout = Duration::from_millis(200);
        BlockingConnection::open(&config, &BrokerAddress::new("localhost", address.port()))
    }

    /// Answers the first bytes of a connection with these.
    fn server(answer: &'static [u8]) -> std::net::SocketAddr {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
            let _ = stream.read(&mut [0; 1024]); // until the client gives up
        });
        address
    }

    #[test]
    fn who_is_no_broker_is_named() {
        let text = |answer| open(server(answer)).unwrap_err().to_string();
        assert!(text(b"HTTP/1.1 400 Bad Request\r\n\r\n").contains("HTTP"));
        let other = text(&[0, 0, 0, 6, 0, 0, 0, 9, 0, 0]);
        assert!(other.ends_with("the response is to another request"), "{other}");
        let silent = text(b"");
        assert!(silent.ends_with("no answer within 200ms; is it a Kafka broker?"), "{silent}");
    }

    #[test]
    fn patience_may_have_no_end() {
        let address = server(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let mut config = ProducerConfig::default();
        (config.connection_setup_timeout, config.request_timeout) = (Duration::MAX, Duration::MAX);
        let broker = BrokerAddress::new("localhost", address.port());
        assert!(BlockingConnection::open(&config, &broker).is_err());
    }

    /// It would speak in the clear, the password too.
    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_that_is_not_compiled_in_is_refused() {
        let mut config = ProducerConfig::default();
        config.security.protocol = ottla_core::config::SecurityProtocol::Ssl;
        let error = BlockingConnection::open(&config, &BrokerAddress::new("127.0.0.1", 1));
        assert!(matches!(error, Err(BlockingError::Config(_))), "{error:?}");
    }

    #[test]
    fn an_old_broker_is_asked_again_in_version_0() {
        // UNSUPPORTED_VERSION without a list, as before 2.4; then one request: Metadata 0 to 8.
        let listener = TcpListener::bind("localhost:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut versions = Vec::new();
            for answer in [
                &[0, 0, 0, 10, 0, 0, 0, 1, 0, 35, 0, 0, 0, 0][..],
                &[0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 8],
            ] {
                let mut request = [0; 1024];
                let count = stream.read(&mut request).unwrap();
                assert!(count > 8);
                versions.push(i16::from_be_bytes([request[6], request[7]]));
                stream.write_all(answer).unwrap();
            }
            versions
        });
        let connection = open(address).unwrap();
        assert_eq!(connection.versions().select(ApiKey::Metadata), Some(8));
        assert_eq!(connection.versions().select(ApiKey::DescribeConfigs), None);
        assert_eq!(server.join().unwrap(), [4, 0]);
    }

    #[test]
    fn who_refuses_each_version_that_it_lists_is_not_asked_for_ever() {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut versions) = ([0; 1024], Vec::new());
            // Each is answered with UNSUPPORTED_VERSION and ApiVersions 0 to 4.
            while stream.read(&mut request).unwrap() > 0 {
                versions.push(i16::from_be_bytes([request[6], request[7]]));
                let number = request[8..12].to_vec();
                let refused = [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4];
                stream.write_all(&[&[0, 0, 0, 16][..], &number, &refused].concat()).unwrap();
            }
            versions
        });
        assert!(matches!(open(address), Err(BlockingError::Refused { .. })));
        assert_eq!(server.join().unwrap(), [4, 3, 2, 1, 0]);
    }
}
