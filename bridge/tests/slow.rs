//! Clients that are slow, silent or never read: T15 of `SECURITY.md`.

mod support;

use std::time::{Duration, Instant};

use ottla_bridge_protocol::{Frame, StreamEnd};
use support::bench::Bench;
use support::client::{Client, Said};
use support::http::read_answer;
use support::kafka;
use support::raw::{close_code, frame, greeted, greeted_over, raw_socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

fn hurried(config: &mut ottla_bridge::Config) {
    config.times.http_ms = 300;
    config.times.hello_ms = 300;
    config.times.progress_ms = 500;
    config.times.ping_ms = 1000;
}

#[tokio::test]
async fn t15_what_does_not_go_on_is_ended() {
    let bench = Bench::new(1, hurried);
    let mut head = TcpStream::connect(bench.bridge.address()).await.unwrap();
    head.write_all(b"GET /v1/session HTTP/1.1\r\nHost: br").await.unwrap();
    assert!([0, 408].contains(&read_answer(&mut head).await.status));
    let mut silent = TcpStream::connect(bench.bridge.address()).await.unwrap();
    assert!([0, 408].contains(&read_answer(&mut silent).await.status));
    let mut no_hello = raw_socket(&bench.bridge).await;
    assert_eq!(close_code(&mut no_hello).await, Some(4408));
    let mut half_hello = raw_socket(&bench.bridge).await;
    half_hello.write_all(&frame(0x82, 100, &[1, 0, 0])).await.unwrap();
    assert_eq!(close_code(&mut half_hello).await, Some(4408));
    let mut half_frame = greeted(&bench.bridge).await;
    half_frame.write_all(&frame(0x82, 1000, &[6, 1, 0, 3])).await.unwrap();
    assert_eq!(close_code(&mut half_frame).await, Some(4408), "half a message");
    let mut half_header = greeted(&bench.bridge).await;
    half_header.write_all(&[0x82]).await.unwrap();
    assert_eq!(close_code(&mut half_header).await, Some(4408), "half a frame's header");
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    page.write(stream, &[0, 0, 1, 0, 0, 0]).await;
    assert_eq!(page.response(stream).await, Err(StreamEnd::TimedOut), "half a request");
}

#[tokio::test]
async fn t15_a_message_that_drips_and_a_client_that_gives_no_sign_of_life_are_ended() {
    let bench = Bench::new(1, hurried);
    let mut drip = greeted(&bench.bridge).await;
    drip.write_all(&frame(0x82, 100_000, &[])).await.unwrap();
    let (mut reader, mut writer) = drip.into_split();
    let dripping = tokio::spawn(async move {
        while writer.write_all(&[0]).await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let begun = Instant::now();
    let mut rest = Vec::new();
    drop(timeout(Duration::from_secs(20), reader.read_to_end(&mut rest)).await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    dripping.abort();
    let mut deaf = greeted(&bench.bridge).await;
    assert_eq!(close_code(&mut deaf).await, Some(4408), "no PONG");
}

#[tokio::test]
async fn t15_a_good_client_does_not_notice_many_slow_ones() {
    // The slow ones stay for longer than the good one waits for an answer.
    let bench = Bench::new(1, |config| {
        config.times.http_ms = 60_000;
        config.times.hello_ms = 60_000;
        config.times.progress_ms = 60_000;
    });
    let mut slow = Vec::new();
    for number in 0..300 {
        slow.push(match number % 3 {
            0 => TcpStream::connect(bench.bridge.address()).await.unwrap(),
            1 => raw_socket(&bench.bridge).await,
            _ => {
                let mut socket = greeted(&bench.bridge).await;
                socket.write_all(&frame(0x82, 1000, &[6, 1])).await.unwrap();
                socket
            }
        });
    }
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    for sequence in 0..200 {
        let batch = kafka::batch(page.identity(), sequence, &["x"]);
        let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].2, 0);
    }
}

/// As [`hurried`], without a PONG whose lack would end a session as well.
fn hurried_without_pings(config: &mut ottla_bridge::Config) {
    hurried(config);
    config.times.ping_ms = 3_600_000;
}

#[tokio::test]
async fn t15_what_does_not_go_on_is_ended_without_a_ping_too() {
    let bench = Bench::new(1, hurried_without_pings);
    for begun in [&frame(0x82, 1000, &[6, 1, 0, 3])[..], &[0x82]] {
        let mut half = greeted(&bench.bridge).await;
        half.write_all(begun).await.unwrap();
        assert_eq!(close_code(&mut half).await, Some(4408), "{begun:?}");
    }
    // A stream that the bridge has closed, and the client does not.
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    page.write(stream, &[0, 0, 0, 8, 0, 1, 0, 12, 0, 0, 0, 1]).await;
    assert_eq!(page.next().await, Said::Close(stream, StreamEnd::Forbidden));
    assert_eq!(page.gone_within(Duration::from_secs(20)).await, Some(4408), "no CLOSE");
}

#[tokio::test]
async fn t15_who_does_not_read_is_ended() {
    let bench = Bench::new(1, hurried_without_pings);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(bench.bridge.address()).await.unwrap();
    let mut deaf = greeted_over(stream).await;
    // Each PING has its PONG, more than the system takes for one that does not read.
    let mut pings = Vec::new();
    (0..1000).for_each(|number| Frame::Ping(number).encode(&mut pings).unwrap());
    let message = frame(0x82, pings.len() as u64, &pings);
    let flood = async { while deaf.write_all(&message).await.is_ok() {} };
    let ended = timeout(Duration::from_secs(20), flood).await;
    assert!(ended.is_ok(), "what was sent to it waits for ever");
}
