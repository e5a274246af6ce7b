//! Whatever is wrong is one line that says what to do, and the right exit status.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use common::{Broker, Folder, ottla, ottla_with, spawn};
use ottla_sim::cluster::AutoCreate;

/// An address where nobody listens.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that answers every connection with `answer` and then waits.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer);
                let _ = stream.read(&mut [0; 1024]);
            });
        }
    });
    address
}

#[test]
fn wrong_flags_are_usage_errors() {
    let cases: [(&[&str], &str); 9] = [
        (
            &["produce", "-b", "h", "-t", "t", "--topik"],
            "unexpected argument '--topik' found; tip: a similar argument exists: '--topic' (see --help)",
        ),
        (
            &["produce", "-b", "h"],
            "the following required arguments were not provided: --topic <TOPIC> (see --help)",
        ),
        (
            &["produce", "-t", "t"],
            "no brokers: name them with -b HOST:PORT, or try 'ottla quickstart'",
        ),
        (
            &["produce", "-b", "h", "-t", "t", "-D", ""],
            "invalid value '' for '--delimiter <DELIM>': a delimiter needs at least one byte (see --help)",
        ),
        (
            &["produce", "-b", "h", "-t", "t", "-H", "=x"],
            "invalid value '=x' for '--header <NAME=VALUE>': expected NAME=VALUE or NAME (see --help)",
        ),
        (&["produce", "-b", "h", "-t", "t", "-X", "linger"], "expected KEY=VALUE, not 'linger'"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate' (see --help)"),
        (
            &[
                "perf",
                "--topic",
                "t",
                "--num-records",
                "5",
                "--record-size",
                "5",
                "--throughput",
                "0",
                "-b",
                "h",
            ],
            "--throughput must be a number of records per second, or -1 for no limit",
        ),
        (
            &[
                "perf",
                "--topic",
                "t",
                "--num-records",
                "5",
                "--record-size",
                "5",
                "--throughput",
                "-1",
                "--warmup-records",
                "5",
                "-b",
                "h",
            ],
            "--warmup-records must be less than --num-records",
        ),
    ];
    for (args, message) in cases {
        assert_eq!(ottla(args).error(2), message, "{args:?}");
    }
}

#[test]
fn wrong_configuration_is_a_usage_error() {
    let base = ["produce", "-b", "localhost:1", "-t", "t"];
    let error = |args: &[&str]| ottla(&[&base[..], args].concat()).error(2).to_owned();
    assert_eq!(
        error(&["-X", "linger.mss=5"]),
        "unknown configuration linger.mss; did you mean linger.ms?"
    );
    assert_eq!(
        error(&["-z", "rar"]),
        "invalid value \"rar\" for configuration compression.type: expected none, gzip, snappy, lz4 or zstd"
    );
    assert!(error(&["-X", "acks=2"]).contains("acks"));
    assert!(error(&["-X", "acks=1", "-X", "enable.idempotence=true"]).contains("acks"));
    let folder = Folder::new();
    let file = folder.file("bad.properties", "linger.ms=5\n\n = no key\n");
    assert_eq!(error(&["-F", &file]), format!("{file}:3: expected KEY=VALUE"));
    let file = folder.file("bad.properties", "linger.ms=5\n\nclient.id=\\u12\n");
    let expected = format!("{file}:3: \\u needs four hexadecimal digits");
    assert_eq!(error(&["-F", &file]), expected);
    let missing = folder.path("missing");
    let expected = format!("cannot read {missing}: no such file or directory");
    assert_eq!(error(&["-F", &missing]), expected);
}

#[test]
fn files_that_cannot_be_read_stop_it_before_anything_is_sent() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let (good, missing) = (folder.file("good", "x\n"), folder.path("missing"));
    let ran = broker.produce("t", &[&good, &missing], b"");
    assert_eq!(ran.error(1), format!("cannot read {missing}: no such file or directory"));
    let inside = folder.path("");
    let ran = broker.produce("t", &[&good, &inside], b"");
    assert_eq!(ran.error(1), format!("{inside} is a folder; name the files in it"));
    assert!(broker.broker.cluster().topics().next().is_none());
}

#[test]
fn a_refused_connection_is_warned_about_and_then_fails() {
    let address = closed_port();
    let args = ["produce", "-b", &address, "-t", "t", "-X", "max.block.ms=700"];
    let ran = ottla_with(&args, b"x\ny\n");
    let error = ran.error(1);
    assert!(error.starts_with("line 1: topic t not present in metadata after 7"), "{error}");
    assert!(
        error.contains(&format!("last error: {address}")) && error.contains("connection refused"),
        "{error}"
    );
    assert!(error.ends_with("; nothing after it was sent"), "{error}");
    let warning = ran.stderr.lines().next().unwrap();
    assert!(warning.starts_with("ottla: warning: ") && warning.contains("connection refused"));
    assert!(warning.ends_with("; trying again"), "{warning}");
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let args = ["produce", "-b", "no-such-host.invalid", "-t", "t", "-X", "max.block.ms=700"];
    let ran = ottla_with(&args, b"x\n");
    let error = ran.error(1);
    assert!(error.contains("cannot resolve no-such-host.invalid"), "{error}");
}

#[test]
fn a_server_that_is_no_kafka_is_said_to_be_none() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x7f\xff\xff\xffgarbage"] {
        let address = server(answer);
        let args = ["produce", "-b", &address, "-t", "t", "-X", "max.block.ms=700"];
        let ran = ottla_with(&args, b"x\n");
        let error = ran.error(1);
        assert!(error.contains("last error: ") && error.contains(&address), "{error}");
    }
}

#[test]
fn an_unknown_topic_fails_where_topics_are_not_created() {
    let broker = Broker::start(1);
    broker.broker.cluster().config_mut().auto_create = AutoCreate::Never;
    let ran = broker.produce("nowhere", &["-X", "max.block.ms=500"], b"x\n");
    let error = ran.error(1);
    assert!(error.starts_with("line 1: topic nowhere not present in metadata after 5"), "{error}");
}

#[test]
fn a_partition_out_of_range_is_said_at_once() {
    let broker = Broker::start(3);
    let ran = broker.produce("t", &["-p", "3"], b"x\n");
    assert_eq!(ran.error(1), "partition 3 does not exist: topic t has 3 (0 to 2)");
    let ran = broker.produce("t", &["-p", "-2"], b"x\n");
    assert!(ran.error(2).contains("-2 is not in -1.."), "{ran:?}");
}

#[test]
fn a_name_that_no_topic_can_have_is_refused_with_the_flags() {
    for name in ["", ".", "no/slashes"] {
        let commands: [&[&str]; 4] = [
            &["produce", "-b", "h", "-t"],
            &["read", "-b", "h", "-t"],
            &["check", "-b", "h", "-t"],
            &["perf", "-b", "h", "--num-records", "1", "--payload-monotonic", "--topic"],
        ];
        for command in commands {
            let ran = ottla(&[command, &[name]].concat());
            let expected = format!(
                "invalid value '{name}' for '--topic <TOPIC>': a topic's name is 1 to 249 ASCII \
                 letters, digits, '.', '_' and '-' (see --help)"
            );
            assert_eq!(ran.error(2), expected, "{command:?}");
        }
    }
}

#[test]
fn only_errors_are_told_where_it_shall_be_quiet() {
    let address = closed_port();
    let args = ["produce", "-b", &address, "-t", "t", "-X", "max.block.ms=700", "-q"];
    let ran = ottla_with(&args, b"x\n");
    assert!(ran.error(1).starts_with("line 1: topic t not present"), "{ran:?}");
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
}

#[test]
fn the_quickstart_needs_a_line() {
    let folder = Folder::new();
    for file in [folder.file("empty", ""), folder.file("blank", "\n\n")] {
        assert_eq!(
            ottla(&["quickstart", &file]).error(1),
            format!("{file}: the file has no lines")
        );
    }
}

#[test]
fn nodes_need_ports() {
    let expected =
        "3 nodes need the ports from 65534 on, and 65535 is the last: choose a lower --port";
    assert_eq!(ottla(&["dev", "--port", "65534", "--nodes", "3"]).error(2), expected);
}

#[test]
fn a_folder_that_cannot_keep_topics_is_named() {
    let folder = Folder::new();
    let inside = format!("{}/data", folder.file("file", "x"));
    let expected = format!("cannot keep topics in {inside}: not a directory");
    assert_eq!(ottla(&["dev", "--port", "0", "--data", &inside]).error(1), expected);
}

#[test]
fn a_folder_of_topics_belongs_to_one_broker_at_a_time() {
    let folder = Folder::new();
    let data = folder.path("data");
    let args = ["dev", "--port", "0", "--data", &data];
    let mut first = spawn(&args);
    let mut welcome = String::new();
    BufReader::new(first.stdout.as_mut().unwrap()).read_line(&mut welcome).unwrap();
    assert!(welcome.starts_with("ottla dev broker listening on "), "{welcome}");
    let expected = format!("cannot keep topics in {data}: another dev broker does");
    assert_eq!(ottla(&args).error(1), expected);
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = spawn(&args);
    let mut welcome = String::new();
    BufReader::new(second.stdout.as_mut().unwrap()).read_line(&mut welcome).unwrap();
    assert!(welcome.starts_with("ottla dev broker listening on "), "{welcome}");
    second.kill().unwrap();
    second.wait().unwrap();
}
