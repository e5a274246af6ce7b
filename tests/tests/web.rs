//! The npm package in the runtimes that it is for: what they produce is what Kafka's own consumer
//! reads, on the partitions that Java's producer chooses.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::OnceLock;

use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::text::{ReadBack, SEPARATOR, Text};
use ottla_tests::web::{App, Runtime};

const PARTITIONS: i32 = 6;

#[test]
fn node_20_produces_over_tcp() {
    over_tcp("node-20", Runtime::NODE_20);
}

#[test]
fn node_24_produces_over_tcp() {
    over_tcp("node-24", Runtime::NODE_24);
}

#[test]
fn bun_produces_over_tcp() {
    over_tcp("bun", Runtime::BUN);
}

#[test]
fn deno_produces_over_tcp() {
    over_tcp("deno", Runtime::DENO);
}

/// Kafka, a text, and where Java's producer puts each of its keys.
struct Setting {
    kafka: &'static Cluster,
    text: Text,
    java: BTreeMap<String, i32>,
}

impl Setting {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Setting> = OnceLock::new();
        SHARED.get_or_init(|| {
            let kafka = Cluster::shared(NEWEST, 1);
            let records = usize::try_from(budget::get("web.records")).unwrap();
            let text = Text::write(kafka.scratch(), records);
            let keys = text.one_line_per_key();
            kafka.create_topic("web-java", PARTITIONS, 1, &[]);
            let separator = SEPARATOR.to_string();
            let acks = [("acks", "all")];
            kafka.java_console_producer("web-java", keys.path(), Some(&separator), &acks);
            let java = read_back(kafka, "web-java", &keys);
            Self { kafka, text, java }
        })
    }
}

fn over_tcp(name: &str, runtime: Runtime) {
    let Setting { kafka, text, java } = Setting::shared();
    let topic = format!("tcp-{name}");
    kafka.create_topic(&topic, PARTITIONS, 1, &[]);
    let brokers = kafka.bootstrap();
    let arguments = [OsStr::new(&brokers), topic.as_ref(), text.path().as_os_str()];
    let rate = App::shared().run(runtime, "tcp.mjs", arguments);
    println!("full: {name} over TCP, {} records at {}", text.lines().len(), rate.trim());
    assert_eq!(read_back(kafka, &topic, text), *java, "Java's producer partitions otherwise");
    check_segments(kafka, &topic);
}

/// Compares a topic with the text, and says where each key is.
fn read_back(kafka: &Cluster, topic: &str, text: &Text) -> BTreeMap<String, i32> {
    let mut back = ReadBack::of(text);
    kafka.consume(topic, |record| back.take(&record));
    let keys = back.finish().into_iter();
    keys.map(|(key, partition)| (key.to_owned(), partition)).collect()
}

/// Every batch was sealed in the module: valid, compressed, numbered, by one producer.
fn check_segments(kafka: &Cluster, topic: &str) {
    let batches = kafka.dump_log_segments(1, topic);
    let producer_id = batches[0].producer_id;
    for batch in &batches {
        assert!(batch.valid, "{batch:?}");
        assert!(producer_id >= 0 && batch.producer_id == producer_id, "{batch:?}");
        assert_eq!(i64::from(batch.base_sequence), batch.base_offset, "{batch:?}");
    }
    // Small ones don't shrink.
    let compressed = batches.iter().filter(|batch| batch.codec == "lz4").count();
    assert!(compressed * 2 > batches.len(), "{compressed} of {} batches", batches.len());
}
