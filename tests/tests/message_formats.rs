//! Message sets, the formats before record batches, on a Kafka that still takes and keeps them:
//! 3.9 with ZooKeeper, as it was while a cluster was upgraded from 2.8. Its own consumer reads back
//! what was sent, and its log holds it in the format in which it was sent.

use ottla::{Delivery, Header, Producer, Reason, Record};
use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, LAST_3};
use ottla_tests::text::{ReadBack, Text};

const PARTITIONS: i32 = 2;

/// Settings of the producer and of topics alike, and the magic byte that they lead to.
const FORMATS: [(&str, i8); 2] = [("0.9.0", 0), ("0.10.2", 1)];

const CODECS: [&str; 4] = ["none", "gzip", "snappy", "lz4"];

fn producer(kafka: &Cluster, format: &str, codec: &str) -> Producer {
    let bootstrap = kafka.bootstrap();
    let properties = [
        ("bootstrap.servers", bootstrap.as_str()),
        ("enable.idempotence", "false"),
        ("message.format.version", format),
        ("compression.type", codec),
    ];
    Producer::from_properties(properties).unwrap()
}

#[test]
fn message_sets_of_both_formats_are_read_back_identical() {
    let kafka = Cluster::start_on_zookeeper(LAST_3, 1, &[("inter.broker.protocol.version", "2.8")]);
    let records = usize::try_from(budget::get("message_formats.records")).unwrap();
    let text = Text::write(kafka.scratch(), records);
    for (format, magic) in FORMATS {
        for codec in CODECS {
            let topic = format!("v{magic}-{codec}");
            kafka.create_topic(&topic, PARTITIONS, 1, &[("message.format.version", format)]);
            produce(&producer(&kafka, format, codec), &topic, &text);
            let mut back = ReadBack::of(&text);
            kafka.consume(&topic, |record| {
                assert!(magic > 0 || record.timestamp == -1, "v0 has no timestamps: {record:?}");
                back.take(&record);
            });
            assert!(!back.finish().is_empty());
            check_segments(&kafka, &topic, magic, codec, records);
            println!("full: {records} records of format v{magic} with {codec}");
        }
        headers_are_refused(&kafka, format);
    }
}

fn produce(producer: &Producer, topic: &str, text: &Text) {
    let mut handle = producer.topic(topic);
    let send = |line: &ottla_tests::text::Line| {
        let record = Record::new(line.value.as_bytes()).key(line.key.as_bytes());
        handle.send_blocking(record).unwrap()
    };
    let deliveries: Vec<Delivery> = text.lines().iter().map(send).collect();
    for delivery in deliveries {
        assert!(delivery.wait().unwrap().offset.is_some());
    }
}

/// Every message on disk is valid, and of the format and codec that were asked for, unless it would
/// not shrink.
fn check_segments(kafka: &Cluster, topic: &str, magic: i8, codec: &str, records: usize) {
    let batches = kafka.dump_log_segments(1, topic);
    let count: i32 = batches.iter().map(|batch| batch.count).sum();
    assert_eq!(usize::try_from(count), Ok(records));
    for batch in &batches {
        assert!(batch.valid && batch.magic == magic, "{batch:?}");
        assert!(batch.codec == codec || batch.codec == "none", "{batch:?}");
    }
    if codec != "none" {
        let wrapped = batches.iter().filter(|batch| batch.codec == codec).count();
        assert!(wrapped * 2 > batches.len(), "{wrapped} of {} are compressed", batches.len());
    }
}

fn headers_are_refused(kafka: &Cluster, format: &str) {
    let producer = producer(kafka, format, "none");
    let headers = [Header { key: "h", value: Some(b"v") }];
    let record = Record::new(b"with").headers(&headers);
    let error = producer.send_blocking("v0-none", record).unwrap().wait().unwrap_err();
    assert!(matches!(error.reason, Reason::MessageFormat(_)), "{error}");
}
