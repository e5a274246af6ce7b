//! What holds for all frames and for any bytes.

use allocation_counter::measure;
use ottla_bridge_protocol::{
    ApiRange, EncodeError, Frame, FrameKind, Hello, Lease, LeaseAnswer, LeaseRefusal, LeaseRequest,
    List, MetadataSnapshot, OpenRefusal, SessionLimits, StreamEnd, StreamId, Unpacker, Welcome,
    limits,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What frames are made of.
#[derive(Debug, Clone)]
struct Parts {
    text: String,
    bytes: Vec<u8>,
    tickets: Vec<Vec<u8>>,
    topics: Vec<String>,
    stream: u8,
    number: u32,
    window: u32,
    long: i64,
    short: i16,
    flag: bool,
    refusals: (OpenRefusal, LeaseRefusal, StreamEnd),
}

fn parts() -> impl Strategy<Value = Parts> {
    let ticket = vec(any::<u8>(), 1..=limits::TICKET);
    let texts = ("\\PC{0,16}", vec(any::<u8>(), 1..=limits::DATA));
    let lists = (vec(ticket, 1..=limits::TICKETS), vec("[a-z]{1,249}", 0..=limits::TOPICS));
    let numbers =
        (1..=limits::STREAMS, any::<u32>(), 1..=limits::WINDOW, 0..=i64::MAX, 0..=i16::MAX);
    let codes = (select(OpenRefusal::ALL), select(LeaseRefusal::ALL), select(StreamEnd::ALL));
    (texts, lists, numbers, any::<bool>(), codes).prop_map(
        |(
            (text, bytes),
            (tickets, topics),
            (stream, number, window, long, short),
            flag,
            refusals,
        )| {
            Parts {
                text,
                bytes,
                tickets,
                topics,
                stream,
                number,
                window,
                long,
                short,
                flag,
                refusals,
            }
        },
    )
}

/// Calls `check` with a frame of every type.
fn each_frame(parts: &Parts, mut check: impl FnMut(Frame<'_>)) {
    let Parts { text, bytes, stream, number, window, long, short, flag, refusals, .. } = parts;
    let stream = StreamId::new(*stream).unwrap();
    let (ms, window, number) = (*number, *window, *number);
    let tickets: Vec<&[u8]> = parts.tickets.iter().map(Vec::as_slice).collect();
    let topics: Vec<&str> = parts.topics.iter().map(String::as_str).collect();
    let ticket = tickets[0];
    let lease = Lease { producer_id: *long, epoch: *short, ttl_ms: ms, ticket };
    let refused = LeaseAnswer::Refused { reason: refusals.1, retry_after_ms: ms };
    let answers = [LeaseAnswer::Granted(lease), refused, LeaseAnswer::Released];
    let apis = [ApiRange { key: *short, min: 0, max: *short }];
    let hello = Hello {
        wants_lease: *flag,
        token: text,
        client_name: text,
        client_version: text,
        tickets: List::new(&tickets),
        topics: List::new(&topics),
    };
    let welcome = Welcome {
        session: [*short as u8; 16],
        server_time_ms: *long,
        token_ttl_ms: ms,
        session_ttl_ms: ms,
        ping_interval_ms: 1000 + ms % 1000,
        min_linger_ms: ms % 60_000,
        limits: SessionLimits {
            request_bytes: limits::REQUEST,
            streams: stream.get(),
            window_bytes: window,
            batch_records: window,
        },
        apis: List::new(&apis),
        metadata: MetadataSnapshot { version: *short, body: bytes },
        leases: List::new(&answers),
    };
    check(Frame::Hello(hello));
    check(Frame::Welcome(welcome));
    check(Frame::Open { stream, node: (number <= i32::MAX as u32).then_some(number), window });
    check(Frame::Opened { stream, window });
    check(Frame::Refused { stream, reason: refusals.0, retry_after_ms: ms });
    check(Frame::Data { stream, bytes });
    check(Frame::Credit { stream, bytes: window });
    check(Frame::Close { stream, end: refusals.2 });
    for request in [
        LeaseRequest::New,
        LeaseRequest::Renew { producer_id: *long },
        LeaseRequest::Release { producer_id: *long },
        LeaseRequest::Resume { ticket },
    ] {
        check(Frame::Lease(request));
    }
    answers.into_iter().for_each(|answer| check(Frame::Leased(answer)));
    check(Frame::Ticket(lease));
    check(Frame::Auth { token: "token" });
    check(Frame::AuthOk { ttl_ms: ms });
    check(Frame::Drain { deadline_ms: ms, reconnect_after_ms: ms });
    check(Frame::Ping(*long as u64));
    check(Frame::Pong(*long as u64));
}

/// Reads a message to its end or its first error; reading allocates nothing.
fn read_all(message: &[u8]) -> usize {
    let mut count = 0;
    let allocated = measure(|| {
        let Ok(mut frames) = Unpacker::new(message) else { return };
        while let Ok(Some(frame)) = frames.next_frame() {
            count += 1;
            if let Frame::Hello(hello) = frame {
                assert_eq!(hello.tickets.iter().count(), hello.tickets.len());
                assert_eq!(hello.topics.iter().count(), hello.topics.len());
            }
        }
    });
    assert_eq!(allocated.count_total, 0, "{} bytes for {message:?}", allocated.bytes_total);
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_back(parts in parts()) {
        let mut kinds = Vec::new();
        each_frame(&parts, |frame| {
            let mut message = Vec::new();
            match frame.encode(&mut message) {
                Err(EncodeError::Length { kind: FrameKind::Hello, length }) => {
                    assert!(length > limits::HELLO);
                }
                written => {
                    written.unwrap();
                    let mut frames = Unpacker::new(&message).unwrap();
                    assert_eq!(frames.next_frame(), Ok(Some(frame)));
                    assert_eq!(frames.next_frame(), Ok(None));
                }
            }
            kinds.push(frame.kind());
        });
        kinds.dedup();
        prop_assert_eq!(kinds, FrameKind::ALL);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(message in vec(any::<u8>(), 0..4096)) {
        read_all(&message);
    }

    /// Bytes that look like frames get further than any others.
    #[test]
    fn damaged_frames_are_frames_or_an_error(
        parts in parts(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = Vec::new();
        each_frame(&parts, |frame| {
            let _ = frame.encode(&mut message);
        });
        let whole = read_all(&message);
        prop_assert!(whole >= FrameKind::ALL.len());
        prop_assert!(read_all(&message[..cut.index(message.len())]) < whole);
        for (place, byte) in damage {
            let place = place.index(message.len());
            message[place] = byte;
        }
        read_all(&message);
    }

    /// A payload's fields, with every length right: what a header says never decides.
    #[test]
    fn any_payload_is_a_frame_or_an_error(
        kind in select(&FrameKind::ALL[..]),
        payload in vec(select(vec![0u8, 0, 0, 1, 1, 2, 3, 4, 9, 0x7f, 0xff]), 1..300),
    ) {
        let mut message = vec![kind as u8, u8::from(kind.has_stream()), 0];
        message.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        message.extend_from_slice(&payload);
        read_all(&message);
    }
}
