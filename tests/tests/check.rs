//! Whether acknowledged records are kept, asked of real clusters: topics that are set up well and
//! in each of the wrong ways, brokers that are down, and users who may not see everything.

use std::time::{Duration, Instant};

use ottla::durability::{self, Finding, PartitionFacts, Report, Verdict};
use ottla::{BlockingClient, ProducerConfig};
use ottla_tests::command::ottla_output;
use ottla_tests::kafka::{Cluster, Door, NEWEST, Operation};

const MIN: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";

fn client(properties: &[(&str, &str)]) -> BlockingClient {
    let config = ProducerConfig::from_properties(properties.iter().copied()).unwrap();
    BlockingClient::new(config).unwrap()
}

fn check(kafka: &Cluster, topic: &str, more: &[(&str, &str)]) -> Report {
    let bootstrap = kafka.bootstrap();
    let properties = [&[("bootstrap.servers", bootstrap.as_str())][..], more].concat();
    durability::check(&client(&properties), topic, 1).unwrap()
}

fn verdict(report: &Report) -> (Verdict, Vec<&'static str>) {
    (report.verdict(), report.findings.iter().map(Finding::name).collect())
}

#[test]
fn each_way_to_lose_records_is_found_and_a_good_topic_is_good() {
    let kafka = Cluster::start(NEWEST, 3, &[("broker.session.timeout.ms", "4000")]);
    kafka.create_topic("good", 3, 3, &[(MIN, "2")]);
    kafka.create_topic("alone", 2, 1, &[]);
    kafka.create_topic("pair", 1, 2, &[(MIN, "2")]);
    kafka.create_topic("thin", 1, 3, &[]);
    kafka.create_topic("unclean", 1, 3, &[(MIN, "2"), (UNCLEAN, "true")]);
    kafka.create_topic("strict", 1, 3, &[(MIN, "3")]);
    let of = |topic| verdict(&check(&kafka, topic, &[]));
    assert_eq!(of("good"), (Verdict::Durable, vec![]));
    assert_eq!(of("alone"), (Verdict::Loses, vec!["FEW_REPLICAS", "MIN_IN_SYNC"]));
    assert_eq!(of("pair"), (Verdict::Stops, vec!["NO_SPARE_REPLICA"]));
    assert_eq!(of("thin"), (Verdict::Loses, vec!["MIN_IN_SYNC"]));
    assert_eq!(of("unclean"), (Verdict::Loses, vec!["UNCLEAN_ELECTION"]));
    assert_eq!(of("strict"), (Verdict::Stops, vec!["NO_SPARE_REPLICA"]));
    let acks = [("acks", "1"), ("enable.idempotence", "false")];
    assert_eq!(verdict(&check(&kafka, "good", &acks)), (Verdict::Loses, vec!["ACKS"]));
    by_command(&kafka);

    kafka.stop(3);
    // Until the controller has taken it from those in sync.
    let deadline = Instant::now() + Duration::from_secs(60);
    let without_3 = |partition: &PartitionFacts| !partition.in_sync.contains(&3);
    let good = loop {
        let good = check(&kafka, "good", &[]);
        if good.topic.partitions.iter().all(without_3) || Instant::now() > deadline {
            break good;
        }
    };
    assert_eq!(verdict(&good), (Verdict::Durable, vec!["BEHIND"]));
    assert!(good.topic.partitions.iter().all(|partition| partition.offline == [3]), "{good:?}");
    let names = vec!["NO_SPARE_REPLICA", "TOO_FEW_IN_SYNC"];
    assert_eq!(of("strict"), (Verdict::Stops, names));
}

fn by_command(kafka: &Cluster) {
    let bootstrap = kafka.bootstrap();
    let good = ottla_output(["check", "-b", &bootstrap, "-t", "good"]);
    let text = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success(), "{good:?}");
    assert!(
        text.contains("replication factor=3, min.insync.replicas=2 (set on the topic)"),
        "{text}"
    );
    assert!(
        text.contains("\nDURABLE: acknowledged records survive the loss of a broker"),
        "{text}"
    );
    let thin = ottla_output(["check", "-b", &bootstrap, "-t", "thin", "--json"]);
    assert_eq!(thin.status.code(), Some(1));
    let json = String::from_utf8_lossy(&thin.stdout);
    assert!(json.contains(r#""verdict":"loses""#) && json.contains("MIN_IN_SYNC"), "{json}");
    let two = ottla_output(["check", "-b", &bootstrap, "-t", "good", "--failures", "2"]);
    assert_eq!(two.status.code(), Some(1), "{two:?}");
}

const DOOR: Door = Door {
    name: "SECURE",
    protocol: "SASL_PLAINTEXT",
    mechanisms: &["SCRAM-SHA-512"],
    users: &["eve", "ann"],
};

#[test]
fn who_may_not_see_the_settings_hears_so_and_the_rest() {
    let overrides = [
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("super.users", "User:ANONYMOUS;User:ann"),
    ];
    let kafka = Cluster::start_with_doors(NEWEST, 1, &overrides, &[DOOR]);
    kafka.create_topic("t", 1, 1, &[]);
    let bootstrap = format!("localhost:{}", kafka.door(DOOR.name));
    let login = |user: &str| {
        let properties = [
            "security.protocol=SASL_PLAINTEXT".to_owned(),
            "sasl.mechanism=SCRAM-SHA-512".to_owned(),
            format!("sasl.username={user}"),
            format!("sasl.password={user}-secret"),
        ];
        properties.into_iter().flat_map(|property| ["-X".to_owned(), property]).collect::<Vec<_>>()
    };
    let ottla = |command: &str, user: &str, more: &[&str]| {
        let start = [command, "-b", &bootstrap, "-t", "t"];
        let arguments = start.iter().chain(more).map(|it| (*it).to_owned());
        let output = ottla_output(arguments.chain(login(user)));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };

    let (status, _, error) = ottla("check", "eve", &[]);
    assert_eq!(status, Some(1));
    assert_eq!(error, "ottla: error: topic t: TOPIC_AUTHORIZATION_FAILED (29)\n");

    kafka.allow("eve", Operation::Describe, "t");
    let deadline = Instant::now() + Duration::from_secs(30);
    let (status, text, error) = loop {
        let ran = ottla("check", "eve", &["--failures", "0"]);
        if ran.2.is_empty() || Instant::now() > deadline {
            break ran;
        }
    };
    assert_eq!((status, error.as_str()), (Some(1), ""));
    assert!(text.contains("replication factor=1, min.insync.replicas=?"), "{text}");
    assert!(text.contains("\nUNKNOWN: "), "{text}");
    assert!(
        text.contains("can't be read: TOPIC_AUTHORIZATION_FAILED (29)\n  let this user"),
        "{text}"
    );

    let (status, text, _) = ottla("check", "ann", &["--failures", "0"]);
    assert_eq!(status, Some(0), "{text}");
    let (status, _, error) = ottla("produce", "ann", &["-q", "Cargo.toml"]);
    // A broker that has just started has no producer ids yet, which is worth a warning.
    assert!(status == Some(0) && !error.contains("error"), "{error}");
    let (status, text, error) = ottla("read", "ann", &[]);
    assert_eq!((status, error.as_str()), (Some(0), ""));
    let sent = std::fs::read_to_string("Cargo.toml").unwrap();
    let sent: Vec<_> = sent.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), sent, "what a login may read is read");
}
