//! The kit itself: a Kafka that starts, Kafka's tools that answer, nothing left behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use ottla_tests::kafka::{Cluster, LAST_3, NEWEST};
use ottla_tests::{Guarded, Scratch};

#[test]
fn what_java_produces_is_read_back_and_dumped() {
    read_back_and_dump(NEWEST);
}

#[test]
fn so_with_kafka_3() {
    read_back_and_dump(LAST_3);
}

fn read_back_and_dump(version: &str) {
    let kafka = Cluster::shared(version, 1);
    kafka.create_topic("lines", 3, 1, &[]);
    let lines = kafka.scratch().join("lines.txt");
    fs::write(&lines, "a|one\nb|two\\ \u{e9}\t\na|three\n").unwrap();
    kafka.java_console_producer("lines", &lines, Some("|"), &[("acks", "all")]);

    let records = kafka.consume_all("lines");
    let of = |key: &[u8]| -> Vec<_> {
        let own = records.iter().filter(|r| r.key.as_deref() == Some(key));
        own.map(|r| String::from_utf8(r.value.clone().unwrap()).unwrap()).collect()
    };
    assert_eq!(of(b"a"), ["one", "three"]);
    assert_eq!(of(b"b"), ["two\\ \u{e9}\t"]);
    assert_eq!(kafka.end_offsets("lines").iter().sum::<i64>(), 3);
    let batches = kafka.dump_log_segments(1, "lines");
    assert_eq!(batches.iter().map(|batch| batch.count).sum::<i32>(), 3);
}

#[test]
fn java_measures_itself() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("speed", 1, 1, &[]);
    let config = [("compression.type", "lz4"), ("acks", "all")];
    let line = kafka.java_producer_performance("speed", 1000, 100, &config);
    assert!(line.starts_with("1000 records sent, "), "{line}");
    assert_eq!(kafka.end_offsets("speed"), [1000]);
    let batches = kafka.dump_log_segments(1, "speed");
    assert!(
        batches.iter().all(|b| b.valid && b.codec == "lz4" && b.producer_id >= 0),
        "{batches:?}"
    );
}

/// What the checks of a cut or damaged log rest on: Kafka's tool notices a flipped bit.
#[test]
fn a_damaged_batch_is_reported() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("damaged", 1, 1, &[]);
    let _ = kafka.java_producer_performance("damaged", 10, 100, &[]);
    let segment = kafka.log_dir(1, "damaged", 0).join("00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    let in_the_last_value = bytes.len() - 10;
    bytes[in_the_last_value] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert!(!kafka.dump_log_segments(1, "damaged").last().unwrap().valid);
}

#[test]
#[ignore = "three brokers for a minute: part of the full run"]
fn a_killed_node_comes_back() {
    let kafka = Cluster::start(NEWEST, 3, &[]);
    kafka.create_topic("replicated", 3, 3, &[("min.insync.replicas", "2")]);
    let leader = kafka.leader("replicated", 0);
    kafka.kill(leader);
    let _ = kafka.java_producer_performance("replicated", 1000, 100, &[]);
    assert_ne!(kafka.leader("replicated", 0), leader);
    kafka.launch(leader);
    kafka.await_in_sync("replicated");
    let frozen = kafka.leader("replicated", 1);
    kafka.pause(frozen);
    kafka.resume(frozen);
    kafka.restart(frozen);
    kafka.await_in_sync("replicated");
    assert_eq!(kafka.consume("replicated", |_| {}), 1000);
    for node in kafka.node_ids() {
        let batches = kafka.dump_log_segments(node, "replicated");
        assert_eq!(batches.iter().map(|batch| batch.count).sum::<i32>(), 1000);
    }
}

const ORPHAN_MAKER: &str = "OTTLA_ORPHAN_MAKER";

/// Runs this binary's `orphan_maker` and aborts it: its child and its directory must go.
#[test]
fn nothing_outlives_an_aborted_test() {
    let mut maker = Command::new(env::current_exe().unwrap())
        .args(["--exact", "orphan_maker", "--nocapture"])
        .env(ORPHAN_MAKER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(maker.stdout.take().unwrap()).lines();
    let line = output.map(Result::unwrap).find(|line| line.starts_with("orphan ")).unwrap();
    let [_, pid, dir] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    maker.wait().unwrap();
    let process = Path::new("/proc").join(pid);
    let deadline = Instant::now() + Duration::from_secs(20);
    while process.exists() || Path::new(dir).exists() {
        assert!(Instant::now() < deadline, "{pid} or {dir} outlived its test");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn orphan_maker() {
    if env::var_os(ORPHAN_MAKER).is_none() {
        return;
    }
    let dir = Scratch::new("orphan");
    let sleep = ["sleep".into(), "1000".into()];
    let child = Guarded::spawn(&sleep, None, Stdio::null(), Stdio::null()).unwrap();
    println!("orphan {} {}", child.pid(), dir.path().display());
    process::abort();
}
