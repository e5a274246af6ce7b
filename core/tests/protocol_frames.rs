//! Frames out of bytes that come in pieces of any length (spec D12).

use ottla_core::protocol::frame::{FrameError, FrameReader, OtherProtocol};
use proptest::prelude::*;

fn feed(reader: &mut FrameReader, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = reader.spare(bytes.len());
        let (now, later) = bytes.split_at(room.len().min(bytes.len()));
        room[..now.len()].copy_from_slice(now);
        reader.commit(now.len());
        bytes = later;
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn one_byte_at_a_time() {
    let mut reader = FrameReader::new(100);
    let wire = frame(b"hello");
    for byte in &wire[..wire.len() - 1] {
        feed(&mut reader, &[*byte]);
        assert_eq!(reader.next_frame(), Ok(None));
    }
    feed(&mut reader, &wire[wire.len() - 1..]);
    assert_eq!(reader.next_frame(), Ok(Some(&b"hello"[..])));
    assert_eq!(reader.next_frame(), Ok(None));
    assert!(reader.received().is_empty());
}

#[test]
fn two_frames_and_a_half_at_once() {
    let mut reader = FrameReader::new(100);
    let wire = [frame(b"one"), frame(b""), frame(b"three")].concat();
    feed(&mut reader, &wire[..wire.len() - 2]);
    assert_eq!(reader.next_frame(), Ok(Some(&b"one"[..])));
    assert_eq!(reader.next_frame(), Ok(Some(&b""[..])));
    assert_eq!(reader.next_frame(), Ok(None));
    assert_eq!(reader.received(), [0, 0, 0, 5, b't', b'h', b'r']);
    feed(&mut reader, &wire[wire.len() - 2..]);
    assert_eq!(reader.next_frame(), Ok(Some(&b"three"[..])));
}

#[test]
fn the_limit_is_the_largest_frame() {
    let mut reader = FrameReader::new(5);
    feed(&mut reader, &frame(b"12345"));
    assert_eq!(reader.next_frame(), Ok(Some(&b"12345"[..])));
    feed(&mut reader, &frame(b"123456"));
    let error = Err(FrameError::TooLarge { size: 6, max: 5 });
    assert_eq!(reader.next_frame(), error);
    feed(&mut reader, b"more");
    assert_eq!(reader.next_frame(), error, "an error stays");
    let _ = reader.clear();
    feed(&mut reader, &frame(b"again"));
    assert_eq!(reader.next_frame(), Ok(Some(&b"again"[..])));
}

#[test]
fn what_is_not_kafka_is_named() {
    let of = |bytes: &[u8]| {
        let mut reader = FrameReader::new(1_000_000);
        feed(&mut reader, bytes);
        reader.next_frame().unwrap_err()
    };
    let http = FrameError::NotKafka(OtherProtocol::Http);
    let tls = FrameError::NotKafka(OtherProtocol::Tls);
    assert_eq!(of(b"HTTP/1.1 400 Bad Request\r\n"), http);
    assert_eq!(of(&[0x15, 3, 3, 0, 2, 2, 70]), tls, "alert");
    assert_eq!(of(&[0x16, 3, 1, 0, 80, 2]), tls, "handshake");
    assert_eq!(of(b"SSH-2.0-OpenSSH"), FrameError::NotKafka(OtherProtocol::Ssh));
    assert_eq!(of(&[0x80, 0, 0, 0]), FrameError::Negative { size: i32::MIN });
    assert_eq!(of(&[0xff; 4]), FrameError::Negative { size: -1 });
    assert!(http.to_string().contains("not a Kafka broker"));
    assert!(tls.to_string().contains("TLS"));
}

#[test]
fn a_declared_size_allocates_nothing() {
    let mut reader = FrameReader::new(i32::MAX as usize);
    feed(&mut reader, &i32::MAX.to_be_bytes());
    for _ in 0..100 {
        assert_eq!(reader.next_frame(), Ok(None));
        assert!(reader.spare(1000).len() <= 2 * 100_000);
        reader.commit(1000);
    }
}

#[test]
fn room_grows_to_what_a_frame_needs_and_is_used_again() {
    let mut reader = FrameReader::new(1_000_000);
    let wire = frame(&[7; 10_000]);
    let mut most = 0;
    for _ in 0..50 {
        for piece in wire.chunks(1000) {
            most = most.max(reader.spare(1000).len());
            feed(&mut reader, piece);
        }
        assert_eq!(reader.next_frame().unwrap().map(<[u8]>::len), Some(10_000));
    }
    assert!(most <= 11_004, "{most}");
}

#[test]
fn a_frame_that_fits_takes_no_more_room() {
    let mut reader = FrameReader::new(1000);
    let wire = frame(&[7; 400]);
    for cut in 0..wire.len() {
        let mut most = reader.spare(512).len();
        feed(&mut reader, &wire[..cut]);
        most = most.max(cut + reader.spare(512).len());
        feed(&mut reader, &wire[cut..]);
        assert_eq!(reader.next_frame().unwrap().map(<[u8]>::len), Some(400));
        assert_eq!(most, 512);
    }
}

/// What is left of a piece is no size, however large it would be as one.
#[test]
fn a_frame_that_is_read_in_pieces_takes_no_more_room() {
    let mut reader = FrameReader::new(512);
    reader.set_buffer(vec![0; 516]);
    let payload = 5000_i32.to_be_bytes().repeat(1000);
    let wire = [frame(&payload), frame(b"next")].concat();
    let mut rest = &wire[..];
    let (mut left, mut read) = (payload.len(), Vec::new());
    feed(&mut reader, rest.split_off(..100).unwrap());
    assert_eq!(reader.too_long(), Some(4000));
    reader.skip_size();
    while left > 0 {
        let whole = reader.received().len().saturating_sub(200).max(4).min(left);
        read.extend_from_slice(&reader.received()[..whole]);
        reader.consume(whole);
        left -= whole;
        let received = reader.received().len();
        let room = reader.spare(516).len();
        assert_eq!(received + room, 516);
        feed(&mut reader, rest.split_off(..rest.len().min(room)).unwrap());
    }
    assert_eq!(read, payload);
    feed(&mut reader, rest);
    assert_eq!(reader.next_frame(), Ok(Some(&b"next"[..])));
}

#[test]
fn more_is_never_committed_than_there_is_room() {
    let mut reader = FrameReader::new(100);
    reader.spare(4).fill(0);
    reader.commit(usize::MAX);
    while reader.next_frame().unwrap().is_some() {}
    assert!(reader.received().is_empty());
}

proptest! {
    #[test]
    fn any_pieces_give_the_same_frames(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
        sizes in prop::collection::vec(1usize..80, 1..20),
        drain_each: bool,
    ) {
        let wire: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        let mut reader = FrameReader::new(50);
        let mut frames = Vec::new();
        let mut rest = &wire[..];
        for size in sizes.iter().cycle() {
            let (piece, later) = rest.split_at(rest.len().min(*size));
            feed(&mut reader, piece);
            rest = later;
            if drain_each || rest.is_empty() {
                while let Some(frame) = reader.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(frames, payloads);
        prop_assert!(reader.received().is_empty());
    }
}
