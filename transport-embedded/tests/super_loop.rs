//! A producer in a super-loop: no executor, nothing ever woken.

mod common;

use std::io;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Board, BoardClock, COUNT, Socket};
use ottla_transport_embedded::PolledTransport;

#[test]
fn a_super_loop_produces_in_order() {
    let broker = common::broker();
    let transport = PolledTransport::new(|address| Socket::open(parse(&address.to_string())));
    let config = common::config(&broker);
    let (producer, mut driver) =
        ottla_core::producer::<Board, _>(config, BoardClock, 1, transport).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut cx = Context::from_waker(Waker::noop());
    let mut sent = 0;
    while producer.metrics().records_acknowledged < COUNT as u64 {
        sent = common::send_some(&producer, sent);
        assert!(driver.poll(&mut cx).is_pending());
        assert!(Instant::now() < deadline, "{:?}", producer.metrics());
        thread::yield_now();
    }
    common::assert_stored(&broker);
}

#[test]
fn what_the_modem_says_is_told() {
    let broker = common::broker();
    let refuse = |_: &_| Err::<Socket, _>(io::Error::other("no carrier"));
    let config = common::config(&broker);
    let transport = PolledTransport::new(refuse);
    let (producer, mut driver) =
        ottla_core::producer::<Board, _>(config, BoardClock, 1, transport).unwrap();
    let _ = common::send_some(&producer, 0);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(driver.poll(&mut cx).is_pending());
    let error = producer.last_error().unwrap();
    assert!(error.contains("no carrier"), "{error}");
}

fn parse(address: &str) -> std::net::SocketAddr {
    address.parse().unwrap()
}
