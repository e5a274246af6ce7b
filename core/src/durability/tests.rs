use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::protocol::describe_configs::ConfigSource;
use crate::protocol::error_code::ErrorCode;

const ASKED: Demand = Demand { failures: 1, acks: Acks::All, retries: i32::MAX as u32 };

fn set<T, E>(value: T) -> Result<Setting<T>, E> {
    Ok(Setting { value, source: ConfigSource::Topic })
}

/// A healthy topic with so many replicas on brokers 1, 2, 3, …
fn topic(replicas: i32, min: u32) -> TopicFacts {
    let nodes: Vec<i32> = (1..=replicas).collect();
    let partition = |index| PartitionFacts {
        index,
        leader: Some(1),
        replicas: nodes.clone(),
        in_sync: nodes.clone(),
        offline: Vec::new(),
    };
    TopicFacts {
        name: "t".to_owned(),
        partitions: (0..2).map(partition).collect(),
        min_in_sync: set(min),
        unclean_leader_election: set(false),
    }
}

fn names(topic: &TopicFacts, demand: &Demand) -> (Verdict, Vec<&'static str>) {
    let findings = assess(topic, demand);
    (verdict(&findings), findings.iter().map(Finding::name).collect())
}

#[test]
fn three_replicas_two_in_sync_and_acks_all_are_durable() {
    assert_eq!(names(&topic(3, 2), &ASKED), (Verdict::Durable, vec![]));
}

#[test]
fn copies_and_the_least_in_sync_work_together() {
    let few = vec!["FEW_REPLICAS", "MIN_IN_SYNC"];
    assert_eq!(names(&topic(1, 1), &ASKED), (Verdict::Loses, few));
    assert_eq!(names(&topic(3, 1), &ASKED), (Verdict::Loses, vec!["MIN_IN_SYNC"]));
    assert_eq!(names(&topic(2, 1), &ASKED), (Verdict::Loses, vec!["MIN_IN_SYNC"]));
    assert_eq!(names(&topic(2, 2), &ASKED), (Verdict::Stops, vec!["NO_SPARE_REPLICA"]));
    assert_eq!(names(&topic(3, 3), &ASKED), (Verdict::Stops, vec!["NO_SPARE_REPLICA"]));
    assert_eq!(names(&topic(4, 3), &ASKED), (Verdict::Durable, vec![]));
}

#[test]
fn who_asks_for_more_needs_more() {
    let two = Demand { failures: 2, ..ASKED };
    assert_eq!(names(&topic(3, 2), &two).0, Verdict::Loses);
    assert_eq!(names(&topic(4, 3), &two).0, Verdict::Stops);
    assert_eq!(names(&topic(5, 3), &two).0, Verdict::Durable);
    let none = Demand { failures: 0, ..ASKED };
    assert_eq!(names(&topic(1, 1), &none).0, Verdict::Durable);
    assert_eq!(names(&topic(1, 2), &none), (Verdict::Stops, expected_without_failures()));
}

/// More in sync than there are: nothing gets through, now or ever.
fn expected_without_failures() -> Vec<&'static str> {
    vec!["NO_SPARE_REPLICA", "TOO_FEW_IN_SYNC"]
}

#[test]
fn the_producer_counts_as_well() {
    for acks in [Acks::None, Acks::Leader] {
        let demand = Demand { acks, ..ASKED };
        assert_eq!(names(&topic(3, 2), &demand), (Verdict::Loses, vec!["ACKS"]));
    }
    let once = Demand { retries: 0, ..ASKED };
    assert_eq!(names(&topic(3, 2), &once), (Verdict::Durable, vec!["NO_RETRIES"]));
}

#[test]
fn an_unclean_election_loses_whatever_else_is_set() {
    let unclean = TopicFacts { unclean_leader_election: set(true), ..topic(5, 4) };
    assert_eq!(names(&unclean, &ASKED), (Verdict::Loses, vec!["UNCLEAN_ELECTION"]));
}

#[test]
fn what_cant_be_read_is_said_once_and_the_rest_is_said_all_the_same() {
    let refused = || SettingError::Refused(ErrorCode::TopicAuthorizationFailed);
    let closed = TopicFacts {
        min_in_sync: Err(refused()),
        unclean_leader_election: Err(refused()),
        ..topic(3, 0)
    };
    assert_eq!(names(&closed, &ASKED), (Verdict::Unknown, vec!["UNREADABLE"]));
    let demand = Demand { acks: Acks::Leader, ..ASKED };
    assert_eq!(names(&closed, &demand), (Verdict::Loses, vec!["ACKS", "UNREADABLE"]));
    let text = assess(&closed, &ASKED)[0].to_string();
    assert!(text.contains("TOPIC_AUTHORIZATION_FAILED"), "{text}");
}

#[test]
fn what_is_down_now_is_named_by_its_partitions() {
    let mut down = topic(3, 2);
    down.partitions[1].in_sync = vec![1, 3];
    assert_eq!(names(&down, &ASKED), (Verdict::Durable, vec!["BEHIND"]));
    down.partitions[1].in_sync = vec![1];
    assert_eq!(names(&down, &ASKED), (Verdict::Stops, vec!["TOO_FEW_IN_SYNC"]));
    down.partitions[0].leader = None;
    let findings = assess(&down, &ASKED);
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts[0], "nobody leads partition 0 now: records wait, then fail");
    let text = "fewer than 2 replicas of partition 1 are in sync now: records are refused";
    assert_eq!(texts[1], text);
}

#[test]
fn words_say_what_is_lost_when_and_what_to_set() {
    let findings = assess(&topic(1, 1), &ASKED);
    let words: Vec<_> =
        findings.iter().map(|it| (it.to_string(), it.remedy().to_string())).collect();
    assert_eq!(
        words[0].0,
        "only 1 broker has a copy of partitions 0, 1: when it is lost, so are the records"
    );
    assert_eq!(words[0].1, "give the topic 3 replicas (kafka-reassign-partitions)");
    assert!(words[1].0.starts_with("min.insync.replicas=1: while the other replicas are behind"));
    assert_eq!(words[1].1, "set min.insync.replicas=2 on the topic");
}
