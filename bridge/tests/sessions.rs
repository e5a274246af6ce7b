//! Sessions as clients mean them: greeted, produced through, ended.

mod support;

use std::time::{Duration, Instant};

use ottla_bridge_protocol::{Frame, OpenRefusal, StreamEnd};
use support::bench::Bench;
use support::client::{Client, Greeting, Said};
use support::kafka::{self, Identity};

#[tokio::test]
async fn a_page_produces_through_the_bridge() {
    let bench = Bench::new(1, |_| {});
    for early in [false, true] {
        let greeting = Greeting { early, ..Greeting::default() };
        let mut page = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
        let stream = page.open_stream(Some(0)).await.unwrap();
        let batch = kafka::batch(page.identity(), 0, &["one", "two"]);
        let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
        let offset = if early { 2 } else { 0 };
        assert_eq!(kafka::outcomes(&answer), [("clicks".to_owned(), 0, 0, offset)]);
        page.leave().await;
    }
    assert_eq!(bench.log("clicks", 0), ["one", "two", "one", "two"]);
}

#[tokio::test]
async fn the_batch_in_the_log_is_the_pages_byte_for_byte() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    for (sequence, compression) in (0..).zip([
        kafka_protocol::records::Compression::None,
        kafka_protocol::records::Compression::Gzip,
        kafka_protocol::records::Compression::Snappy,
        kafka_protocol::records::Compression::Lz4,
        kafka_protocol::records::Compression::Zstd,
    ]) {
        let values = ["the same text again and again and again", "and again and again"];
        let (identity, now) = (page.identity(), kafka::now_ms());
        let batch = kafka::batch_with(identity, 2 * sequence, &values, compression, now);
        let request = kafka::produce(&[("clicks", 0, batch.clone())]);
        let answer = page.ask(stream, &request).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].2, 0, "{compression:?}");
        let stored =
            bench.broker.cluster().batches("clicks", 0, 2 * i64::from(sequence), 1).unwrap();
        // The broker writes the base offset and the leader epoch; the checksum covers what follows.
        assert_eq!(stored[0].bytes[16..], batch[16..], "{compression:?}");
    }
}

#[tokio::test]
async fn the_bridge_answers_about_itself() {
    let bench = Bench::new(3, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let any = page.open_stream(None).await.unwrap();
    let answer = page.ask(any, &kafka::metadata(Some(&["clicks", "nothing"]))).await.unwrap();
    let metadata = kafka::read_metadata(&answer);
    assert_eq!(metadata.brokers.len(), 3);
    let named: Vec<_> = metadata.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(named, [0, 3]);
    assert_eq!(metadata.topics[0].partitions.len(), 3);
    let answer = page.ask(any, &kafka::init_producer_id(None)).await.unwrap();
    assert_eq!(kafka::read_identity(&answer), Ok(page.identity()), "the lease of the WELCOME");
    let next = page.ask(any, &kafka::init_producer_id(Some(page.identity()))).await.unwrap();
    let Identity { producer_id, epoch } = page.identity();
    assert_eq!(kafka::read_identity(&next), Ok(Identity { producer_id, epoch: epoch + 1 }));
}

#[tokio::test]
async fn requests_are_answered_in_their_order() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let mut requests = Vec::new();
    for sequence in 0..40 {
        let batch = kafka::batch(page.identity(), sequence, &["x"]);
        requests.extend(kafka::produce(&[("clicks", 1, batch)]));
        requests.extend(kafka::metadata(Some(&["clicks"])));
    }
    page.write(stream, &requests).await;
    for offset in 0..40 {
        let answer = page.response(stream).await.unwrap();
        assert_eq!(kafka::outcomes(&answer), [("clicks".to_owned(), 1, 0, offset)]);
        let answer = page.response(stream).await.unwrap();
        assert_eq!(kafka::read_metadata(&answer).topics.len(), 1);
    }
}

#[tokio::test]
async fn streams_close_from_either_end() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    assert_eq!(page.open_stream(Some(7)).await, Err(OpenRefusal::UnknownNode));
    let stream = page.open_stream(Some(0)).await.unwrap();
    page.say(&Frame::Close { stream, end: StreamEnd::Done }).await;
    assert_eq!(page.next().await, Said::Close(stream, StreamEnd::Done));
    let again = page.open_stream(Some(0)).await.unwrap();
    assert_eq!(again, stream, "its number is free again");
    // A request for a fetch, which the bridge does not offer.
    page.write(again, &[0, 0, 0, 8, 0, 1, 0, 12, 0, 0, 0, 1]).await;
    assert_eq!(page.response(again).await, Err(StreamEnd::Forbidden));
}

#[tokio::test]
async fn a_request_beyond_those_that_may_be_under_way_goes_when_there_is_room() {
    let bench = Bench::new(1, |config| config.limits.requests_in_flight = 1);
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let one = |sequence| kafka::batch(page.identity(), sequence, &["x"]);
    let requests: Vec<u8> =
        (0..5).flat_map(|place| kafka::produce(&[("clicks", 0, one(place))])).collect();
    let begun = Instant::now();
    page.write(stream, &requests).await;
    for offset in 0..5 {
        let answer = page.response(stream).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].3, offset);
    }
    // Not one each time that the bridge looks after its sessions, once a second.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
