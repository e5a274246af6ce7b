//! What firmware has, played by this machine: a clock, non-blocking sockets, a broker.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_core::time::{Clock, Instant};
use ottla_core::{Codec, Producer, ProducerConfig, Record};
use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use ottla_transport_embedded::SingleThread;

pub(crate) const COUNT: usize = 2_000;

pub(crate) type Board = SingleThread<BoardClock>;

pub(crate) struct BoardClock;

impl Clock for BoardClock {
    fn now(&self) -> Instant {
        Instant::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
    }

    fn unix_millis(&self) -> i64 {
        1_700_000_000_000
    }
}

pub(crate) fn broker() -> DevBroker {
    DevBroker::start(DevBrokerOptions { partitions_per_topic: 1, ..Default::default() }).unwrap()
}

pub(crate) fn config(broker: &DevBroker) -> ProducerConfig {
    let mut config = ProducerConfig::small();
    config.bootstrap_servers = vec![broker.address().to_string().parse().unwrap()];
    config.compression = Codec::Lz4.into();
    config
}

pub(crate) fn value(index: usize) -> String {
    format!("sensor frame {index}")
}

/// Sends what there is memory for; returns how many of the records are sent then.
pub(crate) fn send_some(producer: &Producer<Board>, mut sent: usize) -> usize {
    while sent < COUNT {
        let value = value(sent);
        if producer.try_send("frames", Record::new(value.as_bytes())).is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

/// All values arrived once and in order.
#[track_caller]
pub(crate) fn assert_stored(broker: &DevBroker) {
    let records = broker.cluster().records("frames", 0, 0, usize::MAX).unwrap();
    let values: Vec<_> =
        records.iter().map(|r| String::from_utf8(r.value.as_ref().unwrap().to_vec())).collect();
    assert_eq!(values, (0..COUNT).map(|index| Ok(value(index))).collect::<Vec<_>>());
}

/// A non-blocking socket.
#[derive(Debug)]
pub(crate) struct Socket(TcpStream);

impl Socket {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

impl embedded_io::ErrorType for Socket {
    type Error = io::Error;
}

impl embedded_io::Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl embedded_io::ReadReady for Socket {
    fn read_ready(&mut self) -> io::Result<bool> {
        ready(self.0.peek(&mut [0]))
    }
}

impl embedded_io::Write for Socket {
    /// Takes little at a time, as the buffers of small chips do.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(100)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Socket {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

pub(crate) fn ready<T>(outcome: io::Result<T>) -> io::Result<bool> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        outcome => outcome.map(|_| true),
    }
}
