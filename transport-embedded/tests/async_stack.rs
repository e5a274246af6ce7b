//! A producer as a task on a network stack with the traits of `embedded-nal-async`.

mod common;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

use common::{Board, BoardClock, COUNT, Socket};
use embedded_io_async::{ErrorType, Read, Write};
use embedded_nal_async::{Dns, TcpConnect};
use futures_lite::future;
use ottla_core::ProducerConfig;
use ottla_core::time::{Clock, Instant};
use ottla_transport_embedded::{AddrType, AddressesOnly, AsyncTransport, drive};

struct Stack;

/// A socket whose futures are pending at first, and which holds bytes until it is flushed.
struct AsyncSocket {
    socket: Socket,
    held: Vec<u8>,
}

impl TcpConnect for Stack {
    type Error = io::Error;
    type Connection<'a> = AsyncSocket;

    async fn connect(&self, remote: SocketAddr) -> io::Result<AsyncSocket> {
        future::yield_now().await;
        Ok(AsyncSocket { socket: Socket::open(remote)?, held: Vec::new() })
    }
}

impl ErrorType for AsyncSocket {
    type Error = io::Error;
}

impl Read for AsyncSocket {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = &mut self.socket;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            match embedded_io::ReadReady::read_ready(socket) {
                Ok(true) => Poll::Ready(embedded_io::Read::read(socket, buffer)),
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }
}

impl Write for AsyncSocket {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() > 1_000 {
            self.flush().await?;
        }
        let taken = bytes.len().min(700);
        self.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let Self { socket, held } = self;
        poll_fn(|cx| {
            let count = match embedded_io::Write::write(socket, held) {
                Ok(count) => count,
                Err(error) => return Poll::Ready(Err(error)),
            };
            held.drain(..count);
            if held.is_empty() {
                return Poll::Ready(Ok(()));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

/// Knows the name of one host.
struct Hosts;

impl Dns for Hosts {
    type Error = io::Error;

    async fn get_host_by_name(&self, host: &str, _: AddrType) -> io::Result<IpAddr> {
        if host == "broker.example" {
            Ok([127, 0, 0, 1].into())
        } else {
            Err(io::Error::other("?"))
        }
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("not asked for"))
    }
}

/// A timer that its task polls.
fn timer(at: Instant) -> impl Future<Output = ()> + Unpin {
    poll_fn(move |cx| {
        if BoardClock.now() >= at {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_task_produces_in_order() {
    let broker = common::broker();
    let mut config = common::config(&broker);
    config.bootstrap_servers[0].host = "broker.example".into();
    let transport = AsyncTransport::new(&Stack, &Hosts, AddrType::IPv4);
    let (producer, driver) =
        ottla_core::producer::<Board, _>(config, BoardClock, 1, transport).unwrap();
    let application = async {
        let mut sent = 0;
        while sent < COUNT {
            sent = common::send_some(&producer, sent);
            future::yield_now().await;
        }
        producer.close(Duration::from_secs(20)).await;
    };
    future::block_on(future::zip(drive(driver, timer), application));
    common::assert_stored(&broker);
}

#[test]
fn a_name_without_a_resolver_is_an_error_that_says_so() {
    assert_first_error("broker.example:9092", AddrType::IPv4, "no address is known for the name");
}

#[test]
fn an_address_that_the_stack_has_no_code_for_never_reaches_it() {
    let expected = "the network stack was built without this kind of IP address";
    assert_first_error("[::1]:9092", AddrType::IPv4, expected);
    assert_first_error("127.0.0.1:9092", AddrType::IPv6, expected);
}

#[track_caller]
fn assert_first_error(bootstrap: &str, family: AddrType, expected: &str) {
    let mut config = ProducerConfig::small();
    config.bootstrap_servers = vec![bootstrap.parse().unwrap()];
    let transport = AsyncTransport::new(&Stack, &AddressesOnly, family);
    let (producer, driver) =
        ottla_core::producer::<Board, _>(config, BoardClock, 1, transport).unwrap();
    let application = async {
        let _ = common::send_some(&producer, 0);
        while producer.last_error().is_none() {
            future::yield_now().await;
        }
        producer.close(Duration::ZERO).await;
    };
    future::block_on(future::zip(drive(driver, timer), application));
    let error = producer.last_error().unwrap();
    assert!(error.contains(expected), "{error}");
}
