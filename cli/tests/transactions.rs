//! `ottla produce --transactional-id` and `ottla perf --transaction-duration-ms`: all of it or
//! nothing, as readers of committed records see it.

mod common;

use common::{Broker, ottla};

/// The values that readers of committed records see.
fn committed(broker: &Broker, partitions: i32) -> Vec<String> {
    let cluster = broker.broker.cluster();
    let of = |partition| cluster.committed_records("t", partition).expect("it can be read");
    let values = (0..partitions).flat_map(of).filter_map(|record| record.value);
    values.map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
}

#[test]
fn the_input_becomes_visible_as_one() {
    let broker = Broker::start(2);
    broker.produce("t", &["--transactional-id", "input"], b"a\nb\nc\n").ok();
    let mut values = committed(&broker, 2);
    values.sort();
    assert_eq!(values, ["a", "b", "c"]);
}

#[test]
fn input_with_a_record_that_is_refused_is_not_visible_at_all() {
    let broker = Broker::start(1);
    let large = [&b"a\n"[..], &[b'x'; 3000], b"\nb\n"].concat();
    let args = ["--transactional-id", "input", "-X", "max.request.size=100000"];
    broker.broker.cluster().config_mut().max_message_bytes = 2000;
    let ran = broker.produce("t", &[&args[..], &["-X", "batch.size=0"]].concat(), &large);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("the transaction was not committed"), "{ran:?}");
    assert!(ran.stderr.contains("MESSAGE_TOO_LARGE"), "{ran:?}");
    assert_eq!(committed(&broker, 1), [""; 0]);
}

#[test]
fn perf_commits_what_it_sends() {
    let broker = Broker::start(1);
    let base = ["perf", "--topic", "t", "--bootstrap-server", &broker.address];
    let args = ["--num-records", "500", "--payload-monotonic", "--throughput", "2000"];
    let ran = ottla(&[&base[..], &args, &["--transaction-duration-ms", "50"]].concat()).ok();
    assert!(ran.stdout.starts_with("500 records sent, "), "{ran:?}");
    assert_eq!(committed(&broker, 1).len(), 500);
    // More than one transaction: there is more than one end in the log.
    let (_, end) = broker.broker.cluster().offsets("t", 0).unwrap();
    assert!(end > 501, "{end}");
    let ran = ottla(&[&base[..], &args, &["--transactional-id", "x", "--threads", "2"]].concat());
    assert!(ran.error(2).contains("--threads"), "{ran:?}");
}
