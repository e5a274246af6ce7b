//! Why a bridge must bind producer ids to their holders (T8 of `bridge/SECURITY.md`), on a real
//! Kafka: without it a forged batch steals an acknowledgement, through it the attack is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use ottla_bridge::config::{AuthMode, SecretText};
use ottla_bridge::{Config, Running};
use ottla_bridge_protocol::{Frame, Hello, LeaseAnswer, List, Unpacker, put_stream};
use ottla_tests::Scratch;
use ottla_tests::certificates::Authority;
use ottla_tests::kafka::{Cluster, Door, Identity, NEWEST, produce_frame};

const DIRECT: (&str, i32) = ("direct", 0);
const BRIDGED: (&str, i32) = ("bridged", 0);

#[test]
fn a_forged_sequence_steals_an_acknowledgement_and_the_bridge_prevents_it() {
    let files = Scratch::new("bridge");
    let kafka = behind_a_login(&files);
    for topic in [DIRECT.0, BRIDGED.0] {
        kafka.create_topic(topic, 1, 1, &[]);
    }
    the_attack_works_on_the_broker(&kafka);
    the_bridge_refuses_it(&kafka, &files);
}

/// A producer id is no secret, and a broker asks nobody for it.
fn the_attack_works_on_the_broker(kafka: &Cluster) {
    let victim = kafka.init_producer_id();
    assert_eq!(kafka.produce_as(victim, DIRECT, 0, &["first"]), Ok(0));
    let forged = kafka.produce_as(victim, DIRECT, 1, &["forged"]);
    assert_eq!(forged, Ok(1), "anybody may go on where the victim was");
    let stolen = kafka.produce_as(victim, DIRECT, 1, &["second"]);
    assert_eq!(stolen, Ok(1), "acknowledged, as a duplicate, and not stored");
    assert_eq!(stored(kafka, DIRECT.0), ["first", "forged"]);
}

fn the_bridge_refuses_it(kafka: &Cluster, files: &Scratch) {
    let bridge = before(kafka, files);
    let address = bridge.address();
    let (victim, ticket) = lease(address);
    let (thief, thiefs_ticket) = lease(address);
    assert_ne!(victim.producer_id, thief.producer_id);
    let produce = |ticket: &[u8], identity, sequence, value| {
        let request = produce_frame(identity, BRIDGED, sequence, &[value]);
        post(address, &[ticket], &request)
    };
    assert_eq!(produce(&ticket, victim, 0, "first").0, 200);
    let Identity { producer_id, epoch } = victim;
    for (identity, sequence) in [(victim, 1), (Identity { producer_id, epoch: epoch + 1 }, 0)] {
        assert_eq!(produce(&thiefs_ticket, identity, sequence, "forged").0, 403, "{identity:?}");
    }
    assert_eq!(produce(&ticket, victim, 1, "second").0, 200);
    assert_eq!(produce(&thiefs_ticket, thief, 0, "the thief's own").0, 200);
    // Longer than a login lasts: the connections are made anew, and nobody notices.
    thread::sleep(Duration::from_secs(6));
    // What was sent again is not stored again.
    assert_eq!(produce(&ticket, victim, 1, "second").0, 200);
    assert_eq!(stored(kafka, BRIDGED.0), ["first", "second", "the thief's own"]);
}

/// A broker whose door for the bridge asks for TLS and a password, and ends a login after 4 s.
fn behind_a_login(files: &Scratch) -> Cluster {
    let authority = Authority::new("ottla test authority");
    fs::write(files.path().join("ca.pem"), authority.pem()).expect("a scratch directory");
    let store = files.path().join("broker.pem");
    let broker = authority.certify("broker", &["localhost"]);
    fs::write(&store, broker.store()).expect("a scratch directory");
    let overrides = [
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.location", store.to_str().expect("a plain path")),
        ("listener.name.secure.scram-sha-512.connections.max.reauth.ms", "4000"),
    ];
    let door = Door {
        name: "SECURE",
        protocol: "SASL_SSL",
        mechanisms: &["SCRAM-SHA-512"],
        users: &["bridge"],
    };
    Cluster::start_with_doors(NEWEST, 1, &overrides, &[door])
}

fn before(kafka: &Cluster, files: &Scratch) -> Running {
    let mut config = Config::default();
    config.listen.address.set_port(0);
    config.admin.enabled = false;
    config.kafka.bootstrap = vec![format!("localhost:{}", kafka.door("SECURE"))];
    config.kafka.security_protocol = "SASL_SSL".to_owned();
    config.kafka.ca = Some(files.path().join("ca.pem"));
    config.kafka.sasl_mechanism = Some("SCRAM-SHA-512".to_owned());
    config.kafka.username = Some("bridge".to_owned());
    config.kafka.password = Some(SecretText::new("bridge-secret"));
    config.auth.mode = AuthMode::None;
    // The test's batches are from 2023.
    config.limits.timestamp_past_s = 0;
    Running::start(config).expect("a port and a runtime")
}

/// Asks for a lease.
fn lease(address: SocketAddr) -> (Identity, Vec<u8>) {
    let (status, body) = post(address, &[], &[]);
    assert_eq!(status, 200);
    let mut frames = Unpacker::new(&body).expect("a reply");
    let Ok(Some(Frame::Welcome(welcome))) = frames.next_frame() else { panic!("no WELCOME") };
    let Some(LeaseAnswer::Granted(lease)) = welcome.leases.iter().next() else {
        panic!("no lease: {welcome:?}")
    };
    let (producer_id, epoch) = (lease.producer_id, lease.epoch);
    (Identity { producer_id, epoch }, lease.ticket.to_vec())
}

/// Sends a one-shot request; returns its status and the reply's body.
fn post(address: SocketAddr, tickets: &[&[u8]], requests: &[u8]) -> (u16, Vec<u8>) {
    let wants_lease = tickets.is_empty();
    let hello = Hello { wants_lease, tickets: List::new(tickets), ..Hello::default() };
    let mut body = Vec::new();
    Frame::Hello(hello).encode(&mut body).expect("a small HELLO");
    put_stream(requests, &mut body).expect("any bytes");
    let head = format!(
        "POST /v1/produce HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\
         Content-Type: application/vnd.ottla.v1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).expect("the bridge listens");
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("the bridge reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the bridge answers");
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    let status = String::from_utf8_lossy(&answer[9..12]).parse().expect("a status");
    (status, answer.split_off(end))
}

/// Every value in the log, in order.
fn stored(kafka: &Cluster, topic: &str) -> Vec<String> {
    let records = kafka.consume_all(topic).into_iter();
    let values = records.map(|record| record.value.expect("every record has a value"));
    values.map(|value| String::from_utf8(value).expect("text")).collect()
}
