//! `-X list`: what can be configured.

mod common;

use common::{ottla, ottla_with};
use ottla_core::config::keys;

#[test]
fn every_key_is_listed_by_every_command_that_takes_them() {
    let commands: [&[&str]; 6] = [
        &["produce", "-X", "list"],
        &["produce", "-b", "h", "-t", "t", "-X", "acks=1", "-Xlist"],
        &["check", "--property", "list"],
        &["read", "-X=list"],
        &["perf", "-X", "list"],
        &["perf", "--topic", "t", "--command-property", "acks=1", "list"],
    ];
    for command in commands {
        let ran = ottla(command).ok();
        assert_eq!(ran.stderr, "", "{command:?}");
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), keys().len(), "{command:?}: {ran:?}");
        for (line, key) in lines.iter().zip(keys()) {
            assert!(line.starts_with(&format!("{} ", key.name)), "{line}");
            assert!(line.contains(key.doc) && line.contains(key.default), "{line}");
        }
    }
}

#[test]
fn the_list_is_an_array_where_json_is_asked_for() {
    for command in ["produce", "perf", "check", "read"] {
        let json = ottla(&[command, "--json", "-X", "list"]).ok().json();
        assert_eq!(json.as_array().unwrap().len(), keys().len());
        let of = |name: &str| {
            let mut objects = json.as_array().unwrap().iter();
            objects.find(|object| object["key"] == name).unwrap().clone()
        };
        assert_eq!(of("linger.ms")["default"], "5");
        assert_eq!(of("linger.ms")["description"], "how long a batch waits for more records");
        assert_eq!(of("bootstrap.servers")["default"], serde_json::Value::Null);
    }
}

#[test]
fn a_topic_or_a_file_may_be_called_list() {
    let ran = ottla_with(&["produce", "-t", "list", "list"], b"");
    assert_eq!(ran.error(1), "cannot read list: no such file or directory");
}
