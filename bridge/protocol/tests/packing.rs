//! Messages: large when much waits, fair between streams, never beyond credit.

mod support;

use ottla_bridge_protocol::{
    End, Frame, FrameKind, OneShot, Packer, Phase, ProtocolError, QueueError, Session, StreamEnd,
    StreamId, StreamName, Unpacker, limits, put_stream,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{FIRST, WINDOW, frame, pass, session, with_stream};

/// Both ends with streams 1 to `count` open.
fn pair(count: u8) -> (Session, Session) {
    let [mut client, mut bridge] = [End::Client, End::Bridge].map(|e| session(e, Phase::Open));
    for id in (1..=count).filter_map(StreamId::new) {
        let open = Frame::Open { stream: id, node: Some(id.get().into()), window: WINDOW };
        let opened = Frame::Opened { stream: id, window: WINDOW };
        client.sent(&open).unwrap();
        let _ = bridge.received(&open).unwrap();
        bridge.sent(&opened).unwrap();
        let _ = client.received(&opened).unwrap();
    }
    (client, bridge)
}

fn frames(message: &[u8]) -> Vec<Frame<'_>> {
    let mut unpacker = Unpacker::new(message).unwrap();
    std::iter::from_fn(|| unpacker.next_frame().unwrap()).collect()
}

fn id(id: u8) -> StreamId {
    StreamId::new(id).unwrap()
}

#[test]
fn streams_take_turns_in_messages_of_64_kib() {
    let (mut client, _) = pair(3);
    let mut packer = Packer::new(1 << 20);
    for stream in 1..=3 {
        assert_eq!(packer.queue(&client, id(stream), &[stream; 60_000]), 60_000);
    }
    packer.control(&mut client, &Frame::Ping(1)).unwrap();
    let mut message = Vec::new();
    assert!(packer.pack(&mut client, &mut message));
    let order: Vec<_> = frames(&message).iter().map(|f| f.stream().map(StreamId::get)).collect();
    assert_eq!(order, [None, Some(1), Some(2), Some(3), Some(1)]);
    assert!((limits::PACK..limits::PACK + limits::DATA).contains(&message.len()));
    message.clear();
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message)[0].stream(), Some(id(2)), "the round goes on");
}

#[test]
fn little_leaves_at_once_and_nothing_is_no_message() {
    let (mut client, _) = pair(1);
    let mut packer = Packer::new(100);
    let mut message = Vec::new();
    assert!(!packer.pack(&mut client, &mut message));
    assert_eq!(packer.queue(&client, FIRST, b"abc"), 3);
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message), [Frame::Data { stream: FIRST, bytes: b"abc" }]);
    assert_eq!(packer.queue(&client, FIRST, &[0; 101]), 100, "the queue is bounded");
    assert_eq!(packer.queue(&client, FIRST, b"more"), 0);
    assert_eq!(packer.queue(&client, id(2), b"not open"), 0);
}

#[test]
fn close_comes_behind_the_bytes_and_reset_instead_of_them() {
    let (mut client, _) = pair(2);
    let mut packer = Packer::new(100);
    for stream in [1, 2] {
        assert_eq!(packer.queue(&client, id(stream), b"abc"), 3);
    }
    packer.close(FIRST, StreamEnd::Done);
    packer.reset(id(2), StreamEnd::TimedOut);
    assert_eq!(packer.queue(&client, FIRST, b"late"), 0);
    let mut message = Vec::new();
    assert!(packer.pack(&mut client, &mut message));
    let expected = [
        Frame::Data { stream: FIRST, bytes: b"abc" },
        Frame::Close { stream: id(2), end: StreamEnd::TimedOut },
        Frame::Close { stream: FIRST, end: StreamEnd::Done },
    ];
    assert_eq!(frames(&message), expected);
}

#[test]
fn a_stream_that_the_peer_closed_drops_what_waits_and_closes() {
    let mut client = with_stream(End::Client);
    let mut packer = Packer::new(100);
    packer.queue(&client, FIRST, b"abc");
    let _ = client.received(&frame(FrameKind::Close)).unwrap();
    packer.close(FIRST, StreamEnd::Done);
    let mut message = Vec::new();
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message), [frame(FrameKind::Close)]);
    assert_eq!(client.stream(FIRST).name(), StreamName::Idle);
}

#[test]
fn a_close_during_opening_waits_for_the_answer_and_ends_only_that_stream() {
    let mut client = session(End::Client, Phase::Open);
    let mut packer = Packer::new(100);
    packer.control(&mut client, &frame(FrameKind::Open)).unwrap();
    packer.close(FIRST, StreamEnd::Done);
    let mut message = Vec::new();
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message), [frame(FrameKind::Open)]);
    pass(&mut client, End::Client, FrameKind::Opened);
    message.clear();
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message), [frame(FrameKind::Close)]);
    let _ = client.received(&frame(FrameKind::Close)).unwrap();

    packer.close(FIRST, StreamEnd::Done); // of a stream that is gone
    packer.control(&mut client, &frame(FrameKind::Open)).unwrap();
    pass(&mut client, End::Client, FrameKind::Opened);
    message.clear();
    assert!(packer.pack(&mut client, &mut message));
    assert_eq!(frames(&message), [frame(FrameKind::Open)]);
}

#[test]
fn what_may_not_be_said_is_not_queued() {
    let mut client = session(End::Client, Phase::Open);
    let mut packer = Packer::new(100);
    let unasked = QueueError::Protocol(ProtocolError::Unasked(FrameKind::Pong));
    assert_eq!(packer.control(&mut client, &Frame::Pong(1)), Err(unasked));
    let mut message = Vec::new();
    assert!(!packer.pack(&mut client, &mut message));
}

#[test]
fn a_peer_that_does_not_read_cannot_make_frames_pile_up() {
    let mut bridge = session(End::Bridge, Phase::Open);
    let mut packer = Packer::new(100);
    let ticket = frame(FrameKind::Ticket);
    let queued = (0..limits::MESSAGE).find_map(|_| packer.control(&mut bridge, &ticket).err());
    assert_eq!(queued, Some(QueueError::Full));
    let mut message = Vec::new();
    assert!(packer.pack(&mut bridge, &mut message));
    assert!(message.len() <= limits::MESSAGE && !frames(&message).is_empty());
}

#[test]
fn a_one_shot_body_is_a_greeting_and_a_stream() {
    let bytes = [5; limits::DATA + 1];
    for (sender, greeting) in [(End::Client, FrameKind::Hello), (End::Bridge, FrameKind::Welcome)] {
        let mut body = Vec::new();
        frame(greeting).encode(&mut body).unwrap();
        put_stream(&bytes, &mut body).unwrap();
        let mut order = OneShot::new(sender);
        let mut stream = Vec::new();
        for frame in frames(&body) {
            order.accept(&frame).unwrap();
            if let Frame::Data { bytes, .. } = frame {
                stream.extend_from_slice(bytes);
            }
        }
        assert_eq!(stream, bytes);
        assert!(order.accept(&frame(greeting)).is_err(), "greeted twice");
        let second = Frame::Data { stream: id(2), bytes: b"1" };
        assert!(order.accept(&second).is_err());
        let close = order.accept(&frame(FrameKind::Close));
        assert_eq!(close.is_ok(), sender == End::Bridge);
        assert_eq!(order.accept(&frame(FrameKind::Data)).is_ok(), sender == End::Client);
        let first = OneShot::new(sender).accept(&frame(FrameKind::Data));
        assert_eq!(first, Err(ProtocolError::WrongPhase(FrameKind::Data, Phase::Start)));
        assert!(OneShot::new(sender.peer()).accept(&frame(greeting)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is queued when, and however slowly the bridge reads: all of it arrives, in order,
    /// and the bridge's session never finds fault.
    #[test]
    fn streams_arrive_whole(
        writes in vec((1..=4u8, 1..50_000usize), 1..40),
        reads in vec(0..=40_000u32, 1..20),
    ) {
        let (mut client, mut bridge) = pair(4);
        let mut packer = Packer::new(100_000);
        let mut sent = [(); 4].map(|()| Vec::new());
        let mut arrived = sent.clone();
        let mut reads = reads.into_iter().cycle();
        let mut writes = writes.into_iter();
        for round in 0.. {
            prop_assert!(round < 100_000, "no progress");
            let write = writes.next();
            if let Some((stream, size)) = write {
                let bytes: Vec<u8> = (0..size).map(|place| (place + round) as u8).collect();
                let taken = packer.queue(&client, id(stream), &bytes);
                sent[usize::from(stream) - 1].extend_from_slice(&bytes[..taken]);
            }
            let mut message = Vec::new();
            packer.pack(&mut client, &mut message);
            for frame in if message.is_empty() { Vec::new() } else { frames(&message) } {
                let _ = bridge.received(&frame).unwrap();
                let Frame::Data { stream, bytes } = frame else { panic!("{frame:?}") };
                arrived[usize::from(stream.get()) - 1].extend_from_slice(bytes);
            }
            for stream in (1..=4).map(id) {
                if let Some(bytes) = bridge.consume(stream, reads.next().unwrap_or(1) + 1) {
                    let credit = Frame::Credit { stream, bytes };
                    bridge.sent(&credit).unwrap();
                    let _ = client.received(&credit).unwrap();
                }
            }
            if write.is_none() && (1..=4).all(|stream| packer.queued(id(stream)) == 0) {
                break;
            }
        }
        prop_assert!(sent == arrived);
    }
}
