//! Brokers before Kafka 0.11, which take no record batches (rows A11.2, B4.9, E6.7).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use ottla_core::records::Codec;
use ottla_core::{ErrorCode, Header, Reason, Record};
use ottla_sim::cluster::{ApiRanges, Reply};

use crate::world::World;

const OLD: [(&str, &str); 2] = [("enable.idempotence", "false"), ("linger.ms", "10")];

/// What came with Produce requests: version, and the bytes of the partition's set.
type Taken = Rc<RefCell<Vec<(i16, Vec<u8>)>>>;

/// A world whose only broker takes Produce up to this version, as one of Kafka 0.10 or older, and
/// acknowledges whatever comes.
fn old_world(produce: i16, settings: &[(&str, &str)]) -> (World, Taken) {
    let mut world = World::new(1, &[("t", 1)], settings);
    world.cluster(|cluster, _| {
        let old = ApiRanges::current().with_max(ApiKey::Produce, produce);
        let old = old.with_max(ApiKey::Metadata, 2).with_max(ApiKey::ApiVersions, 0);
        cluster.node_mut(1).expect("there is one").apis = old.without(ApiKey::InitProducerId);
    });
    let taken = Taken::default();
    let seen = taken.clone();
    world.guard(Box::new(move |_, frame| {
        if frame.first_chunk() != Some(&[0, ApiKey::Produce as u8]) {
            return None;
        }
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        seen.borrow_mut().push((version, set_of(frame).to_vec()));
        Some(acknowledgement(version, &frame[4..8]))
    }));
    world.know("t");
    (world, taken)
}

/// The bytes of the only partition of a request: the last field there is.
fn set_of(frame: &[u8]) -> &[u8] {
    let client_id = usize::from(u16::from_be_bytes([frame[8], frame[9]]));
    // acks, timeout, one topic, its name "t", one partition, its index, the size.
    let size = 10 + client_id + 2 + 4 + 4 + 3 + 4 + 4;
    let len = u32::from_be_bytes(frame[size..size + 4].try_into().unwrap()) as usize;
    assert_eq!(size + 4 + len, frame.len());
    &frame[size + 4..]
}

fn acknowledgement(version: i16, correlation_id: &[u8]) -> Reply {
    let mut body = BytesMut::from(correlation_id);
    body.put_i32(1);
    body.put_slice(&[0, 1, b't']);
    body.put_i32(1);
    body.put_i32(0); // partition
    body.put_i16(0); // no error
    body.put_i64(7); // base offset
    if version >= 2 {
        body.put_i64(-1); // log append time
    }
    if version >= 1 {
        body.put_i32(0); // throttle time
    }
    let frame = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    Reply::Send { frame: Bytes::from(frame), delay: Duration::ZERO }
}

#[test]
fn brokers_before_0_11_are_sent_message_sets() {
    for (produce, magic) in [(0, 0), (1, 0), (2, 1)] {
        let (mut world, taken) = old_world(produce, &OLD);
        let (a, b) = (world.send_to(0, "a"), world.send_to(0, "b"));
        assert_eq!(world.wait(a).0.unwrap().offset, Some(7));
        assert_eq!(world.wait(b).0.unwrap().offset, Some(8));
        let taken = taken.borrow();
        let [(version, set)] = &taken[..] else { panic!("{} requests", taken.len()) };
        assert_eq!((*version, set[16]), (produce, magic));
        let message = set.len() / 2;
        assert_eq!((set[7], set[message + 7]), (0, 1), "offsets count from 0");
        assert_eq!((set[message - 1], set[2 * message - 1]), (b'a', b'b'));
        world.assert_memory_is_back();
    }
}

#[test]
fn a_set_is_compressed_once_more_as_one_message() {
    let (mut world, taken) = old_world(2, &[&OLD[..], &[("compression.type", "gzip")]].concat());
    let deliveries: Vec<_> = (0..50).map(|_| world.send_to(0, &"x".repeat(50))).collect();
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    let taken = taken.borrow();
    let set = &taken[0].1;
    assert_eq!((set[16], set[17]), (1, Codec::Gzip.id()));
    assert_eq!(set[7], 49, "the offset of the last message within");
    assert_eq!(set[26..30], [0xff; 4], "no key");
}

/// A record that the format can't hold fails alone.
#[test]
fn records_with_headers_are_refused_and_the_others_are_sent() {
    let (mut world, taken) = old_world(2, &OLD);
    let headers = [Header { key: "h", value: None }];
    let with = world.send("t", Record::new(b"with").partition(0).headers(&headers));
    let without = world.send_to(0, "without");
    let error = world.wait(with).0.unwrap_err();
    assert!(matches!(error.reason, Reason::MessageFormat(_)), "{error:?}");
    assert!(error.to_string().contains("no headers"), "{error}");
    assert_eq!(world.wait(without).0.unwrap().offset, Some(7));
    assert_eq!(taken.borrow().len(), 1);
    let alone = world.send("t", Record::new(b"with").partition(0).headers(&headers));
    assert!(world.wait(alone).0.is_err());
    assert_eq!(taken.borrow().len(), 1);
    world.assert_memory_is_back();
}

/// Idempotence is not given up unawares: brokers that can't do it are refused.
#[test]
fn an_old_broker_is_no_reason_to_give_up_idempotence() {
    let (mut world, taken) = old_world(2, &[]);
    let error = world.wait(world.send_to(0, "x")).0.unwrap_err();
    assert_eq!(error.reason, Reason::Broker(ErrorCode::UnsupportedVersion));
    assert!(error.to_string().contains("enable.idempotence needs a producer id"), "{error}");
    assert!(taken.borrow().is_empty());
}

/// `message.format.version` asks for less than a broker takes.
#[test]
fn a_format_can_be_asked_for() {
    for (version, magic, produce) in [("0.9.0", 0, 1), ("0.10.2-IV0", 1, 2)] {
        let settings = [&OLD[..], &[("message.format.version", version)]].concat();
        let (mut world, taken) = old_world(2, &settings);
        assert!(world.wait(world.send_to(0, "x")).0.is_ok());
        let taken = taken.borrow();
        assert_eq!((taken[0].0, taken[0].1[16]), (produce, magic), "{version}");
    }
}
