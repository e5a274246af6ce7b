//! `ottla produce --transactional-id` and `ottla perf --transaction-duration-ms`: all of it or
//! nothing, as readers of committed records see it.

mod common;

use common::{Broker, Folder, finish, ottla, spawn};

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

/// A record that the producer itself refuses, and one that is not even read whole.
#[test]
fn input_with_a_line_that_is_too_long_is_not_visible_at_all() {
    for length in [495, 3000] {
        let broker = Broker::start(1);
        let input = [&b"a\n"[..], &vec![b'x'; length], b"\nb\n"].concat();
        let args = ["--transactional-id", "input", "-X", "max.request.size=500"];
        let ran = broker.produce("t", &args, &input);
        assert_eq!(ran.status, 1, "{ran:?}");
        let error = "ottla: error: a record was refused; the transaction was aborted\n";
        let summary = "\nthe transaction was aborted: nothing of 3 records becomes visible in t\n";
        assert!(ran.stderr.contains("ottla: error: line 2: "), "{ran:?}");
        assert!(ran.stderr.contains(error) && ran.stderr.contains(summary), "{ran:?}");
        assert_eq!(ran.stderr.matches("ottla: error: ").count(), 2, "{ran:?}");
        assert!(!ran.stderr.contains("acknowledged by"), "{ran:?}");
        assert_eq!(committed(&broker, 1), [""; 0]);

        let ran = broker.produce("t", &[&args[..], &["--json"]].concat(), &input);
        assert_eq!((ran.status, &ran.json()["transaction"]), (1, &"aborted".into()), "{ran:?}");
        assert_eq!(committed(&broker, 1), [""; 0]);
    }
}

#[test]
fn input_that_cannot_be_read_to_its_end_is_not_visible_at_all() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let (file, gone) = (folder.file("file", "a\nb\n"), folder.file("gone", "c\n"));
    let args = ["--transactional-id", "input", "--json", &file, "-", &gone];
    let base = ["produce", "-b", &broker.address, "-t", "t", "-X", "linger.ms=0"];
    let mut child = spawn(&[&base[..], &args].concat());
    // It has opened neither that is still to come.
    broker.wait_for("t", 0, 2);
    std::fs::remove_file(&gone).unwrap();
    drop(child.stdin.take());
    let ran = finish(child);
    let why = format!("cannot read {gone}: no such file or directory; the transaction was aborted");
    assert_eq!(ran.error(1), why);
    assert_eq!(
        (&ran.json()["transaction"], &ran.json()["error"]),
        (&"aborted".into(), &why.into())
    );
    assert_eq!(committed(&broker, 1), [""; 0]);
}

#[test]
fn the_summary_tells_of_the_commit() {
    let broker = Broker::start(1);
    let args = ["--transactional-id", "input"];
    let ran = broker.produce("t", &args, b"a\nb\n").ok();
    assert!(ran.stderr.starts_with("2 records (2 B) acknowledged by topic t in "), "{ran:?}");
    assert!(ran.stderr.ends_with("\nthe transaction was committed\n"), "{ran:?}");
    let ran = broker.produce("t", &[&args[..], &["--json"]].concat(), b"c\n").ok();
    assert_eq!(ran.json()["transaction"], "committed");
    let ran = broker.produce("t", &["--json"], b"d\n").ok();
    assert_eq!(ran.json()["transaction"], serde_json::Value::Null);
    assert_eq!(committed(&broker, 1), ["a", "b", "c", "d"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_transaction_is_not_told_as_acknowledged() {
    use nix::sys::signal::{Signal, kill};
    for json in [false, true] {
        let broker = Broker::start(1);
        let base = ["produce", "-b", &broker.address, "-t", "t", "-X", "linger.ms=0"];
        let more = ["--transactional-id", "input", "--json"];
        let more = if json { &more[..] } else { &more[..2] };
        let mut child = spawn(&[&base[..], more].concat());
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, b"one\ntwo\n").unwrap();
        broker.wait_for("t", 0, 2);
        kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        let ran = finish(child);
        drop(stdin);
        assert_eq!(ran.status, 130, "{ran:?}");
        if json {
            assert_eq!(ran.json()["transaction"], "aborted");
        } else {
            let end = "the transaction was aborted: nothing of 2 records becomes visible in t\n\
                       interrupted after line 2\n";
            assert!(ran.stderr.ends_with(end), "{ran:?}");
            assert!(!ran.stderr.contains("acknowledged"), "{ran:?}");
        }
        assert_eq!(committed(&broker, 1), [""; 0]);
    }
}

#[test]
fn a_listener_commits_after_a_number_of_records_or_never() {
    let base = ["produce", "-b", "h", "-t", "t", "--listen", "tcp:127.0.0.1:0"];
    let expected = "--listen ends with Ctrl-C, which aborts a transaction: give -c N as well, to \
                    commit after so many records";
    for id in [["--transactional-id", "x"], ["-X", "transactional.id=x"]] {
        assert_eq!(ottla(&[&base[..], &id].concat()).error(2), expected);
    }
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
