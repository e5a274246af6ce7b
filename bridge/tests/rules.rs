//! What passes and what does not: T5, T6, T7, T9, T12, T13, T16, T17, T18, T24 of `SECURITY.md`.

mod support;

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::Compression;
use ottla_bridge::Running;
use ottla_bridge_protocol::{OpenRefusal, StreamEnd, StreamId};
use support::bench::{Bench, open_config};
use support::client::Client;
use support::fake_broker::{BROKER_ID, CANARIES, FakeBroker, Manners};
use support::kafka::{self, Identity};

async fn before(broker: &FakeBroker) -> Running {
    Running::start(open_config(broker.address.to_string())).unwrap()
}

/// A request's header and nothing else.
fn header(key: i16, version: i16) -> Vec<u8> {
    let mut frame = vec![0, 0, 0, 8];
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(4242);
    frame
}

#[tokio::test]
async fn t5_only_four_kinds_of_request_are_read_and_only_produce_is_forwarded() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let offered = |key: i16, version: i16| match key {
        0 | 3 => (9..=12).contains(&version),
        18 => true,
        22 => (3..=4).contains(&version),
        _ => false,
    };
    for key in (-1..100).chain([i16::MIN, i16::MAX]) {
        for version in [-1, 0, 1, 3, 5, 8, 9, 12, 13, 17, 100] {
            if offered(key, version) {
                continue;
            }
            let stream = page.open_stream(Some(0)).await.unwrap();
            let answer = page.ask(stream, &header(key, version)).await;
            assert_eq!(answer, Err(StreamEnd::Forbidden), "{key} version {version}");
        }
    }
    let stream = page.open_stream(Some(0)).await.unwrap();
    let answer = page.ask(stream, &header(18, 99)).await.unwrap();
    assert_eq!(answer[4..6], [0, 35], "UNSUPPORTED_VERSION, in version 0");
    let answer = page.ask(stream, &kafka::api_versions(3)).await.unwrap();
    assert_eq!(answer[4..6], [0, 0]);
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
    let keys: BTreeSet<i16> = broker.seen().iter().map(|(key, ..)| *key).collect();
    assert_eq!(keys, BTreeSet::from([0, 3, 18, 22]));
    for (key, version, frame) in broker.seen() {
        assert!(!frame.windows(6).any(|it| it == b"a page"), "{key} {version}: a client's words");
    }
}

#[tokio::test]
async fn t5_produce_needs_a_stream_to_a_node() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let any = page.open_stream(None).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    let answer = page.ask(any, &kafka::produce(&[("clicks", 0, batch)])).await;
    assert_eq!(answer, Err(StreamEnd::Forbidden));
}

#[tokio::test]
async fn t6_topics_without_a_grant_are_refused_alike_whether_they_exist_or_not() {
    let bench = Bench::new(1, |config| config.auth.anonymous_topics = vec!["clicks".to_owned()]);
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = |sequence| kafka::batch(page.identity(), sequence, &["x"]);
    let request = kafka::produce(&[
        ("orders", 0, batch(0)),
        ("clicks", 0, batch(0)),
        ("nothing", 0, batch(0)),
        ("__consumer_offsets", 0, batch(0)),
    ]);
    let answer = page.ask(stream, &request).await.unwrap();
    let errors: Vec<i16> = kafka::outcomes(&answer).iter().map(|outcome| outcome.2).collect();
    assert_eq!(errors, [29, 0, 29, 29]);
    assert!(bench.log("orders", 0).is_empty());
    assert_eq!(bench.log("clicks", 0), ["x"]);
    let answer = page.ask(stream, &kafka::metadata(Some(&["orders", "nothing"]))).await.unwrap();
    let topics = kafka::read_metadata(&answer).topics;
    assert_eq!(topics.len(), 2);
    for topic in topics {
        assert_eq!((topic.error_code, topic.partitions.len()), (29, 0), "{topic:?}");
    }
    let answer = page.ask(stream, &kafka::metadata(None)).await.unwrap();
    let names: Vec<_> = kafka::read_metadata(&answer).topics.into_iter().map(|t| t.name).collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[tokio::test]
async fn t7_produce_with_topic_ids_is_not_offered() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    let mut body = kafka::produce_body(&[("", 0, batch)]);
    body.topic_data[0].topic_id = bench.broker.cluster().topics().next().unwrap().1;
    let answer = page.ask(stream, &kafka::request(ApiKey::Produce, 13, &body)).await;
    assert_eq!(answer, Err(StreamEnd::Forbidden));
    assert!(bench.log("clicks", 0).is_empty());
}

#[tokio::test]
async fn t9_transactions_do_not_pass() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let mut init = kafka_protocol::messages::InitProducerIdRequest::default();
    init.transactional_id = Some(StrBytes::from_static_str("somebody's").into());
    let init = kafka::request(ApiKey::InitProducerId, 4, &init);
    assert_eq!(kafka::read_identity(&page.ask(stream, &init).await.unwrap()), Err(53));
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    let mut body = kafka::produce_body(&[("clicks", 0, batch.clone())]);
    body.transactional_id = Some(StrBytes::from_static_str("somebody's").into());
    let answer = page.ask(stream, &kafka::request(ApiKey::Produce, 12, &body)).await.unwrap();
    assert_eq!(kafka::outcomes(&answer)[0].2, 53);
    // Every attribute but the codec: time type, transaction, control, delete horizon, the rest.
    for bit in 3..16 {
        let batch = altered(&batch, |batch| {
            let attributes = u16::from_be_bytes([batch[21], batch[22]]) | 1 << bit;
            batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        });
        let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].2, 87, "bit {bit}");
    }
    assert!(broker.produced().is_empty());
}

/// A batch with other bytes and the checksum that fits them.
fn altered(batch: &Bytes, change: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
    change(&mut batch);
    let crc = crc32c::crc32c(batch.get(21..).unwrap_or_default());
    if batch.len() >= 21 {
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    batch.freeze()
}

#[tokio::test]
async fn t12_nothing_of_the_cluster_gets_out() {
    for error in [0, 6, 87] {
        let broker = FakeBroker::start(Manners { error, ..Manners::default() }).await;
        let bridge = before(&broker).await;
        let mut page = Client::open(bridge.address()).await;
        let mut told = page.metadata.clone();
        for version in 9..=12 {
            let stream = page.open_stream(Some(0)).await.unwrap();
            let mut body = kafka_protocol::messages::MetadataRequest::default();
            let name = StrBytes::from_static_str("clicks").into();
            let topic = kafka_protocol::messages::metadata_request::MetadataRequestTopic::default();
            body.topics = Some(vec![topic.with_name(Some(name))]);
            let request = kafka::request(ApiKey::Metadata, version, &body);
            told.extend(page.ask(stream, &request).await.unwrap());
            let batch = kafka::batch(page.identity(), 0, &["x"]);
            let body = kafka::produce_body(&[("clicks", 2, batch)]);
            let request = kafka::request(ApiKey::Produce, version, &body);
            told.extend(page.ask(stream, &request).await.unwrap());
            told.extend(page.ask(stream, &kafka::api_versions(version - 9)).await.unwrap());
        }
        assert_no_secrets(&told, &broker);
        let any = page.open_stream(None).await.unwrap();
        let answer = page.ask(any, &kafka::metadata(Some(&["clicks"]))).await.unwrap();
        let metadata = kafka::read_metadata(&answer);
        assert_eq!(metadata.controller_id.0, -1);
        for (number, node) in (0..).zip(&metadata.brokers) {
            assert_eq!((node.node_id.0, node.port), (number, 1));
            assert_eq!(*node.host, *format!("n{number}.invalid"));
            assert_eq!(node.rack, None);
        }
        let partition = &metadata.topics[0].partitions[0];
        assert_eq!(partition.replica_nodes.len(), 1, "the number of replicas is theirs");
        assert!(broker.seen().iter().all(|(key, version, frame)| *key != 3
            || !frame.ends_with(&[1, 0, 0])
            || *version < 8));
    }
}

fn assert_no_secrets(told: &[u8], broker: &FakeBroker) {
    let has = |what: &[u8]| told.windows(what.len()).any(|window| window == what);
    for canary in CANARIES {
        assert!(!has(canary.as_bytes()), "{canary}");
    }
    assert!(!has(&BROKER_ID.to_be_bytes()), "a broker's id");
    assert!(!has(&[0xde, 0xad, 0xbe, 0xef]), "a topic's id");
    assert!(!has(broker.address.ip().to_string().as_bytes()), "an address");
    assert!(!has(&u32::from(broker.address.port()).to_be_bytes()), "a port");
}

#[tokio::test]
async fn t13_a_client_names_nodes_by_number_and_metadata_cannot_send_the_bridge_elsewhere() {
    let broker = FakeBroker::start(Manners {
        advertise: Some(("169.254.169.254".to_owned(), 80)),
        ..Manners::default()
    })
    .await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    for node in [2, 3, 1000, 0x5ec2_e701, i32::MAX as u32] {
        assert_eq!(page.open_stream(Some(node)).await, Err(OpenRefusal::UnknownNode), "{node}");
    }
    let begun = std::time::Instant::now();
    assert_eq!(page.open_stream(Some(0)).await, Err(OpenRefusal::Unreachable));
    assert!(begun.elapsed().as_secs() < 5, "it is not even tried");
}

#[tokio::test]
async fn t13_the_list_of_allowed_hosts_holds_for_what_metadata_names() {
    // Another address of this machine, where the broker answers as well.
    let broker = FakeBroker::start(Manners::default()).await;
    for (allowed, reached) in [("127.0.0.1", true), ("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        let mut config = open_config(broker.address.to_string());
        config.kafka.allowed_hosts = vec![allowed.to_owned()];
        let bridge = Running::start(config).unwrap();
        let mut page = Client::open(bridge.address()).await;
        assert_eq!(page.open_stream(Some(0)).await.is_ok(), reached, "{allowed}");
    }
}

async fn refused(page: &mut Client, stream: StreamId, batch: Bytes) -> i16 {
    let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
    kafka::outcomes(&answer)[0].2
}

#[tokio::test]
async fn t16_batches_that_are_huge_decompressed_do_not_pass() {
    let bench = Bench::new(1, |config| config.limits.inspect_bytes = 4 << 20);
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let zeros = "\0".repeat(8 << 20);
    let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for codec in codecs {
        let (identity, now) = (page.identity(), kafka::now_ms());
        let bomb = kafka::batch_with(identity, 0, &[&zeros], codec, now);
        assert!(bomb.len() < 600 << 10, "{codec:?}: {}", bomb.len());
        assert_eq!(refused(&mut page, stream, bomb).await, 10, "{codec:?}");
    }
    // Below the absolute limit, but a thousand times its size.
    let zeros = "\0".repeat(3 << 20);
    for codec in [Compression::Gzip, Compression::Zstd] {
        let bomb = kafka::batch_with(page.identity(), 0, &[&zeros], codec, kafka::now_ms());
        assert_eq!(refused(&mut page, stream, bomb).await, 10, "{codec:?}");
    }
    assert!(bench.log("clicks", 0).is_empty());
}

#[tokio::test]
async fn t17_counts_and_tags_that_promise_more_than_there_is_end_the_stream() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let head = |rest: &[u8]| {
        // Produce 12, a client id "x", no tags.
        let mut frame = header(0, 12)[4..].to_vec();
        frame.extend([0, 1, b'x']);
        frame.extend(rest);
        [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat()
    };
    let endless = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let requests = [
        ("tags in the header", head(&[&endless[..], &[0; 40]].concat())),
        ("one tag in the header", head(&[1, 7, 1, 0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88, 1, 0])),
        ("topics", head(&[&[0, 0, 0xff, 0xff, 0, 0, 0x13, 0x88][..], &endless, &[0; 40]].concat())),
        (
            "a varint without an end",
            head(&[0, 0, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("nothing", head(&[])),
    ];
    for (what, request) in requests {
        let stream = page.open_stream(Some(0)).await.unwrap();
        assert_eq!(page.ask(stream, &request).await, Err(StreamEnd::Malformed), "{what}");
    }
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    let good = kafka::produce(&[("clicks", 0, batch.clone())]);
    // The tags after the partition, the topic and the request.
    for place in 1..=3 {
        let mut request = good.clone();
        let at = request.len() - place;
        assert_eq!(request[at], 0);
        request.splice(at..=at, [1, 9, 1, 0xaa]);
        let size = (request.len() - 4) as u32;
        request[..4].copy_from_slice(&size.to_be_bytes());
        let stream = page.open_stream(Some(0)).await.unwrap();
        assert_eq!(page.ask(stream, &request).await, Err(StreamEnd::Malformed), "{place}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("topic{n}")).collect();
    let topics: Vec<_> = many.iter().map(|name| (&name[..], 0, batch.clone())).collect();
    let partitions: Vec<_> = (0..257).map(|n| ("clicks", n, batch.clone())).collect();
    for request in [topics, partitions] {
        let stream = page.open_stream(Some(0)).await.unwrap();
        let answer = page.ask(stream, &kafka::produce(&request)).await;
        assert_eq!(answer, Err(StreamEnd::Malformed));
    }
    assert!(broker.produced().is_empty());
}

#[tokio::test]
async fn t17_a_batch_has_no_more_records_than_allowed() {
    let bench = Bench::new(1, |config| config.limits.batch_records = 2);
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let of = |values: &[&str]| kafka::batch(page.identity(), 0, values);
    let (three, two) = (of(&["a", "b", "c"]), of(&["a", "b"]));
    assert_eq!(refused(&mut page, stream, three).await, 18, "RECORD_LIST_TOO_LARGE");
    assert_eq!(refused(&mut page, stream, two).await, 0);
}

/// A batch for each thing that can be wrong with it.
fn malformed(good: &Bytes) -> Vec<(&'static str, Bytes)> {
    let set = |at: usize, bytes: &[u8]| {
        altered(good, |batch| batch[at..at + bytes.len()].copy_from_slice(bytes))
    };
    let mut wrong_crc = BytesMut::from(&good[..]);
    wrong_crc[17] ^= 1;
    let length = good.len() as i32 - 12;
    vec![
        ("the oldest format", set(16, &[0])),
        ("a format to come", set(16, &[3])),
        ("an offset of its own", set(0, &7i64.to_be_bytes())),
        ("a length below", set(8, &(length - 1).to_be_bytes())),
        ("a length above", set(8, &(length + 1).to_be_bytes())),
        ("a length of zero", set(8, &[0; 4])),
        ("a length below zero", set(8, &[0xff; 4])),
        ("a huge length", set(8, &i32::MAX.to_be_bytes())),
        ("another checksum", wrong_crc.freeze()),
        ("a last offset below", set(23, &1i32.to_be_bytes())),
        ("a last offset above", set(23, &3i32.to_be_bytes())),
        ("fewer records than there are", set(57, &2i32.to_be_bytes())),
        ("more records than there are", set(57, &4i32.to_be_bytes())),
        ("no records", set(57, &0i32.to_be_bytes())),
        ("records below zero", set(57, &(-1i32).to_be_bytes())),
        ("a billion records", set(57, &1_000_000_000i32.to_be_bytes())),
        (
            "no records, as its header says",
            altered(&good.slice(..61), |batch| {
                batch[8..12].copy_from_slice(&49i32.to_be_bytes());
                batch[23..27].copy_from_slice(&(-1i32).to_be_bytes());
                batch[57..61].copy_from_slice(&0i32.to_be_bytes());
            }),
        ),
        ("a sequence below zero", set(53, &(-1i32).to_be_bytes())),
        ("an unknown codec", set(22, &[5])),
        ("a codec that it does not have", set(22, &[1])),
        ("two batches", [&good[..], &good[..]].concat().into()),
        ("a batch and a byte", [&good[..], &[0]].concat().into()),
        ("half a batch", good.slice(..good.len() / 2)),
        (
            "a header without records",
            altered(&good.slice(..61), |batch| {
                batch[8..12].copy_from_slice(&49i32.to_be_bytes());
            }),
        ),
        ("half a header", good.slice(..58)),
        ("nothing", Bytes::new()),
        ("a newest timestamp below a record's", set(35, &0i64.to_be_bytes())),
        // A record begins with its length, its attributes, and how far it is from the batch's time
        // and offset: two zigzag numbers, of a byte each.
        ("a record that is newer than the newest", set(63, &[2])),
        ("a first record with another's offset", set(64, &[2])),
    ]
}

#[tokio::test]
async fn t18_malformed_batches_do_not_pass() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let good = kafka::batch(page.identity(), 0, &["one", "two", "three"]);
    let dated = |ms| kafka::batch_with(page.identity(), 0, &["x"], Compression::None, ms);
    let mut bad = malformed(&good);
    bad.push(("from 1990", dated(631_152_000_000)));
    bad.push(("from 2200", dated(7_258_118_400_000)));
    for (what, batch) in bad {
        let error = refused(&mut page, stream, batch).await;
        assert!([2, 10, 18, 32, 43, 76, 87].contains(&error), "{what}: {error}");
    }
    // The same partition twice: the first may pass, the second not.
    let twice = good.clone();
    let body = kafka::produce_body(&[("clicks", 0, twice.clone()), ("clicks", 0, twice)]);
    let answer = page.ask(stream, &kafka::request(ApiKey::Produce, 12, &body)).await.unwrap();
    assert_eq!(kafka::outcomes(&answer)[1].2, 42);
    let produced = broker.produced();
    assert_eq!(produced.len(), 1);
    assert_eq!(produced[0].topic_data[0].partition_data.len(), 1);
    assert_eq!(produced[0].topic_data[0].partition_data[0].records, Some(good));
}

#[tokio::test]
async fn t18_a_batch_with_any_flipped_bit_is_refused_or_is_another_valid_one() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let good = kafka::batch(page.identity(), 0, &["a record"]);
    // Behind the checksum every bit counts; the identity ends sessions and has its own test.
    for bit in (17 * 8..43 * 8).chain(53 * 8..good.len() * 8) {
        let mut batch = BytesMut::from(&good[..]);
        batch[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&mut page, stream, batch.freeze()).await;
        assert_eq!(error, 2, "bit {bit}");
    }
    assert!(broker.produced().is_empty());
}

#[tokio::test]
async fn t24_acks_and_timeouts_are_the_bridges() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bridge = before(&broker).await;
    let mut page = Client::open(bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let Identity { producer_id, epoch } = page.identity();
    let batch = kafka::batch(Identity { producer_id, epoch }, 0, &["x"]);
    for acks in [1, 2, -2, i16::MAX] {
        let body = kafka::produce_body(&[("clicks", 0, batch.clone())]).with_acks(acks);
        let answer = page.ask(stream, &kafka::request(ApiKey::Produce, 12, &body)).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].2, 21, "acks {acks}");
    }
    for (asked, given) in [(0, 1000), (-1, 1000), (5000, 5000), (i32::MAX, 30_000)] {
        let body = kafka::produce_body(&[("clicks", 0, batch.clone())]).with_timeout_ms(asked);
        page.ask(stream, &kafka::request(ApiKey::Produce, 12, &body)).await.unwrap();
        let forwarded = broker.produced().pop().unwrap();
        assert_eq!((forwarded.acks, forwarded.timeout_ms), (-1, given));
    }
    let body = kafka::produce_body(&[("clicks", 0, batch)]).with_acks(0);
    let answer = page.ask(stream, &kafka::request(ApiKey::Produce, 12, &body)).await;
    assert_eq!(answer, Err(StreamEnd::Forbidden), "nobody would learn that it is refused");
}
