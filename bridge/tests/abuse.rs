//! Clients that send too much, and answers that go astray: T14, T23, and T20 to T22 in part, of
//! `SECURITY.md`.

mod support;

use std::time::{Duration, Instant};

use ottla_bridge::Running;
use ottla_bridge_protocol::{Frame, StreamEnd};
use support::bench::{Bench, open_config};
use support::client::{Client, Greeting};
use support::fake_broker::{FakeBroker, Manners};
use support::http::exchange;
use support::kafka;
use support::raw::{close_code, frame, raw_socket};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The most address space that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmPeak:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[tokio::test]
async fn t14_sizes_that_are_only_promised_are_refused_and_cost_nothing() {
    let bench = Bench::new(1, |_| {});
    let before = peak();
    for declared in [(1 << 20) + 1, 1 << 31, 1 << 62] {
        let mut socket = raw_socket(&bench.bridge).await;
        socket.write_all(&frame(0x82, declared, &[1; 100])).await.unwrap();
        assert_eq!(close_code(&mut socket).await, Some(1009), "a WebSocket frame of {declared}");
    }
    let mut socket = raw_socket(&bench.bridge).await;
    for piece in 0..5 {
        // A message in pieces, each of which is allowed.
        let flags = if piece == 0 { 0x02 } else { 0x00 };
        drop(socket.write_all(&frame(flags, 300 << 10, &vec![0; 300 << 10])).await);
    }
    assert_eq!(close_code(&mut socket).await, Some(1009));
    let hellos =
        [&[1, 0, 0xff, 0xff, 0xff, 1][..], &[1, 0, 0, 0x10, 1, 1], &[2, 0, 0xff, 0xff, 0xff]];
    for hello in hellos {
        let mut socket = raw_socket(&bench.bridge).await;
        socket.write_all(&frame(0x82, hello.len() as u64, hello)).await.unwrap();
        assert_eq!(
            close_code(&mut socket).await,
            Some(1009),
            "a frame that is too long: {hello:?}"
        );
    }
    let mut page = Client::open(bench.bridge.address()).await;
    for declared in [(1u32 << 20) + 1, i32::MAX as u32, u32::MAX, 1 << 31] {
        let stream = page.open_stream(Some(0)).await.unwrap();
        let answer = page.ask(stream, &[&declared.to_be_bytes()[..], &[0; 50]].concat()).await;
        assert_eq!(answer, Err(StreamEnd::Malformed), "a Kafka request of {declared}");
    }
    let head = "POST /v1/produce HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 2147483648\r\n\r\n";
    let body = [head.as_bytes(), &vec![0; 2 << 20]].concat();
    let answer = exchange(bench.bridge.address(), &body).await;
    assert!([0, 413].contains(&answer.status), "{}", answer.head);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Header: x\r\n".repeat(100));
    let long = format!("GET / HTTP/1.1\r\nX-Header: {}\r\n\r\n", "x".repeat(20 << 10));
    for head in [many, long] {
        let answer = exchange(bench.bridge.address(), head.as_bytes()).await;
        assert!([0, 400, 431].contains(&answer.status), "{}", answer.head);
    }
    // Threads of other tests take some; what was promised is more.
    assert!(peak() - before < 3 << 29, "{} bytes", peak() - before);
}

#[tokio::test]
async fn more_than_the_credit_ends_the_session() {
    let bench = Bench::new(1, |config| config.limits.window_bytes = 16 << 10);
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    // A request that does not end, without a look at the credit: 16 KiB are allowed, then, as its
    // beginning is taken, as much again.
    page.say(&Frame::Data { stream, bytes: &[0, 0x0f, 0, 0] }).await;
    for _ in 0..20 {
        let mut message = Vec::new();
        for _ in 0..4 {
            Frame::Data { stream, bytes: &[0; 16 << 10] }.encode(&mut message).unwrap();
        }
        page.raw(message).await;
    }
    assert_eq!(page.gone().await, 1002);
}

#[tokio::test]
async fn t20_t21_t22_more_than_its_share_nobody_gets() {
    let bench = Bench::new(1, |config| {
        config.limits.connections_per_ip = 6;
        config.limits.sessions_per_subject = 4;
        config.limits.frames_per_s = 500;
        config.limits.bytes_per_s = 40 << 10;
    });
    let address = bench.bridge.address();
    let mut pages = Vec::new();
    for _ in 0..4 {
        pages.push(Client::open(address).await);
    }
    assert_eq!(Client::connect(address, &Greeting::default()).await.err(), Some(4429));
    let mut held = vec![TcpStream::connect(address).await.unwrap()];
    held.push(TcpStream::connect(address).await.unwrap());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(
        exchange(address, b"GET / HTTP/1.1\r\n\r\n").await.status,
        0,
        "one connection too many"
    );
    // Requests count at least 1 KiB: 40 of them in a second, and as many that were saved.
    let page = &mut pages[0];
    let stream = page.open_stream(Some(0)).await.unwrap();
    let begun = Instant::now();
    for sequence in 0..100 {
        let batch = kafka::batch(page.identity(), sequence, &["x"]);
        page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1200), "{took:?}");
    // Held back, not closed; but frames for nothing close.
    let page = &mut pages[1];
    for number in 0..600 {
        page.say(&Frame::Pong(number)).await;
        page.say(&Frame::Ping(number)).await;
    }
    let code = page.gone().await;
    assert!([1002, 4429].contains(&code), "{code}");
    let page = &mut pages[2];
    let mut pings = Vec::new();
    for _ in 0..600 {
        let stream = ottla_bridge_protocol::StreamId::FIRST;
        let node = None;
        Frame::Open { stream, node, window: 1 }.encode(&mut pings).unwrap();
        Frame::Close { stream, end: StreamEnd::Done }.encode(&mut pings).unwrap();
    }
    page.expect_opening(ottla_bridge_protocol::StreamId::FIRST);
    page.raw(pings).await;
    let code = page.gone().await;
    assert!([1002, 4429].contains(&code), "{code}");
}

#[tokio::test]
async fn t23_no_answer_ever_reaches_another() {
    let manners = Manners {
        delay: |partition| Duration::from_millis(u64::from(partition.unsigned_abs() % 3)),
        ..Manners::default()
    };
    let broker = FakeBroker::start(manners).await;
    let mut config = open_config(broker.address.to_string());
    // All sessions over one connection.
    config.kafka.connections_per_broker = 1;
    let bridge = Running::start(config).unwrap();
    let address = bridge.address();
    let pages = (0..24i32).map(|number| {
        tokio::spawn(async move {
            for round in 0..4 {
                let mut page = Client::open(address).await;
                let stream = page.open_stream(Some(0)).await.unwrap();
                let batch = kafka::batch(page.identity(), 0, &["x"]);
                let request = kafka::produce(&[("clicks", number, batch)]);
                page.write(stream, &request.repeat(5)).await;
                // Some leave while answers are on their way.
                let answers = if number % 2 == 0 { 5 } else { round };
                for _ in 0..answers {
                    let answer = page.response(stream).await.unwrap();
                    let offset = 1000 + i64::from(number);
                    assert_eq!(
                        kafka::outcomes(&answer),
                        [("clicks".to_owned(), number, 0, offset)]
                    );
                }
            }
        })
    });
    for page in pages.collect::<Vec<_>>() {
        page.await.unwrap();
    }
}

#[tokio::test]
async fn t23_a_connection_that_is_out_of_step_acknowledges_nothing() {
    let manners = Manners { wrong_correlation_id: true, ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let bridge = Running::start(open_config(broker.address.to_string())).unwrap();
    let mut page = Client::open(bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await;
    assert_eq!(answer, Err(StreamEnd::BrokerLost));
}
