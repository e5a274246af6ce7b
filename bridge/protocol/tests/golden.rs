//! Each frame's bytes as the specification lays them out, written by hand.

use ottla_bridge_protocol::{
    ApiRange, DecodeError, EncodeError, Field, Frame, FrameKind, Hello, Lease, LeaseAnswer,
    LeaseRefusal, LeaseRequest, List, MetadataSnapshot, OpenRefusal, Problem, SessionLimits,
    StreamEnd, StreamId, Unpacker, Welcome, limits,
};

const STREAM: StreamId = StreamId::new(3).unwrap();

const LEASE: Lease<'_> =
    Lease { producer_id: 0x0102, epoch: 5, ttl_ms: 900_000, ticket: &[0xaa, 0xbb] };

const LEASE_BYTES: &[u8] = &[0, 0, 0, 0, 0, 0, 1, 2, 0, 5, 0, 0x0d, 0xbb, 0xa0, 2, 0xaa, 0xbb];

/// `frame` is these bytes, and they are `frame`.
#[track_caller]
fn check(frame: Frame<'_>, bytes: &[&[u8]]) {
    let bytes = bytes.concat();
    let mut written = Vec::new();
    frame.encode(&mut written).unwrap();
    assert_eq!(written, bytes, "{frame:?}");
    assert_eq!(decode(&bytes), Ok(frame));
}

fn decode(message: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut frames = Unpacker::new(message)?;
    let frame = frames.next_frame()?.expect("a message has a frame");
    assert_eq!(frames.next_frame(), Ok(None));
    Ok(frame)
}

#[test]
fn greetings() {
    let tickets: [&[u8]; 2] = [&[1, 2, 3], &[4]];
    let hello = Hello {
        wants_lease: true,
        token: "a.b",
        client_name: "web",
        client_version: "1",
        tickets: List::new(&tickets),
        topics: List::new(&["clicks"]),
    };
    let topic = [&[1, 6][..], b"clicks"].concat();
    let parts: [&[u8]; 6] =
        [&[1, 0, 0, 0, 28, 1, 1], &[0, 3], b"a.b\x03web\x011", &[2, 3, 1, 2, 3], &[1, 4], &topic];
    check(Frame::Hello(hello), &parts);

    let apis = [ApiRange { key: 0, min: 9, max: 12 }];
    let refused = LeaseAnswer::Refused { reason: LeaseRefusal::Exhausted, retry_after_ms: 0x0100 };
    let leases = [LeaseAnswer::Granted(LEASE), refused];
    let welcome = Welcome {
        session: [7; 16],
        server_time_ms: 0x0190_0000_0000,
        token_ttl_ms: 1,
        session_ttl_ms: 2,
        ping_interval_ms: 25_000,
        min_linger_ms: 5,
        limits: SessionLimits {
            request_bytes: 1 << 20,
            streams: 8,
            window_bytes: 1 << 18,
            batch_records: 10_000,
        },
        apis: List::new(&apis),
        metadata: MetadataSnapshot { version: 12, body: &[9, 9] },
        leases: List::new(&leases),
    };
    let parts: [&[u8]; 12] = [
        &[2, 0, 0, 0, 93],
        &[7; 16],
        &[0, 0, 1, 0x90, 0, 0, 0, 0],
        &[0, 0, 0, 1, 0, 0, 0, 2],
        &[0, 0, 0x61, 0xa8, 0, 0, 0, 5],
        &[0, 0x10, 0, 0, 8, 0, 4, 0, 0, 0, 0, 0x27, 0x10],
        &[1, 0, 0, 0, 9, 0, 12],
        &[0, 12, 0, 0, 0, 2, 9, 9],
        &[2],
        &[0],
        LEASE_BYTES,
        &[2, 4, 0, 0, 1, 0],
    ];
    check(Frame::Welcome(welcome), &parts);
}

#[test]
fn streams() {
    let (stream, reason) = (STREAM, OpenRefusal::Unreachable);
    let open = Frame::Open { stream, node: Some(2), window: 0x0004_0000 };
    check(open, &[&[3, 3, 0, 0, 8, 0, 0, 0, 2, 0, 4, 0, 0]]);
    let any = Frame::Open { stream, node: None, window: 1 };
    check(any, &[&[3, 3, 0, 0, 8, 255, 255, 255, 255, 0, 0, 0, 1]]);
    check(Frame::Opened { stream, window: 258 }, &[&[4, 3, 0, 0, 4, 0, 0, 1, 2]]);
    let refused = Frame::Refused { stream, reason, retry_after_ms: 10 };
    check(refused, &[&[5, 3, 0, 0, 5, 3, 0, 0, 0, 10]]);
    check(Frame::Data { stream, bytes: b"xyz" }, &[&[6, 3, 0, 0, 3], b"xyz"]);
    let bytes = [0x55; limits::DATA];
    check(Frame::Data { stream, bytes: &bytes }, &[&[6, 3, 0, 0x40, 0], &bytes]);
    check(Frame::Credit { stream, bytes: 258 }, &[&[7, 3, 0, 0, 4, 0, 0, 1, 2]]);
    check(Frame::Close { stream, end: StreamEnd::Forbidden }, &[&[8, 3, 0, 0, 1, 3]]);
}

#[test]
fn leases_and_tokens() {
    let pid: &[u8] = &[0, 0, 0, 0, 0, 0, 1, 2];
    check(Frame::Lease(LeaseRequest::New), &[&[9, 0, 0, 0, 1, 0]]);
    let renew = LeaseRequest::Renew { producer_id: 0x0102 };
    check(Frame::Lease(renew), &[&[9, 0, 0, 0, 9, 1], pid]);
    let release = LeaseRequest::Release { producer_id: 0x0102 };
    check(Frame::Lease(release), &[&[9, 0, 0, 0, 9, 2], pid]);
    let resume = LeaseRequest::Resume { ticket: &[8, 9] };
    check(Frame::Lease(resume), &[&[9, 0, 0, 0, 4, 3, 2, 8, 9]]);
    check(Frame::Leased(LeaseAnswer::Granted(LEASE)), &[&[10, 0, 0, 0, 18, 0], LEASE_BYTES]);
    check(Frame::Leased(LeaseAnswer::Released), &[&[10, 0, 0, 0, 1, 1]]);
    check(Frame::Ticket(LEASE), &[&[11, 0, 0, 0, 17], LEASE_BYTES]);
    check(Frame::Auth { token: "t" }, &[&[12, 0, 0, 0, 3, 0, 1], b"t"]);
    check(Frame::AuthOk { ttl_ms: 1 }, &[&[13, 0, 0, 0, 4, 0, 0, 0, 1]]);
}

#[test]
fn the_rest() {
    let drain = Frame::Drain { deadline_ms: 30_000, reconnect_after_ms: 1 };
    check(drain, &[&[14, 0, 0, 0, 8, 0, 0, 0x75, 0x30, 0, 0, 0, 1]]);
    let number = 0x0102_0304_0506_0708;
    check(Frame::Ping(number), &[&[15, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]]);
    check(Frame::Pong(number), &[&[16, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]]);
}

#[test]
fn what_is_no_frame_is_refused_and_says_why() {
    let field = |field, problem| DecodeError::Field { field, problem };
    let out_of_bounds = |value| Problem::OutOfBounds { value };
    let (hello, ping) = (FrameKind::Hello, FrameKind::Ping);
    let large = [0; limits::MESSAGE + 1];
    let cases: [(&[u8], DecodeError); 17] = [
        (&[], DecodeError::MessageSize { size: 0 }),
        (&large, DecodeError::MessageSize { size: limits::MESSAGE + 1 }),
        (&[15, 0, 0], DecodeError::Truncated { missing: 2 }),
        (&[15, 0, 0, 0, 8, 1], DecodeError::Truncated { missing: 7 }),
        (&[0, 0, 0, 0, 0], DecodeError::UnknownType { byte: 0 }),
        (&[17, 0, 0, 0, 0], DecodeError::UnknownType { byte: 17 }),
        (&[15, 1, 0, 0, 8], DecodeError::Stream { kind: ping, stream: 1 }),
        (&[6, 0, 0, 0, 1, 1], DecodeError::Stream { kind: FrameKind::Data, stream: 0 }),
        (&[6, 64, 0, 0, 1, 1], DecodeError::Stream { kind: FrameKind::Data, stream: 64 }),
        (&[6, 1, 0, 0, 0], DecodeError::Length { kind: FrameKind::Data, length: 0 }),
        (&[6, 1, 0, 0x40, 1], DecodeError::Length { kind: FrameKind::Data, length: 16_385 }),
        (&[1, 0, 255, 255, 255], DecodeError::Length { kind: hello, length: 0xff_ffff }),
        (&[1, 0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0], field(Field::Version, out_of_bounds(2))),
        (
            &[1, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            DecodeError::TrailingBytes { kind: hello, count: 1 },
        ),
        (&[1, 0, 0, 0, 8, 1, 0, 0, 1, 0xff, 0, 0, 0], field(Field::HelloToken, Problem::Utf8)),
        (&[7, 1, 0, 0, 4, 0, 0, 0, 0], field(Field::Credit, out_of_bounds(0))),
        (&[8, 1, 0, 0, 1, 9], field(Field::Code, Problem::UnknownCode { value: 9 })),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode(bytes), Err(error), "{error}");
    }
}

#[test]
fn what_the_peer_would_refuse_is_not_written() {
    let mut out = vec![1, 2, 3];
    let cases = [
        (Frame::Opened { stream: STREAM, window: 0 }, Field::Window),
        (Frame::Opened { stream: STREAM, window: limits::WINDOW + 1 }, Field::Window),
        (Frame::Auth { token: "" }, Field::Token),
        (Frame::Lease(LeaseRequest::Renew { producer_id: -1 }), Field::ProducerId),
        (Frame::Ticket(Lease { epoch: -1, ..LEASE }), Field::Epoch),
        (Frame::Ticket(Lease { ticket: &[0; 256], ..LEASE }), Field::Ticket),
    ];
    for (frame, wrong) in cases {
        let error = frame.encode(&mut out).unwrap_err();
        assert!(matches!(error, EncodeError::Field { field, .. } if field == wrong), "{error}");
    }
    let topics = [(); limits::TOPICS].map(|()| "t".repeat(limits::TOPIC));
    let topics = topics.each_ref().map(String::as_str);
    let too_much = [
        Frame::Data { stream: STREAM, bytes: &[] },
        Frame::Data { stream: STREAM, bytes: &[0; limits::DATA + 1] },
        Frame::Hello(Hello { topics: List::new(&topics), ..Hello::default() }),
    ];
    for frame in too_much {
        assert!(matches!(frame.encode(&mut out), Err(EncodeError::Length { .. })), "{frame:?}");
    }
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn secrets_are_not_shown() {
    let tickets: [&[u8]; 1] = [b"hush"];
    let hello = Hello { token: "hush", tickets: List::new(&tickets), ..Hello::default() };
    let frames = [
        Frame::Hello(hello),
        Frame::Auth { token: "hush" },
        Frame::Ticket(Lease { ticket: b"hush", ..LEASE }),
        Frame::Lease(LeaseRequest::Resume { ticket: b"hush" }),
        Frame::Data { stream: STREAM, bytes: b"hush" },
    ];
    for frame in frames {
        let shown = format!("{frame:?} {frame:#?}");
        assert!(!shown.contains("hush") && !shown.contains("104, 117"), "{shown}");
    }
}
