//! `ottla produce`: what reaches the log, and what is told about it.

mod common;

use common::{Broker, Folder, ottla_with};
use kafka_protocol::ResponseError;
use ottla_sim::cluster::ProduceFault;

fn pair(key: &str, value: &str) -> (Option<String>, Option<String>) {
    (Some(key.into()), Some(value.into()))
}

#[test]
fn lines_become_records_in_order_and_the_summary_counts_them() {
    let broker = Broker::start(1);
    let ran = broker.produce("t", &[], b"one\ntwo\n\nthree").ok();
    assert_eq!(broker.values("t", 0), ["one", "two", "three"]);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("3 records (11 B) acknowledged by topic t in "), "{ran:?}");
    assert!(ran.stderr.contains("1 empty record skipped"), "{ran:?}");
}

#[test]
fn json_is_one_object_with_all_counts() {
    let broker = Broker::start(3);
    let input: String = (0..1000).map(|line| format!("key-{}:{line}\n", line % 7)).collect();
    let ran = broker.produce("t", &["-K", ":", "--json"], input.as_bytes()).ok();
    let json = ran.json();
    assert_eq!(json["records"], 1000);
    assert_eq!(json["acknowledged"], 1000);
    assert_eq!(json["failed"], 0);
    assert_eq!(json["failures"].as_array().unwrap().len(), 0);
    assert_eq!(json["errors"].as_object().unwrap().len(), 0);
    assert_eq!(json["bytes"], input.len() - 2 * 1000);
    assert_eq!(json["error"], serde_json::Value::Null);
    assert!(json["latency_us"]["p99"].as_u64() >= json["latency_us"]["p50"].as_u64());
    assert!(json["latency_us"]["p50"].as_u64().unwrap() > 0);
    assert!(json["records_per_s"].as_f64().unwrap() > 0.0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn keys_are_split_at_the_first_delimiter() {
    let broker = Broker::start(1);
    let args = ["-K", "\\t", "-D", "\\x01"];
    broker.produce("t", &args, b"a\tb\tc\x01no key\x01\tempty key\x01d\t\x01").ok();
    let none = (None, Some("no key".to_owned()));
    assert_eq!(
        broker.texts("t", 0),
        [pair("a", "b\tc"), none, pair("", "empty key"), pair("d", "")]
    );
}

#[test]
fn empty_parts_are_null_and_missing_keys_are_filled_in_where_asked() {
    let broker = Broker::start(1);
    broker.produce("t", &["-K:", "-Z", "-k", "fixed"], b"a:\n:b\nc\n").ok();
    assert_eq!(
        broker.texts("t", 0),
        [(Some("a".into()), None), pair("fixed", "b"), pair("fixed", "c")]
    );
}

#[test]
fn headers_and_the_codec_are_on_every_record() {
    let broker = Broker::start(1);
    let args = ["-H", "source=test=1", "-H", "flag", "-z", "gzip"];
    let line = "compressible ".repeat(50);
    broker.produce("t", &args, format!("{line}\n{line}\n").as_bytes()).ok();
    let records = broker.records("t", 0);
    assert_eq!(records.len(), 2);
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(headers, [("source", Some(&b"test=1"[..])), ("flag", None)]);
        assert_eq!(format!("{:?}", record.codec), "Gzip");
    }
}

#[test]
fn files_are_read_one_after_the_other_and_the_dash_is_standard_input() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let (first, last) = (folder.file("first", "1\n2"), folder.file("last", "4\n"));
    broker.produce("t", &[&first, "-", &last], b"3\n").ok();
    assert_eq!(broker.values("t", 0), ["1", "2", "3", "4"]);
}

#[test]
fn whole_files_are_one_record_each() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let (first, second) = (folder.file("first", "1\n2\n"), folder.file("second", "3"));
    let empty = folder.file("empty", "");
    broker.produce("t", &["--whole-files", &first, &empty, &second], b"").ok();
    assert_eq!(broker.values("t", 0), ["1\n2\n", "3"]);
}

#[test]
fn the_partition_the_count_and_the_copy() {
    let broker = Broker::start(4);
    let ran = broker.produce("t", &["-p", "2", "-c", "2", "-T", "-q"], b"a\nb\nc\n").ok();
    assert_eq!(broker.values("t", 2), ["a", "b"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("a\nb\n", ""));
}

#[test]
fn a_properties_file_is_read_and_flags_win() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let config = folder.file(
        "client.properties",
        "# brokers\nbootstrap.servers=nowhere.invalid\\:1\nlinger.ms = 0\ncompression.type=gzip\n",
    );
    let address = format!("bootstrap.servers={}", broker.address);
    let args = ["produce", "-F", &config, "-X", &address, "-t", "t", "-z", "none"];
    ottla_with(&args, b"x\n").ok();
    assert_eq!(format!("{:?}", broker.records("t", 0)[0].codec), "None");
}

#[test]
fn kcats_own_flags_are_accepted() {
    let broker = Broker::start(1);
    broker.produce("t", &["-P", "-e", "-l", "-p", "-1"], b"x\n").ok();
    assert_eq!(broker.values("t", 0), ["x"]);
}

#[test]
fn more_than_the_buffer_holds_goes_through_it() {
    let broker = Broker::start(2);
    let input: String = (0..200_000).map(|line| format!("{}:{line}\n", line % 100)).collect();
    let args = ["-K:", "-X", "buffer.memory=65536", "--json"];
    let ran = broker.produce("t", &args, input.as_bytes()).ok();
    assert_eq!(ran.json()["acknowledged"], 200_000);
    let mut stored = 0;
    for partition in 0..2 {
        let mut last = vec![None; 100];
        for (key, value) in broker.texts("t", partition) {
            let (key, value): (usize, u64) =
                (key.unwrap().parse().unwrap(), value.unwrap().parse().unwrap());
            assert!(last[key].replace(value) < Some(value), "key {key} is out of order");
            stored += 1;
        }
    }
    assert_eq!(stored, 200_000);
}

#[test]
fn an_overlong_line_fails_alone() {
    let broker = Broker::start(1);
    let mut input = b"first\n".to_vec();
    input.extend(vec![b'x'; 5_000_000]);
    input.extend(b"\nlast\n");
    let args = ["-X", "max.request.size=100000"];
    let ran = broker.produce("t", &args, &input);
    assert_eq!(ran.status, 1, "{ran:?}");
    let error = "ottla: error: line 2: up to the next delimiter there are 5000000 bytes, more than max.request.size = 100000: raise max.request.size or send less";
    assert_eq!(ran.stderr.lines().next(), Some(error));
    assert!(ran.stderr.ends_with("1 failed: 1 RECORD_TOO_LARGE\n"), "{ran:?}");
    assert_eq!(broker.values("t", 0), ["first", "last"]);
}

#[test]
fn a_file_that_is_too_large_to_be_one_record_is_called_a_file() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let file = folder.file("large", vec![b'x'; 5000]);
    let args = ["--whole-files", "-X", "max.request.size=1000", &file];
    let expected = "line 1: the file has 5000 bytes, more than max.request.size = 1000: raise max.request.size or send less";
    assert_eq!(broker.produce("t", &args, b"").error(1), expected);
}

#[test]
fn one_record_is_no_plural() {
    let broker = Broker::start(1);
    let ran = broker.produce("t", &[], b"one\n").ok();
    assert!(ran.stderr.starts_with("1 record (3 B) acknowledged by topic t in "), "{ran:?}");
}

#[test]
fn javas_property_files_are_read() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let config = folder.file(
        "client.properties",
        format!(
            "\u{feff}! brokers\r\nbootstrap.servers : \\\n    nowhere.invalid\\:1,\\\n    {}\n\
             compression.type\tgz\\u0069p\n",
            broker.address
        ),
    );
    ottla_with(&["produce", "-F", &config, "-t", "t"], &[b'x'; 1000]).ok();
    assert_eq!(format!("{:?}", broker.records("t", 0)[0].codec), "Gzip");
}

#[test]
fn a_record_just_over_the_limit_is_the_producers_own_error() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let long = folder.file("long", "x".repeat(999));
    let short = folder.file("short", "y");
    let args = ["-X", "max.request.size=1000", "--json", &long, &short];
    let ran = broker.produce("t", &args, b"");
    assert_eq!(ran.status, 1, "{ran:?}");
    let json = ran.json();
    assert_eq!(json["errors"]["RECORD_TOO_LARGE"], 1);
    assert_eq!(json["failures"][0]["file"], long);
    assert_eq!(json["failures"][0]["line"], 1);
    assert!(ran.stderr.starts_with(&format!("ottla: error: {long}:1: the record is ")), "{ran:?}");
    assert_eq!(broker.values("t", 0), ["y"]);
}

#[test]
fn what_the_broker_refuses_is_told_by_line_twenty_times_and_then_counted() {
    let broker = Broker::start(1);
    broker.broker.cluster().create_topic("t", 1, std::time::Duration::ZERO).unwrap();
    let refuse = || {
        let fault = ProduceFault::Refuse(ResponseError::TopicAuthorizationFailed);
        broker.broker.cluster().faults().next_produce("t", 0, fault);
    };
    let input: String = (1..=30).map(|line| format!("line {line}\n")).collect();
    let args = ["-X", "linger.ms=1000", "-X", "enable.idempotence=false"];

    refuse();
    let ran = broker.produce("t", &args, input.as_bytes());
    assert_eq!(ran.status, 1, "{ran:?}");
    let errors: Vec<_> =
        ran.stderr.lines().filter(|line| line.starts_with("ottla: error: line ")).collect();
    assert_eq!(errors.len(), 20);
    assert!(errors[0].starts_with("ottla: error: line 1: "), "{errors:?}");
    assert!(errors[19].starts_with("ottla: error: line 20: "), "{errors:?}");
    let count = "30 failed: 30 TOPIC_AUTHORIZATION_FAILED (10 not shown above; see -v or --json)";
    assert_eq!(ran.stderr.lines().last(), Some(count));

    refuse();
    let ran = broker.produce("t", &[&args[..], &["-v"]].concat(), input.as_bytes());
    assert!(ran.stderr.contains("ottla: error: line 30: "), "{ran:?}");

    refuse();
    let ran = broker.produce("t", &[&args[..], &["--json"]].concat(), input.as_bytes());
    let json = ran.json();
    assert_eq!((ran.status, &json["failed"]), (1, &30.into()));
    let lines = json["failures"].as_array().unwrap().iter().map(|failure| &failure["line"]);
    assert!(lines.eq((1..=30).collect::<Vec<_>>().iter()), "{json}");
}

#[test]
fn retries_are_counted_and_invisible_otherwise() {
    let broker = Broker::start(1);
    broker.broker.cluster().create_topic("t", 1, std::time::Duration::ZERO).unwrap();
    let fault = ProduceFault::Refuse(ResponseError::NotEnoughReplicas);
    broker.broker.cluster().faults().next_produce("t", 0, fault);
    let ran = broker.produce("t", &["--json", "-X", "linger.ms=200"], b"a\nb\n").ok();
    assert_eq!(ran.json()["retries"], 2);
    assert_eq!(broker.values("t", 0), ["a", "b"]);
}

#[test]
fn vv_tells_what_happens_to_connections_leaders_and_batches() {
    let broker = Broker::start(1);
    broker.broker.cluster().create_topic("t", 1, std::time::Duration::ZERO).unwrap();
    let fault = ProduceFault::Refuse(ResponseError::NotLeaderOrFollower);
    broker.broker.cluster().faults().next_produce("t", 0, fault);
    let ran = broker.produce("t", &["-vv"], b"a").ok();
    let words = [
        "connecting to 127.0.0.1:",
        "t-0: leader is node 1, leader epoch 0",
        "producer id 0, epoch 0",
        "t-0: 1 records again in ",
        "NOT_LEADER_OR_FOLLOWER",
    ];
    let lines = ran.stderr.lines().filter(|line| line.starts_with("ottla: debug: "));
    let lines = lines.collect::<Vec<_>>().join("\n");
    assert!(words.iter().all(|word| lines.contains(word)), "{ran:?}");
    assert!(!lines.contains("acknowledged"), "a line per batch takes -vvv: {ran:?}");
    let ran = broker.produce("t", &["-vvv"], b"b").ok();
    assert!(ran.stderr.contains(" s: t-0: 1 records acknowledged, offset 1\n"), "{ran:?}");
}
