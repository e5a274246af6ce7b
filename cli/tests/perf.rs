//! `ottla perf`: Kafka's lines, the JSON object, and that what it says it sent is there.

mod common;

use common::{Broker, Folder, Ran, ottla};

fn perf(broker: &Broker, args: &[&str]) -> Ran {
    let base = ["perf", "--topic", "t", "--bootstrap-server", &broker.address];
    ottla(&[&base[..], args].concat())
}

/// Whether `line` is `pattern`, in which `#` stands for a number.
fn matches(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    for (index, text) in pattern.split('#').enumerate() {
        if index > 0 {
            let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if number == 0 {
                return false;
            }
            rest = &rest[number..];
        }
        match rest.strip_prefix(text) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

const WINDOW: &str =
    "# records sent, #.# records/sec (#.# MB/sec), #.# ms avg latency, #.# ms max latency.";

fn total(state: &str) -> String {
    format!(
        "#{state} records sent, #.# records/sec (#.# MB/sec), #.# ms avg latency, #.# ms max latency, \
         # ms 50th, # ms 95th, # ms 99th, # ms 99.9th."
    )
}

#[test]
fn the_lines_are_those_of_kafkas_tool() {
    let broker = Broker::start(2);
    let args = ["--num-records", "20000", "--record-size", "100", "--throughput", "-1"];
    let more = ["--command-property", "linger.ms=1", "batch.size=65536"];
    let ran = perf(&broker, &[&args[..], &more[..]].concat()).ok();
    assert!(matches(ran.stdout.trim_end(), &total("")), "{ran:?}");
    assert!(ran.stdout.starts_with("20000 records sent, "), "{ran:?}");
    let records: Vec<_> = (0..2).flat_map(|partition| broker.values("t", partition)).collect();
    assert_eq!(records.len(), 20_000);
    assert!(records.iter().all(|value| value.len() == 100));
    assert!(records.iter().all(|value| value.bytes().all(|byte| byte.is_ascii_uppercase())));
}

#[test]
fn windows_and_steady_state() {
    let broker = Broker::start(1);
    let args = ["--num-records", "600", "--record-size", "10", "--throughput", "1000"];
    let more = ["--reporting-interval", "200", "--warmup-records", "200"];
    let ran = perf(&broker, &[&args[..], &more[..]].concat()).ok();
    let lines: Vec<_> = ran.stdout.lines().collect();
    let warmup = "Warmup first 200 records. Steady state results will print after the complete test summary.";
    assert_eq!(lines[0], warmup);
    let steady = lines.iter().position(|line| *line == "In steady state.").unwrap();
    assert!(matches(lines[steady + 1], WINDOW), "{ran:?}");
    assert!(matches(lines[lines.len() - 2], &total("")), "{ran:?}");
    assert!(matches(lines[lines.len() - 1], &total(" steady state")), "{ran:?}");
    assert!(lines[lines.len() - 1].starts_with("400 steady state records sent, "), "{ran:?}");
}

#[test]
fn the_json_object_has_all_that_was_promised() {
    let broker = Broker::start(3);
    let args = ["--num-records", "30001", "--payload-monotonic", "--throughput", "-1"];
    let ran = perf(&broker, &[&args[..], &["--threads", "3", "--json"]].concat()).ok();
    let json = ran.json();
    let mut names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "cpu_system_s",
        "cpu_user_s",
        "elapsed_s",
        "errors",
        "latency_us",
        "max_rss_bytes",
        "megabytes_per_s",
        "records",
        "records_per_s",
    ];
    assert_eq!(names, expected);
    assert_eq!((&json["records"], &json["errors"]), (&30_001.into(), &0.into()));
    for name in ["p50", "p90", "p99", "p999", "max"] {
        assert!(json["latency_us"][name].as_u64().unwrap() > 0, "{json}");
    }
    assert!(json["max_rss_bytes"].as_u64().unwrap() > 1 << 20, "{json}");
    assert!(json["cpu_user_s"].as_f64().unwrap() + json["cpu_system_s"].as_f64().unwrap() > 0.0);
    let mut numbers: Vec<u64> = (0..3)
        .flat_map(|partition| broker.values("t", partition))
        .map(|value| value.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..30_001));
}

#[test]
fn one_record_at_a_time() {
    let broker = Broker::start(1);
    let args = ["--num-records", "50", "--record-size", "10", "--throughput", "-1"];
    let more = ["--await-each", "--json", "--command-property", "linger.ms=0"];
    let json = perf(&broker, &[&args[..], &more[..]].concat()).ok().json();
    assert_eq!(json["records"], 50);
    let batches = broker.broker.cluster().batches("t", 0, 0, usize::MAX).unwrap();
    assert_eq!(batches.len(), 50);
}

#[test]
fn payloads_of_a_file() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let file = folder.file("payloads", "one||two||three");
    let args = ["--num-records", "200", "--payload-file", &file, "--payload-delimiter", "||"];
    let more = ["--throughput", "-1", "--print-metrics"];
    let ran = perf(&broker, &[&args[..], &more[..]].concat()).ok();
    assert!(ran.stdout.starts_with(&format!(
        "Reading payloads from: {file}\nNumber of messages read: 3\n200 records sent, "
    )));
    let metric = "producer-metrics:record-send-total:{client-id=perf-producer-client}";
    let line = ran.stdout.lines().find(|line| line.starts_with(metric)).unwrap();
    assert!(line.ends_with(" : 200.000"), "{line}");
    let mut values = broker.values("t", 0);
    assert_eq!(values.len(), 200);
    values.sort_unstable();
    values.dedup();
    assert_eq!(values, ["one", "three", "two"]);
}

#[test]
fn what_fails_is_counted_and_told() {
    let broker = Broker::start(1);
    let args = ["--num-records", "10", "--record-size", "5000", "--throughput", "-1", "--json"];
    let ran = perf(&broker, &[&args[..], &["-X", "max.request.size=1000"]].concat());
    assert!(ran.error(1).contains("more than max.request.size = 1000"), "{ran:?}");
    assert_eq!((&ran.json()["records"], &ran.json()["errors"]), (&0.into(), &10.into()));
}

#[test]
fn a_cluster_that_is_not_there_ends_all_threads() {
    let args = ["perf", "--topic", "t", "--bootstrap-server", "127.0.0.1:1", "--throughput", "-1"];
    let more = ["--num-records", "10", "--record-size", "5", "--threads", "4"];
    let ran = ottla(&[&args[..], &more[..], &["-X", "max.block.ms=300"]].concat());
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("connection refused"), "{ran:?}");
}
