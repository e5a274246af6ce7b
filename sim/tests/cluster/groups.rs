//! Consumer groups: joining, sharing out, leaving, committing.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;
use ottla_sim::cluster::{Cluster, Reply};

use super::support::*;

const SESSION: Duration = Duration::from_secs(10);

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str("g"))
}

fn join_request(member: &StrBytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(Bytes::from_static(b"subscription"));
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(SESSION.as_millis() as i32)
        .with_rebalance_timeout_ms(60_000)
        .with_member_id(member.clone())
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol])
}

fn joined(version: i16, reply: Reply) -> JoinGroupResponse {
    response!(decode(ApiKey::JoinGroup, version, sent(reply)), JoinGroup)
}

fn join(cluster: &mut Cluster, version: i16, member: &StrBytes, now: Duration) -> Reply {
    ask(cluster, NODE, ApiKey::JoinGroup, version, join_request(member), now)
}

/// Gets a member id and joins with it.
fn join_anew(cluster: &mut Cluster, now: Duration) -> (StrBytes, Reply) {
    let answer = joined(5, join(cluster, 5, &StrBytes::default(), now));
    assert_eq!(answer.error_code, ResponseError::MemberIdRequired.code());
    let reply = join(cluster, 5, &answer.member_id, now);
    (answer.member_id, reply)
}

fn sync_request(
    member: &StrBytes,
    generation: i32,
    assigned: &[(&StrBytes, &'static str)],
) -> SyncGroupRequest {
    let assignments = assigned.iter().map(|(member, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id((*member).clone())
            .with_assignment(Bytes::from_static(assignment.as_bytes()))
    });
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_assignments(assignments.collect())
}

fn heartbeat(cluster: &mut Cluster, member: &StrBytes, generation: i32, now: Duration) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member.clone());
    let reply = ask(cluster, NODE, ApiKey::Heartbeat, 3, request, now);
    response!(decode(ApiKey::Heartbeat, 3, sent(reply)), Heartbeat).error_code
}

#[test]
fn every_version_finds_the_coordinator() {
    let mut cluster = one_node();
    for version in 0..=6 {
        let key = StrBytes::from_static_str("g");
        let request = if version >= 4 {
            FindCoordinatorRequest::default().with_coordinator_keys(vec![key])
        } else {
            FindCoordinatorRequest::default().with_key(key)
        };
        let response = call(&mut cluster, ApiKey::FindCoordinator, version, request);
        let response = response!(response, FindCoordinator);
        let node = response.coordinators.first().map_or(response.node_id, |it| it.node_id);
        assert_eq!(node.0, NODE);
    }
}

#[test]
fn transactions_have_a_coordinator_and_nothing_else_has() {
    let request = FindCoordinatorRequest::default();
    let ask = |kind| {
        let request = request.clone().with_key_type(kind);
        response!(call(&mut one_node(), ApiKey::FindCoordinator, 3, request), FindCoordinator)
    };
    assert_eq!((ask(1).error_code, ask(1).node_id.0), (NONE, NODE));
    assert_eq!(ask(2).error_code, ResponseError::InvalidRequest.code());
}

#[test]
fn a_first_member_leads_at_once_and_shares_out() {
    for version in 2..=9 {
        let mut cluster = one_node();
        let mut answer = joined(version, join(&mut cluster, version, &StrBytes::default(), NOW));
        if version >= 4 {
            assert_eq!(answer.error_code, ResponseError::MemberIdRequired.code());
            answer = joined(version, join(&mut cluster, version, &answer.member_id, NOW));
        }
        assert_eq!((answer.error_code, answer.generation_id), (NONE, 1), "v{version}");
        assert_eq!(answer.leader, answer.member_id);
        assert_eq!(answer.members[0].metadata, "subscription");
        let request = sync_request(&answer.member_id, 1, &[(&answer.member_id, "all")]);
        let response = call(&mut cluster, ApiKey::SyncGroup, version.min(4), request);
        assert_eq!(response!(response, SyncGroup).assignment, "all");
        assert_eq!(heartbeat(&mut cluster, &answer.member_id, 1, NOW), NONE);
    }
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut cluster = one_node();
    let (first, _) = join_anew(&mut cluster, NOW);
    let (second, reply) = join_anew(&mut cluster, NOW);
    let Reply::Later { token, .. } = reply else { panic!("{reply:?}") };
    let rebalance = ResponseError::RebalanceInProgress.code();
    assert_eq!(heartbeat(&mut cluster, &first, 1, NOW), rebalance);

    let again = joined(5, join(&mut cluster, 5, &first, NOW));
    assert_eq!((again.generation_id, again.members.len()), (2, 2));
    assert_eq!(again.leader, first);
    let other = joined(5, cluster.resume(token, NOW));
    assert_eq!((other.generation_id, other.members.len()), (2, 0));

    let request = sync_request(&second, 2, &[]);
    let reply = ask(&mut cluster, NODE, ApiKey::SyncGroup, 3, request, NOW);
    let Reply::Later { token, .. } = reply else { panic!("{reply:?}") };
    let request = sync_request(&first, 2, &[(&first, "0-2"), (&second, "3-5")]);
    let response = response!(call(&mut cluster, ApiKey::SyncGroup, 3, request), SyncGroup);
    assert_eq!(response.assignment, "0-2");
    let response = decode(ApiKey::SyncGroup, 3, sent(cluster.resume(token, NOW)));
    assert_eq!(response!(response, SyncGroup).assignment, "3-5");
}

#[test]
fn a_member_not_heard_of_is_taken_out() {
    let mut cluster = one_node();
    let (first, _) = join_anew(&mut cluster, NOW);
    let later = NOW + SESSION;
    let (_, reply) = join_anew(&mut cluster, later);
    let answer = joined(5, reply);
    assert_eq!(answer.members.len(), 1);
    let unknown = ResponseError::UnknownMemberId.code();
    assert_eq!(heartbeat(&mut cluster, &first, 1, later), unknown);
}

#[test]
fn a_member_that_leaves_sets_the_others_going() {
    let mut cluster = one_node();
    let (first, _) = join_anew(&mut cluster, NOW);
    let (second, _) = join_anew(&mut cluster, NOW);
    join(&mut cluster, 5, &first, NOW);
    let member = MemberIdentity::default().with_member_id(second);
    let request = LeaveGroupRequest::default().with_group_id(group()).with_members(vec![member]);
    let response = response!(call(&mut cluster, ApiKey::LeaveGroup, 3, request), LeaveGroup);
    assert_eq!(response.members[0].error_code, NONE);
    let rebalance = ResponseError::RebalanceInProgress.code();
    assert_eq!(heartbeat(&mut cluster, &first, 2, NOW), rebalance);
    assert_eq!(joined(5, join(&mut cluster, 5, &first, NOW)).generation_id, 3);
}

#[test]
fn another_generation_or_strategy_is_refused() {
    let mut cluster = one_node();
    let (first, _) = join_anew(&mut cluster, NOW);
    let illegal = ResponseError::IllegalGeneration.code();
    assert_eq!(heartbeat(&mut cluster, &first, 9, NOW), illegal);
    let mut request = join_request(&StrBytes::from_static_str("other"));
    request.protocols[0].name = StrBytes::from_static_str("sticky");
    let reply = ask(&mut cluster, NODE, ApiKey::JoinGroup, 5, request, NOW);
    let inconsistent = ResponseError::InconsistentGroupProtocol.code();
    assert_eq!(joined(5, reply).error_code, inconsistent);
}

#[test]
fn committed_offsets_are_given_back_in_every_version() {
    let mut cluster = one_node();
    for version in 2..=9 {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(version.into())
            .with_committed_metadata(Some(StrBytes::from_static_str("note")));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(vec![partition]);
        let request =
            OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic]);
        let response = call(&mut cluster, ApiKey::OffsetCommit, version, request);
        let response = response!(response, OffsetCommit);
        assert_eq!(response.topics[0].partitions[0].error_code, NONE);
        assert_eq!(fetch_offset(&mut cluster, version), i64::from(version));
    }
}

fn fetch_offset(cluster: &mut Cluster, version: i16) -> i64 {
    let request = if version >= 8 {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic_name(TOPIC))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group())
            .with_topics(Some(vec![topic]));
        OffsetFetchRequest::default().with_groups(vec![group])
    } else {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partition_indexes(vec![0]);
        OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]))
    };
    let response = call(cluster, ApiKey::OffsetFetch, version, request);
    let response = response!(response, OffsetFetch);
    match response.groups.first() {
        Some(group) => group.topics[0].partitions[0].committed_offset,
        None => response.topics[0].partitions[0].committed_offset,
    }
}
