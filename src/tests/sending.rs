//! From plain threads: what is sent is stored, once, in order.

use std::thread;

use super::{broker, producer, stored, stored_count};
use crate::serializer::{IntegerSerializer, StringSerializer};
use crate::{Deliveries, Header, Record, SendError, TypedProducer, TypedRecord};

#[test]
fn threads_send_through_clones_and_every_record_is_where_its_delivery_says() {
    threads_send(&[("linger.ms", "1")]);
}

/// Threads that fill batches of the same partitions compress them side by side.
#[test]
fn threads_compress_and_every_record_is_where_its_delivery_says() {
    threads_send(&[("compression.type", "lz4"), ("batch.size", "512"), ("linger.ms", "100")]);
    // The sender looks at each batch while it is compressed, which takes long.
    let slow = [("compression.type", "zstd"), ("compression.zstd.level", "19")];
    threads_send(&[&slow[..], &[("batch.size", "2048"), ("linger.ms", "0")]].concat());
}

fn threads_send(properties: &[(&str, &str)]) {
    const THREADS: u32 = 4;
    const RECORDS: u32 = 2_000;
    let broker = broker();
    let producer = producer(broker.address(), properties);
    let told: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let producer = producer.clone();
                scope.spawn(move || {
                    let mut topic = producer.topic("threads");
                    let deliveries: Vec<_> = (0..RECORDS)
                        .map(|number| {
                            let value = (thread * RECORDS + number).to_be_bytes();
                            let record = Record::new(&value);
                            // Two threads fill the batches of one partition.
                            let key = [thread as u8 / 2];
                            (value, topic.send_blocking(record.key(&key)).unwrap())
                        })
                        .collect();
                    let outcome = |(value, delivery): ([u8; 4], crate::Delivery)| {
                        (value, delivery.wait().unwrap())
                    };
                    deliveries.into_iter().map(outcome).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let stored = stored(&broker, "threads");
    assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), told.len());
    for (value, metadata) in &told {
        let record = &stored[metadata.partition as usize][metadata.offset.unwrap() as usize];
        assert_eq!(record.offset, metadata.offset.unwrap());
        assert_eq!(record.value.as_deref(), Some(&value[..]));
    }
    // The offsets that one thread was told rise: its records have one key, so one partition.
    for of_thread in told.chunks(RECORDS as usize) {
        assert!(of_thread.is_sorted_by_key(|(_, metadata)| metadata.offset));
    }
}

#[test]
fn all_parts_of_a_record_arrive() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let headers =
        [Header { key: "trace", value: Some(b"1") }, Header { key: "trace", value: None }];
    let record = Record::new(b"value").key(b"key").headers(&headers).timestamp(1_700_000_000_123);
    let metadata = producer.send_blocking("parts", record.partition(3)).unwrap().wait().unwrap();
    assert_eq!((metadata.partition, metadata.offset), (3, Some(0)));
    assert_eq!(metadata.timestamp, 1_700_000_000_123);
    let stored = &stored(&broker, "parts")[3][0];
    assert_eq!(stored.key.as_deref(), Some(&b"key"[..]));
    assert_eq!(stored.value.as_deref(), Some(&b"value"[..]));
    assert_eq!(stored.timestamp, 1_700_000_000_123);
    assert_eq!(stored.headers.len(), 1, "kafka-protocol keeps the last of equal keys");
}

#[test]
fn try_send_says_that_the_topic_is_not_known_yet_and_later_appends() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let first = producer.try_send("patient", Record::new(b"x"));
    assert_eq!(first.unwrap_err(), SendError::MetadataPending);
    assert_eq!(producer.partitions_blocking("patient"), Ok(6));
    let delivery = producer.try_send("patient", Record::new(b"x")).unwrap();
    assert_eq!(delivery.wait().unwrap().offset, Some(0));
}

/// How many of them were acknowledged.
fn acknowledged(deliveries: &mut Deliveries) -> u32 {
    let mut sum = 0;
    while let Some((records, outcome)) = deliveries.wait_next() {
        outcome.unwrap();
        sum += records;
    }
    sum
}

#[test]
fn many_records_at_once_are_where_each_belongs_in_order() {
    const RECORDS: u32 = 6_000;
    let broker = broker();
    let numbers: Vec<[u8; 4]> = (0..RECORDS).map(u32::to_be_bytes).collect();
    let header = [Header { key: "trace", value: None }];
    // Runs of each kind, and single ones; batches of 4 KiB end within runs.
    let record = |(index, number): (usize, &'static [u8; 4])| {
        let record = Record::new(number);
        match index % 97 {
            0..40 => record,
            40..60 => record.key(b"one"),
            60 => record.headers(&header),
            61..80 if index % 2 == 0 => record.partition(3).timestamp(1_700_000_000_000),
            _ => record.key(b"another"),
        }
    };
    let numbers: &'static [[u8; 4]] = numbers.leak();
    let records: Vec<Record<'_>> = numbers.iter().enumerate().map(record).collect();
    let producer = producer(broker.address(), &[("batch.size", "4096"), ("linger.ms", "1")]);
    let mut topic = producer.topic("many");
    let mut deliveries = Deliveries::new();
    for mut chunk in records.chunks(500) {
        topic.send_all_blocking(&mut chunk, &mut deliveries).unwrap();
        assert!(chunk.is_empty());
    }
    assert_eq!(acknowledged(&mut deliveries), RECORDS);
    let mut seen = Vec::new();
    let place = |key: &[u8]| {
        let sent = producer.send_blocking("many", Record::new(b"").key(key)).unwrap();
        sent.wait().unwrap().partition
    };
    let (one, another) = (place(b"one"), place(b"another"));
    for (partition, of_partition) in (0..).zip(stored(&broker, "many")) {
        let values = of_partition.iter().filter_map(|record| record.value.clone());
        let sent: Vec<u32> =
            values.filter_map(|value| Some(u32::from_be_bytes(*value.first_chunk()?))).collect();
        assert!(sent.is_sorted(), "the order in which they were sent");
        for number in &sent {
            let record = &records[*number as usize];
            match (record.partition, record.key) {
                (Some(meant), _) => assert_eq!(partition, meant),
                (None, Some(key)) => {
                    assert_eq!(partition, if key == b"one" { one } else { another });
                }
                (None, None) => {}
            }
        }
        seen.extend(sent);
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..RECORDS), "each of them once");
}

#[test]
fn of_many_records_those_that_were_not_accepted_are_left() {
    let broker = broker();
    let producer = producer(broker.address(), &[("max.request.size", "10000")]);
    let mut topic = producer.topic("left");
    let large = vec![b'x'; 20_000];
    let records = [b"a", b"b", &large[..], b"c"].map(Record::new);
    let (mut rest, mut deliveries) = (&records[..], Deliveries::new());
    let pending = topic.try_send_all(&mut rest, &mut deliveries);
    assert_eq!((pending, rest.len()), (Err(SendError::MetadataPending), 4));
    let refused = topic.send_all_blocking(&mut rest, &mut deliveries);
    assert!(matches!(refused, Err(SendError::RecordTooLarge { .. })), "{refused:?}");
    assert_eq!(
        rest.iter().map(|record| record.value).collect::<Vec<_>>(),
        [Some(&large[..]), Some(b"c")]
    );
    rest = &rest[1..];
    topic.send_all_blocking(&mut rest, &mut deliveries).unwrap();
    assert_eq!((rest.len(), acknowledged(&mut deliveries)), (0, 3));
}

#[test]
fn many_records_at_once_wait_for_memory() {
    let broker = broker();
    let small = [("buffer.memory", "16384"), ("batch.size", "4096"), ("max.request.size", "8192")];
    let producer = producer(broker.address(), &small);
    let mut topic = producer.topic("memory");
    producer.partitions_blocking("memory").unwrap();
    let value = [b'x'; 1_000];
    let records = [Record::new(&value); 200];
    let (mut rest, mut deliveries) = (&records[..], Deliveries::new());
    let full = topic.try_send_all(&mut rest, &mut deliveries);
    assert_eq!(full, Err(SendError::BufferFull));
    assert!((1..200).contains(&rest.len()), "{} left", rest.len());
    topic.send_all_blocking(&mut rest, &mut deliveries).unwrap();
    assert_eq!(acknowledged(&mut deliveries), 200);
    assert_eq!(stored_count(&broker, "memory"), 200);
}

#[test]
fn flush_leaves_no_delivery_open() {
    let broker = broker();
    let producer = producer(broker.address(), &[("linger.ms", "60000")]);
    let deliveries: Vec<_> = (0..100_u8)
        .map(|number| producer.send_blocking("flushed", Record::new(&[number])).unwrap())
        .collect();
    assert!(deliveries[99].try_get().is_none(), "it should linger for a minute");
    producer.flush_blocking();
    assert_eq!(producer.topic("flushed").metrics().records_sent, 100);
    assert!(deliveries.iter().all(|delivery| matches!(delivery.try_get(), Some(Ok(_)))));
    assert_eq!(stored_count(&broker, "flushed"), 100);
}

#[test]
fn a_typed_producer_writes_what_kafkas_deserializers_read() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let typed = TypedProducer::new(producer, IntegerSerializer, StringSerializer);
    let large = "x".repeat(100_000);
    for (key, value) in [(258, "first"), (-1, &large), (3, "")] {
        let record = TypedRecord::new(value).key(&key).partition(0);
        typed.send_blocking("typed", record).unwrap().wait().unwrap();
    }
    typed.send_blocking("typed", TypedRecord::tombstone(&3).partition(0)).unwrap().wait().unwrap();
    let records = &stored(&broker, "typed")[0];
    assert_eq!(records[0].key.as_deref(), Some(&[0, 0, 1, 2][..]));
    assert_eq!(records[0].value.as_deref(), Some(&b"first"[..]));
    assert_eq!(records[1].key.as_deref(), Some(&[255, 255, 255, 255][..]));
    assert_eq!(records[1].value.as_deref(), Some(large.as_bytes()));
    assert_eq!(records[2].value.as_deref(), Some(&[][..]), "an empty value is no tombstone");
    assert_eq!(records[3].value, None);
}

#[test]
fn a_serializer_that_refuses_says_which_part_it_was() {
    let broker = broker();
    let refuse = |_: &u8, _: &mut Vec<u8>| Err("too odd");
    let typed = TypedProducer::<i32, u8, _, _>::new(
        producer(broker.address(), &[]),
        IntegerSerializer,
        refuse,
    );
    let error = typed.try_send("typed", TypedRecord::new(&1)).unwrap_err();
    assert_eq!(error.to_string(), "serialization failed: value: too odd");
}
