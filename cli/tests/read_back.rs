//! `ottla read`, `ottla dev` and `ottla quickstart`.

mod common;

use std::io::{BufRead, BufReader};

use common::{Broker, Folder, ottla, ottla_with, spawn};
use ottla::Record;
use ottla::transaction::TransactionalProducer;
use serde_json::Value;

#[test]
fn text_comes_back_as_it_went_in() {
    let broker = Broker::start(1);
    broker.produce("t", &["-K", ":"], b"a:1\nb:\nno key\n").ok();
    let base = ["read", "-b", &broker.address, "-t", "t"];
    assert_eq!(ottla(&base).ok().stdout, "1\n\nno key\n");
    assert_eq!(ottla(&[&base[..], &["-K", ":"]].concat()).ok().stdout, "a:1\nb:\n:no key\n");
    let ran = ottla(&[&base[..], &["-K", "=", "-D", "\\0"]].concat());
    assert_eq!(ran.ok().stdout, "a=1\0b=\0=no key\0");
}

#[test]
fn json_tells_everything_and_survives_bytes_that_are_no_text() {
    let broker = Broker::start(2);
    broker.produce("t", &["-p", "1", "-K:", "-Z", "-H", "h=v"], b"k:\n\xff\xfe:x\n").ok();
    let ran = ottla(&["read", "-b", &broker.address, "-t", "t", "--json"]).ok();
    let records: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2);
    assert_eq!((&records[0]["key"], &records[0]["value"]), (&"k".into(), &Value::Null));
    assert_eq!(records[0]["headers"][0]["name"], "h");
    assert_eq!(records[0]["headers"][0]["value"], "v");
    assert_eq!((&records[1]["partition"], &records[1]["offset"]), (&1.into(), &1.into()));
    assert_eq!((&records[1]["key_base64"], &records[1]["value"]), (&"//4=".into(), &"x".into()));
    assert!(records[0]["timestamp"].as_i64().unwrap() > 1_600_000_000_000);
}

#[test]
fn a_part_is_read_where_a_part_is_asked_for() {
    let broker = Broker::start(2);
    broker.produce("t", &["-p", "0"], b"a\nb\nc\nd\n").ok();
    broker.produce("t", &["-p", "1"], b"e\nf\n").ok();
    let read = |args: &[&str]| ottla(&[&["read", "-b", &broker.address, "-t", "t"], args].concat());
    assert_eq!(read(&["-p", "1"]).ok().stdout, "e\nf\n");
    assert_eq!(read(&["-o", "2"]).ok().stdout, "c\nd\n");
    assert_eq!(read(&["-o", "-1"]).ok().stdout, "d\nf\n");
    assert_eq!(read(&["-o", "-9", "-p", "0"]).ok().stdout, "a\nb\nc\nd\n");
    assert_eq!(read(&["-o", "9"]).ok().stdout, "");
    assert_eq!(read(&["-c", "5"]).ok().stdout, "a\nb\nc\nd\ne\n");
    let missing = "topic t has no partition 2: it has 2 partitions";
    assert_eq!(read(&["-p", "2"]).error(1), missing);
    assert!(read(&["-o", "soon"]).error(2).contains("expected earliest, an offset, or -N"));
}

#[test]
fn readers_of_committed_records_see_no_others() {
    let broker = Broker::start(1);
    let transaction = ["--transactional-id", "it"];
    broker.produce("t", &[], b"plain\n").ok();
    broker.produce("t", &transaction, b"committed\n").ok();
    abort(&broker.address, "aborted");
    broker.produce("t", &transaction, b"committed too\n").ok();
    let read = |args: &[&str]| ottla(&[&["read", "-b", &broker.address, "-t", "t"], args].concat());
    let all = "plain\ncommitted\naborted\ncommitted too\n";
    assert_eq!(read(&[]).ok().stdout, all);
    let committed = read(&["--isolation-level", "read_committed"]).ok();
    assert_eq!(committed.stdout, "plain\ncommitted\ncommitted too\n");
}

/// Stores a record of a transaction that is aborted.
fn abort(broker: &str, value: &str) {
    let config = [("bootstrap.servers", broker), ("transactional.id", "other")];
    let mut producer = TransactionalProducer::from_properties_blocking(config).unwrap();
    let transaction = producer.begin_blocking().unwrap();
    let stored = transaction.send_blocking("t", Record::new(value.as_bytes())).unwrap();
    stored.wait().unwrap();
    transaction.abort_blocking().unwrap();
}

#[test]
fn every_codec_comes_back() {
    let broker = Broker::start(1);
    let lines: String = (0..2000).map(|line| format!("line number {line}\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        broker.produce(codec, &["-z", codec], lines.as_bytes()).ok();
        let ran = ottla(&["read", "-b", &broker.address, "-t", codec]).ok();
        assert!(ran.stdout == lines, "{codec} differs");
    }
}

#[test]
fn more_than_one_fetch_and_more_than_one_node() {
    let options = ottla_sim::dev::DevBrokerOptions {
        nodes: 3,
        partitions_per_topic: 3,
        ..Default::default()
    };
    let broker = ottla_sim::dev::DevBroker::start(options).unwrap();
    let address = broker.address().to_string();
    let line = "x".repeat(1000);
    let input: String = (0..30_000).map(|number| format!("{number}:{line}\n")).collect();
    ottla_with(&["produce", "-b", &address, "-t", "t", "-K", ":"], input.as_bytes()).ok();
    let ran = ottla(&["read", "-b", &address, "-t", "t", "-K", ":"]).ok();
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert!(sorted(&ran.stdout) == sorted(&input));
}

#[test]
fn what_is_not_there_is_an_error() {
    let broker = Broker::start(1);
    let ran = ottla(&["read", "-b", &broker.address, "-t", "nowhere"]);
    assert!(ran.error(1).starts_with("topic nowhere: UNKNOWN_TOPIC_OR_PARTITION"), "{ran:?}");
    assert!(broker.broker.cluster().topics().next().is_none());
}

#[test]
fn the_quickstart_proves_what_it_says() {
    let ran = ottla(&["quickstart"]).ok();
    assert!(ran.stdout.contains("1,000 records acknowledged in "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("all 1,000 lines are stored once, in order per key"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stderr, "");

    let json = ottla(&["quickstart", "--json"]).ok().json();
    assert_eq!((&json["records"], &json["verified"]), (&1000.into(), &true.into()));
    let partitions = json["partitions"].as_array().unwrap();
    let records = partitions.iter().map(|partition| partition["records"].as_u64().unwrap());
    assert_eq!(records.sum::<u64>(), 1000);
    assert!(json["elapsed_s"].as_f64().unwrap() < 2.0, "{json}");
}

#[test]
fn the_quickstart_takes_a_file() {
    let folder = Folder::new();
    let file = folder.file("lines", "a:1\n\nwithout key\nb:2\na:3\nwithout key too");
    let json = ottla(&["quickstart", "--json", &file]).ok().json();
    assert_eq!((&json["records"], &json["verified"]), (&5.into(), &true.into()));
    let missing = folder.path("missing");
    let error = format!("cannot read {missing}: no such file or directory");
    assert_eq!(ottla(&["quickstart", "--json", &missing]).error(1), error);
}

#[test]
fn the_quickstart_alters_no_bytes_and_knows_one_from_many() {
    let folder = Folder::new();
    let file = folder.file("line", b"\xff\xfe:x\n");
    let json = ottla(&["quickstart", "--json", &file]).ok().json();
    let sample = &json["samples"][0];
    assert_eq!((&sample["key_base64"], &sample["value"]), (&"//4=".into(), &"x".into()), "{json}");
    let ran = ottla(&["quickstart", &file]).ok();
    for text in [": 1 line, 5 B", "1 record acknowledged in ", "the line is stored once"] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let expected =
        format!("cannot listen on port {port}: something else does; try --port 0 for a free one");
    assert_eq!(ottla(&["dev", "--port", &port]).error(1), expected);
}

#[test]
fn what_the_dev_broker_keeps_in_a_folder_outlives_it() {
    let folder = Folder::new();
    let data = folder.path("data");
    for round in 1..=2 {
        let mut child = spawn(&["dev", "--port", "0", "--data", &data]);
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        ottla_with(&["produce", "-b", &address, "-t", "t", "-p", "0"], b"x\n").ok();
        let ran = ottla(&["read", "-b", &address, "-t", "t"]).ok();
        assert_eq!(ran.stdout, "x\n".repeat(round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn completions_are_scripts() {
    let ran = ottla(&["completions", "bash"]).ok();
    assert!(ran.stdout.contains("_ottla()"));
}
