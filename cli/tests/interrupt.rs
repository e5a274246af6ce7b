//! Ctrl-C: what was read is delivered, then it ends with 130.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Broker, finish, spawn};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[test]
fn what_was_read_is_delivered_while_more_input_is_awaited() {
    for sign in [Signal::SIGINT, Signal::SIGTERM] {
        let broker = Broker::start(1);
        let mut child = spawn(&["produce", "-b", &broker.address, "-t", "t", "-X", "linger.ms=0"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"one\ntwo\nincomplete").unwrap();
        broker.wait_for("t", 0, 2);
        signal(&child, sign);
        let ran = finish(child);
        drop(stdin);
        assert_eq!(ran.status, 130, "{ran:?}");
        assert!(ran.stderr.contains("2 records (6 B) acknowledged by topic t"), "{ran:?}");
        assert!(ran.stderr.ends_with("interrupted after line 2\n"), "{ran:?}");
        assert_eq!(broker.values("t", 0), ["one", "two"]);
    }
}

#[test]
fn lingering_records_are_not_lost() {
    let broker = Broker::start(1);
    let args = ["produce", "-b", &broker.address, "-t", "t", "-X", "linger.ms=60000", "--json"];
    let mut child = spawn(&args);
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = (0..1000).map(|line| format!("{line}\n")).collect::<String>().into_bytes();
    lines.resize(lines.len() + 64, b'\n');
    stdin.write_all(&lines).unwrap();
    // It has read them when it has asked for the topic.
    let deadline = Instant::now() + Duration::from_secs(20);
    while broker.broker.cluster().topics().next().is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, Signal::SIGINT);
    let ran = finish(child);
    assert_eq!(ran.status, 130, "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["acknowledged"], &json["interrupted"]), (&1000.into(), &true.into()));
    assert_eq!(broker.values("t", 0).len(), 1000);
}

#[test]
fn a_wait_for_brokers_that_never_answer_can_be_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut child = spawn(&["produce", "-b", &address, "-t", "t"]);
    child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    // It is connected, and waits for an answer.
    let _held = silent.accept().unwrap();
    let start = Instant::now();
    signal(&child, Signal::SIGINT);
    let ran = finish(child);
    assert_eq!(ran.status, 130, "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{ran:?}");
    assert!(ran.stderr.contains("interrupted before the first record"), "{ran:?}");
}

#[test]
fn perf_prints_what_it_has_measured_so_far() {
    let broker = Broker::start(1);
    let args = ["perf", "--topic", "t", "--num-records", "1000000", "--record-size", "10"];
    let more = ["--throughput", "100", "--bootstrap-server", &broker.address];
    let child = spawn(&[&args[..], &more[..]].concat());
    broker.wait_for("t", 0, 5);
    signal(&child, Signal::SIGINT);
    let ran = finish(child);
    assert_eq!(ran.status, 130, "{ran:?}");
    let sent: u64 = ran.stdout.split(' ').next().unwrap().parse().unwrap();
    assert!((5..10_000).contains(&sent), "{ran:?}");
}

#[test]
fn the_dev_broker_stops() {
    let mut child = spawn(&["dev", "--port", "0"]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ottla dev broker listening on 127.0.0.1:"), "{line}");
    signal(&child, Signal::SIGINT);
    assert_eq!(finish(child).status, 0);
}
