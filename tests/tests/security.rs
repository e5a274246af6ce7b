//! TLS and logins against a real Kafka: every way in leads to records that read back identical, and
//! each thing that is wrong gets one clear error at once.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64ct::{Base64UrlUnpadded, Encoding};
use ottla::{Delivery, Producer, Record, StartError};
use ottla_tests::certificates::Authority;
use ottla_tests::command::ottla;
use ottla_tests::kafka::{Cluster, Door, NEWEST};
use ottla_tests::{Scratch, budget};

/// An error has to be told within this.
const AT_ONCE: Duration = Duration::from_secs(20);

const DOORS: [Door; 4] = [
    Door {
        name: "SECURE",
        protocol: "SASL_SSL",
        mechanisms: &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
        users: &["alice", "bob"],
    },
    Door::tls("MUTUAL"),
    Door::tls("EXPIRED"),
    Door {
        name: "SESSION",
        protocol: "SASL_PLAINTEXT",
        mechanisms: &["SCRAM-SHA-512"],
        users: &["alice"],
    },
];

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required";

type Properties = Vec<(String, String)>;

/// A broker with a door for each kind of guest, and the files that guests need.
struct Castle {
    kafka: Cluster,
    files: Scratch,
}

static CASTLE: LazyLock<Castle> = LazyLock::new(Castle::build);

impl Castle {
    fn build() -> Self {
        let (files, session) = (Scratch::new("security"), budget::get("security.session_ms"));
        let session = session.to_string();
        let authority = Authority::new("ottla test authority");
        let broker = authority.certify("broker", &["localhost"]);
        let expired = authority.certify_expired("broker", &["localhost"]);
        let client = authority.certify("client", &[]);
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let trust = write("ca.pem", &authority.pem());
        let store = write("broker.pem", &broker.store());
        let expired = write("expired.pem", &expired.store());
        write("client.pem", &client.store());
        write("other-ca.pem", &Authority::new("somebody else").pem());
        let overrides = [
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &store),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", &trust),
            ("listener.name.expired.ssl.keystore.type", "PEM"),
            ("listener.name.expired.ssl.keystore.location", &expired),
            ("listener.name.mutual.ssl.client.auth", "required"),
            ("listener.name.secure.ssl.client.auth", "required"),
            ("listener.name.session.scram-sha-512.connections.max.reauth.ms", &session),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
            ("super.users", "User:ANONYMOUS;User:alice;User:CN=client"),
        ];
        let count = budget::get("security.brokers") as usize;
        let kafka = Cluster::start_with_doors(NEWEST, count, &overrides, &DOORS);
        Self { kafka, files }
    }

    fn file(&self, name: &str) -> String {
        let path: &Path = self.files.path();
        path.join(name).to_str().unwrap().to_owned()
    }

    /// What a guest of this door says, with an authority that it trusts and its own certificate.
    fn guest(&self, door: &str, more: &[(&str, &str)]) -> Properties {
        let door = DOORS.iter().find(|known| known.name == door).unwrap();
        let (trust, own) = (self.file("ca.pem"), self.file("client.pem"));
        let bootstrap = format!("localhost:{}", self.kafka.door(door.name));
        let mut properties = vec![
            ("bootstrap.servers", bootstrap.as_str()),
            ("security.protocol", door.protocol),
            ("ssl.truststore.location", &trust),
            ("ssl.keystore.location", &own),
        ];
        properties.extend(more);
        properties.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
    }

    fn topic(&self, name: &str) {
        self.kafka.create_topic(name, 3, 1, &[]);
    }
}

fn producer(properties: &Properties) -> Producer {
    start(properties).unwrap()
}

fn start(properties: &Properties) -> Result<Producer, StartError> {
    let pairs = properties.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Producer::from_properties(pairs)
}

fn scram(password: &'static str) -> [(&'static str, &'static str); 3] {
    [("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "alice"), ("sasl.password", password)]
}

/// A token that nobody signed, valid for an hour (RFC 7519, section 6.1).
fn unsecured_token(subject: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + 3600);
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims))
}

/// Sends so many records, and finds each of them once, as it was, and in order.
fn round_trip(topic: &str, properties: &Properties) {
    let castle = &*CASTLE;
    castle.topic(topic);
    let count = budget::get("security.records");
    let producer = producer(properties);
    let mut handle = producer.topic(topic);
    let value = |number: u64| format!("{number:>40}");
    let send = |number| {
        let (key, value) = (format!("{}", number % 97), value(number));
        handle.send_blocking(Record::new(value.as_bytes()).key(key.as_bytes())).unwrap()
    };
    let deliveries: Vec<Delivery> = (0..count).map(send).collect();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
    let mut seen = vec![false; usize::try_from(count).unwrap()];
    let mut last = [None; 97];
    castle.kafka.consume(topic, |record| {
        let text = String::from_utf8(record.value.unwrap()).unwrap();
        let number: u64 = text.trim().parse().unwrap();
        assert_eq!(text, value(number));
        let key: u64 = String::from_utf8(record.key.unwrap()).unwrap().parse().unwrap();
        assert_eq!(key, number % 97);
        let last = &mut last[usize::try_from(key).unwrap()];
        assert!(last.replace(number).is_none_or(|before| before < number), "{number} is late");
        assert!(!std::mem::replace(&mut seen[usize::try_from(number).unwrap()], true));
    });
    assert!(seen.into_iter().all(|seen| seen));
    println!("full: {count} records by {topic}");
}

/// The one error that a sender gets, and at once.
fn refusal(properties: &Properties) -> String {
    refusal_by("nobody", properties)
}

fn refusal_by(topic: &str, properties: &Properties) -> String {
    let producer = producer(properties);
    let begun = Instant::now();
    let outcome = producer.send_blocking(topic, Record::new(b"x"));
    let error = match outcome {
        Err(error) => error.to_string(),
        Ok(delivery) => delivery.wait().unwrap_err().to_string(),
    };
    assert!(begun.elapsed() < AT_ONCE, "{:?}: {error}", begun.elapsed());
    assert!(!error.contains("secret"), "{error}");
    println!("{error}");
    error
}

#[test]
fn records_get_in_by_a_certificate() {
    round_trip("mutual-tls", &CASTLE.guest("MUTUAL", &[]));
}

#[test]
fn records_get_in_by_scram() {
    let sha_512 = scram("alice-secret");
    round_trip("scram-sha-512", &CASTLE.guest("SECURE", &sha_512));
    let login = format!("{SCRAM_MODULE} username=\"alice\" password=\"alice-secret\";");
    let sha_256 = [("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", &login)];
    round_trip("scram-sha-256", &CASTLE.guest("SECURE", &sha_256));
}

#[test]
fn records_get_in_by_plain() {
    let login = format!("{PLAIN_MODULE} username=\"alice\" password=\"alice-secret\";");
    let plain = [("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", login.as_str())];
    round_trip("plain", &CASTLE.guest("SECURE", &plain));
}

#[test]
fn records_get_in_by_a_token() {
    let token = unsecured_token("alice");
    let oauth = [("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.token", token.as_str())];
    round_trip("oauthbearer", &CASTLE.guest("SECURE", &oauth));
}

/// The token server knows one client, who is alice.
#[test]
fn records_get_in_by_a_token_that_a_server_gives() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", server.local_addr().unwrap());
    thread::spawn(move || {
        let token = unsecured_token("alice");
        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":60}}"#);
        for stream in server.incoming() {
            give_token(stream.unwrap(), &body);
        }
    });
    let oidc = |secret| {
        [
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.client.id", "gateway"),
            ("sasl.oauthbearer.client.secret", secret),
            ("sasl.oauthbearer.token.endpoint.url", url.as_str()),
        ]
    };
    round_trip("oidc", &CASTLE.guest("SECURE", &oidc("s3cret")));
    let refused = start(&CASTLE.guest("SECURE", &oidc("other")));
    let error = refused.expect_err("the secret is wrong").to_string();
    assert!(error.contains("the token server refuses") && error.contains("401"), "{error}");
}

/// Answers one request: `Z2F0ZXdheTpzM2NyZXQ=` is `gateway:s3cret`.
fn give_token(mut stream: TcpStream, body: &str) {
    let request = BufReader::new(&stream).lines().map(Result::unwrap);
    let head: Vec<_> = request.take_while(|line| !line.is_empty()).collect();
    let known = head.iter().any(|line| line.ends_with("Basic Z2F0ZXdheTpzM2NyZXQ="));
    let (status, body) = if known { ("200 OK", body) } else { ("401 Unauthorized", "{}") };
    let size = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    // What was not read yet must not end the connection before the answer is there.
    stream.shutdown(Shutdown::Write).unwrap();
    io::copy(&mut stream, &mut io::sink()).unwrap();
}

/// As Java's tools take it: a property file, with the login of `sasl.jaas.config`.
#[test]
fn the_command_takes_a_property_file() {
    let castle = &*CASTLE;
    castle.topic("by-command");
    let login = format!("{SCRAM_MODULE} username=\"alice\" password=\"alice-secret\";");
    let scram = [("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", login.as_str())];
    let lines = |(key, value): (String, String)| format!("{key}={value}\n");
    let text: String = castle.guest("SECURE", &scram).into_iter().map(lines).collect();
    let (config, data) = (castle.file("client.properties"), castle.file("lines.txt"));
    fs::write(&config, text).unwrap();
    fs::write(&data, "one\ntwo\nthree\n").unwrap();
    let bootstrap = format!("localhost:{}", castle.kafka.door("SECURE"));
    ottla(["produce", "-b", &bootstrap, "-F", &config, "-t", "by-command", &data]);
    let mut values: Vec<_> =
        castle.kafka.consume_all("by-command").into_iter().map(|r| r.value).collect();
    values.sort();
    assert_eq!(values, [&b"one"[..], b"three", b"two"].map(|value| Some(value.to_vec())));
}

/// KIP-368. The broker ends the connection of whoever is late.
#[test]
fn sessions_are_renewed_under_load_and_nothing_fails() {
    let castle = &*CASTLE;
    castle.topic("sessions");
    let producer = producer(&castle.guest("SESSION", &scram("alice-secret")));
    let end = Instant::now() + Duration::from_secs(budget::get("security.seconds"));
    let mut deliveries: Vec<Delivery> = Vec::new();
    while Instant::now() < end {
        for number in 0..20_u32 {
            let record = number.to_be_bytes();
            deliveries.push(producer.send_blocking("sessions", Record::new(&record)).unwrap());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let sent = deliveries.len();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
    let metrics = producer.metrics();
    assert_eq!(metrics.records_failed, 0);
    // One for the bootstrap address, one for each broker itself. A session that is over costs a
    // connection; where this machine stands still for a second, one may be.
    let most = budget::get("security.brokers") + 2;
    assert!(metrics.connections_opened <= most, "{metrics:?}");
    let stored: i64 = castle.kafka.end_offsets("sessions").iter().sum();
    assert_eq!(usize::try_from(stored), Ok(sent));
    println!("full: {sent} records over renewed sessions");
}

#[test]
fn a_wrong_password_is_refused() {
    let error = refusal(&CASTLE.guest("SECURE", &scram("wrong-secret")));
    let expected = "refused the SCRAM-SHA-512 login of \"alice\": SASL_AUTHENTICATION_FAILED (58)";
    assert!(error.contains(expected) && error.contains("localhost:"), "{error}");
    let plain = [("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", "no")];
    let error = refusal(&CASTLE.guest("SECURE", &plain));
    assert!(error.contains("refused the PLAIN login of \"alice\""), "{error}");
}

#[test]
fn a_token_that_is_none_is_refused() {
    let oauth = [("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.token", "a.secret.token")];
    let error = refusal(&CASTLE.guest("SECURE", &oauth));
    assert!(error.contains("refused the OAUTHBEARER login: SASL_AUTH"), "{error}");
}

#[test]
fn a_mechanism_that_the_broker_does_not_take_is_refused() {
    let error = refusal(&CASTLE.guest(
        "SESSION",
        &[
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "alice"),
            ("sasl.password", "alice-secret"),
        ],
    ));
    assert!(error.contains("(it takes SCRAM-SHA-512)"), "{error}");
}

#[test]
fn an_expired_certificate_is_refused() {
    let error = refusal(&CASTLE.guest("EXPIRED", &[]));
    assert!(error.contains("the broker's certificate has expired"), "{error}");
}

#[test]
fn a_certificate_of_another_host_is_refused() {
    let bootstrap = format!("127.0.0.1:{}", CASTLE.kafka.door("MUTUAL"));
    let error = refusal(&CASTLE.guest("MUTUAL", &[("bootstrap.servers", &bootstrap)]));
    assert!(error.contains("the broker's certificate is for another host name"), "{error}");
    assert!(error.contains("127.0.0.1"), "{error}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let other = CASTLE.file("other-ca.pem");
    let error = refusal(&CASTLE.guest("MUTUAL", &[("ssl.ca.location", &other)]));
    assert!(error.contains("not signed by an authority that is trusted here"), "{error}");
    for roots in ["system", "bundled"] {
        let mut properties = CASTLE.guest("MUTUAL", &[("ssl.roots", roots)]);
        properties.retain(|(key, _)| key != "ssl.truststore.location");
        let error = refusal(&properties);
        assert!(error.contains("not signed by an authority"), "{roots}: {error}");
    }
}

#[test]
fn a_client_without_a_certificate_is_told_so() {
    let mut properties = CASTLE.guest("MUTUAL", &[]);
    properties.retain(|(key, _)| key != "ssl.keystore.location");
    let error = refusal(&properties);
    assert!(
        error.contains("the broker refuses this client's certificate, or wants one"),
        "{error}"
    );
}

#[test]
fn tls_to_a_listener_without_it_is_told_so() {
    let bootstrap = CASTLE.kafka.bootstrap();
    // It may be a broker that is shutting down, so this is tried again.
    let soon = [("bootstrap.servers", bootstrap.as_str()), ("max.block.ms", "2000")];
    let error = refusal(&CASTLE.guest("MUTUAL", &soon));
    assert!(error.contains("during the TLS handshake: does it speak TLS here?"), "{error}");
}

#[test]
fn a_topic_without_permission_is_refused() {
    CASTLE.topic("for-alice-only");
    let bob = [
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "bob"),
        ("sasl.password", "bob-secret"),
    ];
    let error = refusal_by("for-alice-only", &CASTLE.guest("SECURE", &bob));
    assert_eq!(error, "topic for-alice-only: TOPIC_AUTHORIZATION_FAILED (29)");
}
