//! `ottla check` against the dev broker, whose topics have a copy on each of its nodes and wait for
//! one of them.

mod common;

use common::{Broker, ottla, ottla_with};
use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use serde_json::json;

#[test]
fn one_copy_is_not_enough_and_the_words_say_why() {
    let broker = Broker::start(2);
    broker.produce("t", &[], b"a\n").ok();
    let ran = ottla(&["check", "-b", &broker.address, "-t", "t"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "topic t: partitions=2, replication factor=1, min.insync.replicas=1 (Kafka's default), \
             unclean.leader.election.enable=false (Kafka's default); producer: acks=all",
            "NOT DURABLE: acknowledged records can be lost",
        ]
    );
    assert_eq!(
        lines[2..4],
        [
            "loss: only 1 broker has a copy of partitions 0, 1: when it is lost, so are the records",
            "  give the topic 3 replicas (kafka-reassign-partitions)",
        ]
    );
    assert!(lines[4].starts_with("loss: min.insync.replicas=1: while "), "{ran:?}");
    assert_eq!(lines[5..], ["  set min.insync.replicas=2 on the topic"]);
}

#[test]
fn who_asks_for_less_is_content() {
    let broker = Broker::start(1);
    broker.produce("t", &[], b"a\n").ok();
    let ran = ottla(&["check", "-b", &broker.address, "-t", "t", "--failures", "0"]).ok();
    assert!(ran.stdout.contains("\nDURABLE: "), "{ran:?}");
}

#[test]
fn programs_get_the_same_as_json() {
    let options = DevBrokerOptions { nodes: 3, partitions_per_topic: 1, ..Default::default() };
    let broker = DevBroker::start(options).unwrap();
    let address = broker.address().to_string();
    ottla_with(&["produce", "-b", &address, "-t", "t"], b"a\n").ok();
    let weak = ["-X", "acks=1", "-X", "enable.idempotence=false", "-X", "retries=0", "--json"];
    let ran = ottla(&[&["check", "-b", &address, "-t", "t"][..], &weak].concat());
    assert_eq!(ran.status, 1);
    let report = ran.json();
    assert_eq!(report["verdict"], "loses");
    assert_eq!((&report["topic"], &report["acks"]), (&json!("t"), &json!("1")));
    assert_eq!(report["replication_factor"], 3);
    assert_eq!(report["min_insync_replicas"], 1);
    assert_eq!(report["unclean_leader_election"], false);
    let findings = report["findings"].as_array().unwrap();
    let of = |key: &str| findings.iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("finding"), ["ACKS", "MIN_IN_SYNC", "NO_RETRIES"]);
    assert_eq!(of("consequence"), ["loss", "loss", "notice"]);
    assert_eq!(findings[0]["remedy"], "set acks=all in the producer");
    let partition = &report["partitions"][0];
    assert_eq!(partition["replicas"].as_array().map(Vec::len), Some(3));
    assert_eq!(partition["in_sync"], partition["replicas"]);
}

#[test]
fn what_cant_be_asked_is_one_clear_error() {
    let broker = Broker::start(1);
    let ran = ottla(&["check", "-b", &broker.address, "-t", "nowhere"]);
    assert!(ran.error(1).starts_with("topic nowhere: UNKNOWN_TOPIC_OR_PARTITION"), "{ran:?}");
    assert!(broker.broker.cluster().topics().next().is_none(), "a check creates nothing");
    let ran = ottla(&["check", "-t", "t"]);
    assert!(ran.error(2).starts_with("no brokers: name them with -b"), "{ran:?}");
    let ran = ottla(&["check", "-b", "localhost:1", "-t", "t"]);
    assert!(ran.error(1).starts_with("cannot connect to localhost:1: "), "{ran:?}");
    let ran = ottla(&["check", "-b", "h", "-t", "t", "-X", "ackz=1"]);
    assert!(ran.error(2).contains("ackz"), "{ran:?}");
}
