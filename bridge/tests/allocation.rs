//! T14 of `SECURITY.md`, with a counting allocator: sizes that are only promised cost no memory, at
//! whichever level they are promised. Alone in its process, so that nobody else allocates.

mod support;

use std::time::Duration;

use ottla_bridge_protocol::StreamEnd;
use peak_alloc::PeakAlloc;
use support::bench::Bench;
use support::client::Client;
use support::kafka;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a connection may cost that promises 2 GiB, with the buffers that every connection has.
const ALLOWED: usize = 64 << 10;
const TWO_GIB: u32 = 1 << 31;

const UPGRADE: &str = "GET /v1/session HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ottla.v1\r\n\r\n";

/// The most memory in use while something was sent and until the bridge had hung up, beyond what
/// was in use before.
async fn cost(bench: &Bench, upgrade: bool, bytes: &[u8]) -> usize {
    let mut stream = TcpStream::connect(bench.bridge.address()).await.unwrap();
    if upgrade {
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        let mut head = [0; 512];
        let count = stream.read(&mut head).await.unwrap();
        assert!(head[..count].starts_with(b"HTTP/1.1 101"));
    }
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    stream.write_all(bytes).await.unwrap();
    let mut rest = [0; 512];
    // An answer, and then the end.
    while timeout(Duration::from_secs(20), stream.read(&mut rest)).await.unwrap().unwrap_or(0) > 0 {
    }
    MEMORY.peak_usage().saturating_sub(before)
}

/// A masked frame, the mask being zeros.
fn frame(declared: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | 127];
    frame.extend(declared.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn t14_two_gib_that_are_only_promised_cost_no_memory() {
    let bench = Bench::new(1, |config| config.times.progress_ms = 500);
    let mut page = Client::open(bench.bridge.address()).await;
    let identity = page.identity();
    let post = |length: u64| {
        format!(
            "POST /v1/produce HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let hello = [1, 0, 0xff, 0xff, 0xff, 1];
    let token = [&[1, 0, 0, 0, 4, 1, 0, 0xff, 0xff][..]].concat();
    let cases = [
        ("a body", false, post(TWO_GIB.into()).into_bytes()),
        ("a chunk", false, {
            let head = post(0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
            [head.as_bytes(), b"80000000\r\n", &[1, 0][..]].concat()
        }),
        ("a WebSocket frame", true, frame(TWO_GIB.into(), &[1; 100])),
        ("the largest WebSocket frame", true, frame(1 << 62, &[1; 100])),
        ("a frame of ottla.v1", true, frame(hello.len() as u64, &hello)),
        ("a token", true, frame(token.len() as u64, &token)),
    ];
    for (what, upgrade, bytes) in cases {
        let cost = cost(&bench, upgrade, &bytes).await;
        assert!(cost < ALLOWED, "{what}: {cost} bytes");
    }
    for (what, request) in promising(identity) {
        let stream = page.open_stream(Some(0)).await.unwrap();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let answer = page.ask(stream, &request).await;
        let cost = MEMORY.peak_usage().saturating_sub(before);
        assert!(cost < ALLOWED, "{what}: {cost} bytes");
        let refused = match answer {
            Err(end) => end == StreamEnd::Malformed,
            Ok(answer) => kafka::outcomes(&answer)[0].2 != 0,
        };
        assert!(refused, "{what}");
    }
}

/// Kafka requests that promise 2 GiB, or as many of something as their counts can say.
fn promising(identity: kafka::Identity) -> Vec<(&'static str, Vec<u8>)> {
    let endless = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let produce = |rest: &[u8]| {
        // Produce 12, a client id "x".
        let mut frame = vec![0, 0, 0, 12, 0, 0, 0, 7, 0, 1, b'x'];
        frame.extend(rest);
        [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat()
    };
    let batch = kafka::batch(identity, 0, &["a record"]);
    let altered = |at: usize, bytes: &[u8]| {
        let mut batch = batch.to_vec();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        kafka::produce(&[("clicks", 0, batch.into())])
    };
    let (many, most) = (i32::MAX.to_be_bytes(), TWO_GIB.to_be_bytes());
    let rest = |start: &[u8]| produce(&[start, &endless, &[0; 40]].concat());
    vec![
        ("a request", [&most[..], &[0; 50]].concat()),
        ("the largest request", [&u32::MAX.to_be_bytes()[..], &[0; 50]].concat()),
        ("tags of the header", rest(&[])),
        ("a transactional id", rest(&[0])),
        ("topics", rest(&[0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88])),
        ("a topic's name", rest(&[0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88, 2])),
        ("partitions", rest(&[0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88, 2, 2, b't'])),
        ("a batch", rest(&[0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88, 2, 2, b't', 2, 0, 0, 0, 0])),
        ("a batch's length", altered(8, &many)),
        ("records", altered(57, &many)),
        ("a record's length", altered(61, &endless)),
    ]
}
