//! The npm package where it speaks to brokers itself: TLS in each runtime, logins, transactions.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use ottla_tests::certificates::Authority;
use ottla_tests::kafka::{Cluster, Door, GroupReader, NEWEST};
use ottla_tests::web::{App, Runtime};
use ottla_tests::{Scratch, budget};

const DOORS: [Door; 2] = [
    Door {
        name: "SECURE",
        protocol: "SASL_SSL",
        mechanisms: &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
        users: &["alice"],
    },
    Door {
        name: "SESSION",
        protocol: "SASL_PLAINTEXT",
        mechanisms: &["OAUTHBEARER"],
        users: &["alice"],
    },
];

/// A broker that wants TLS and a login, and the authority that its certificate is from.
struct Castle {
    kafka: Cluster,
    files: Scratch,
}

static CASTLE: LazyLock<Castle> = LazyLock::new(Castle::build);

impl Castle {
    fn build() -> Self {
        let files = Scratch::new("web-brokers");
        let authority = Authority::new("ottla test authority");
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let store = write("broker.pem", &authority.certify("broker", &["localhost"]).store());
        write("ca.pem", &authority.pem());
        let overrides = [
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", store.as_str()),
            ("listener.name.session.oauthbearer.connections.max.reauth.ms", "4000"),
        ];
        let kafka = Cluster::start_with_doors(NEWEST, 1, &overrides, &DOORS);
        Self { kafka, files }
    }

    fn at(&self, host: &str, door: &str) -> String {
        format!("{host}:{}", self.kafka.door(door))
    }

    fn authority(&self) -> String {
        self.files.path().join("ca.pem").to_str().unwrap().to_owned()
    }
}

#[test]
fn node_20_speaks_tls() {
    tls("node-20", Runtime::NODE_20);
}

#[test]
fn bun_speaks_tls() {
    tls("bun", Runtime::BUN);
}

#[test]
fn deno_speaks_tls() {
    tls("deno", Runtime::DENO);
}

fn tls(name: &str, runtime: Runtime) {
    let castle = &*CASTLE;
    let topic = format!("{name}-tls");
    castle.kafka.create_topic(&topic, 1, 1, &[]);
    let (broker, other) = (castle.at("localhost", "SECURE"), castle.at("127.0.0.1", "SECURE"));
    let said =
        App::shared().run(runtime, "tls.mjs", [broker, castle.authority(), other, topic.clone()]);
    print!("{said}");
    let stored = castle.kafka.consume_all(&topic);
    let values = stored.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap());
    assert!(values.eq((0..100).map(|index| format!("secret {index}"))));
}

/// The runtime can say that there is TLS, and its configuration whom it trusts. Why it trusts
/// somebody not it tells its own log, and the worker only that there is no connection.
#[test]
fn workerd_speaks_tls() {
    let castle = &*CASTLE;
    castle.kafka.create_topic("workerd-tls", 1, 1, &[]);
    let lines = castle.files.path().join("lines.txt");
    fs::write(&lines, "a\t1\nb\t2\nc\t3\n").unwrap();
    let (lines, authority) = (lines.to_str().unwrap(), castle.authority());
    let produce = |host: &str, more: &str, authority: &[&str]| {
        let brokers = castle.at(host, "SECURE");
        let query = format!("brokers={brokers}&topic=workerd-tls&password=alice-secret{more}");
        App::shared().run_in_workerd([&[query.as_str(), lines, "worker.mjs"], authority].concat())
    };
    produce("localhost", "", &[&authority]);
    assert_eq!(castle.kafka.consume_all("workerd-tls").len(), 3);
    let expect = "&expect=NOT_IN_METADATA";
    for error in [produce("127.0.0.1", expect, &[&authority]), produce("localhost", expect, &[])] {
        assert!(error.contains("cannot connect to the specified address"), "{error}");
    }
    assert_eq!(castle.kafka.consume_all("workerd-tls").len(), 3);
}

#[test]
fn node_20_logs_in_by_every_mechanism() {
    let castle = &*CASTLE;
    castle.kafka.create_topic("logins", 1, 1, &[]);
    let arguments = [castle.at("localhost", "SECURE"), castle.authority()];
    App::shared().run(Runtime::NODE_20, "logins.mjs", arguments);
    assert_eq!(castle.kafka.consume_all("logins").len(), 500);
}

/// KIP-368, with tokens that are fetched when a session is renewed.
#[test]
fn sessions_are_renewed_with_fresh_tokens_and_nothing_fails() {
    let castle = &*CASTLE;
    castle.kafka.create_topic("sessions", 1, 1, &[]);
    let seconds = budget::get("security.seconds").to_string();
    let arguments = [castle.at("localhost", "SESSION"), seconds];
    let sent = App::shared().run(Runtime::NODE_24, "sessions.mjs", arguments);
    let stored: i64 = castle.kafka.end_offsets("sessions").iter().sum();
    assert_eq!(sent.trim().parse(), Ok(stored));
    println!("full: {stored} records of JavaScript's over renewed sessions");
}

#[test]
fn node_24_sends_in_transactions() {
    transactions(Runtime::NODE_24);
}

#[test]
fn deno_sends_in_transactions() {
    transactions(Runtime::DENO);
}

fn transactions(runtime: Runtime) {
    let kafka = Cluster::start(NEWEST, 1, &[]);
    for topic in ["left", "right", "in"] {
        kafka.create_topic(topic, 1, 1, &[]);
    }
    for topic in ["small", "small-too"] {
        kafka.create_topic(topic, 1, 1, &[("max.message.bytes", "2000")]);
    }
    let count = budget::get("web.transactions");
    App::shared().run(runtime, "transactions.mjs", [kafka.bootstrap(), count.to_string()]);
    let committed = || (0..count).filter(|number| [0, 3].contains(&(number % 4)));
    for (topic, copies) in [("left", 1), ("right", 2)] {
        let mut seen = BTreeMap::new();
        kafka.consume_committed(topic, committed().count() as u64 * copies, |record| {
            let value = String::from_utf8(record.value.unwrap()).unwrap();
            *seen.entry(value.parse::<u64>().unwrap()).or_insert(0) += 1;
        });
        assert!(seen.into_iter().eq(committed().map(|number| (number, copies))), "{topic}");
    }
    let mut values = Vec::new();
    kafka.consume_committed("small", 2, |record| values.extend(record.value));
    assert_eq!(values, [&b"not awaited"[..], b"last"]);
    let address = kafka.address(kafka.node_ids().next().unwrap());
    let reader = GroupReader { address, group: "js-group", topic: "in", partition: 0 };
    let last = committed().rfind(|number| number % 4 == 3).unwrap();
    assert_eq!(reader.committed() as u64, last + 1);
    println!("full: {count} transactions of JavaScript's");
}
