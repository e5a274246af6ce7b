//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::code;
use crate::cluster::call::Call;
use crate::cluster::groups::{Group, GroupState, Member};
use crate::cluster::waiting::Waiting;
use crate::cluster::{Cluster, Outcome};

/// First version whose clients bring a member id along (KIP-394).
const MEMBER_ID_REQUIRED_FROM: i16 = 4;

/// A JoinGroup that waits for the other members.
#[derive(Debug)]
pub(crate) struct WaitingJoin {
    group: StrBytes,
    member: StrBytes,
}

/// A SyncGroup that waits for the leader's.
#[derive(Debug)]
pub(crate) struct WaitingSync {
    group: StrBytes,
    member: StrBytes,
    generation: i32,
}

pub(crate) fn join(
    cluster: &mut Cluster,
    call: &Call,
    request: JoinGroupRequest,
    now: Duration,
) -> Outcome {
    let id = request.group_id.0.clone();
    if id.is_empty() {
        return join_error(call, StrBytes::default(), ResponseError::InvalidGroupId);
    }
    let known = cluster.groups.at(&id, now).members.contains_key(&request.member_id);
    let new = request.member_id.is_empty();
    let member_id =
        if new { cluster.groups.new_member_id(&call.client_id) } else { request.member_id.clone() };
    if new && call.version >= MEMBER_ID_REQUIRED_FROM && request.group_instance_id.is_none() {
        return join_error(call, member_id, ResponseError::MemberIdRequired);
    }
    let group = cluster.groups.at(&id, now);
    let member = member(&request, now);
    if !known && !group.accepts(&request.protocol_type, &member.protocols) {
        return join_error(call, member_id, ResponseError::InconsistentGroupProtocol);
    }
    group.protocol_type = request.protocol_type;
    group.join(member_id.clone(), member, now);
    resume_join(cluster, call, WaitingJoin { group: id, member: member_id }, now)
}

pub(crate) fn resume_join(
    cluster: &mut Cluster,
    call: &Call,
    waiting: WaitingJoin,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&waiting.group, now);
    if !group.members.contains_key(&waiting.member) {
        return join_error(call, waiting.member, ResponseError::UnknownMemberId);
    }
    if let GroupState::Joining(deadline) = group.state {
        return Outcome::Wait(Waiting::Join(waiting), deadline);
    }
    let leads = group.leader == waiting.member;
    let mut response = JoinGroupResponse::default()
        .with_generation_id(group.generation)
        .with_protocol_name(group.protocol.clone())
        .with_leader(group.leader.clone())
        .with_member_id(waiting.member)
        .with_members(if leads { members(group, call.version) } else { Vec::new() });
    if call.version >= 7 {
        response.protocol_type = Some(group.protocol_type.clone());
    }
    response.into()
}

pub(crate) fn sync(
    cluster: &mut Cluster,
    call: &Call,
    request: SyncGroupRequest,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&request.group_id, now);
    if let Err(error) = group.check(&request.member_id, request.generation_id, now) {
        return sync_answer(call, Err(error), group);
    }
    if group.leader == request.member_id && group.state == GroupState::AwaitingAssignment {
        let handed_out = request.assignments.into_iter().map(|it| (it.member_id, it.assignment));
        group.assign(handed_out.collect());
    }
    let waiting = WaitingSync {
        group: request.group_id.0,
        member: request.member_id,
        generation: request.generation_id,
    };
    resume_sync(cluster, call, waiting, now)
}

pub(crate) fn resume_sync(
    cluster: &mut Cluster,
    call: &Call,
    waiting: WaitingSync,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&waiting.group, now);
    let Some(member) = group.members.get(&waiting.member) else {
        return sync_answer(call, Err(ResponseError::UnknownMemberId), group);
    };
    match group.state {
        GroupState::Stable if group.generation == waiting.generation => {
            sync_answer(call, Ok(member.assignment.clone()), group)
        }
        GroupState::AwaitingAssignment if group.generation == waiting.generation => {
            let at = now + member.session_timeout;
            Outcome::Wait(Waiting::Sync(waiting), at)
        }
        _ => sync_answer(call, Err(ResponseError::RebalanceInProgress), group),
    }
}

pub(crate) fn heartbeat(
    cluster: &mut Cluster,
    request: &HeartbeatRequest,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&request.group_id, now);
    let alive = group.check(&request.member_id, request.generation_id, now);
    let result = alive.and(match group.state {
        GroupState::Joining(_) => Err(ResponseError::RebalanceInProgress),
        _ => Ok(()),
    });
    HeartbeatResponse::default().with_error_code(code(&result)).into()
}

pub(crate) fn leave(
    cluster: &mut Cluster,
    call: &Call,
    request: LeaveGroupRequest,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&request.group_id, now);
    let mut leave = |member: &StrBytes| {
        let left = group.leave(member, now);
        code(&left.then_some(()).ok_or(ResponseError::UnknownMemberId))
    };
    if call.version < 3 {
        return LeaveGroupResponse::default().with_error_code(leave(&request.member_id)).into();
    }
    let answers = request.members.into_iter().map(|member| {
        MemberResponse::default()
            .with_error_code(leave(&member.member_id))
            .with_member_id(member.member_id)
            .with_group_instance_id(member.group_instance_id)
    });
    LeaveGroupResponse::default().with_members(answers.collect()).into()
}

fn member(request: &JoinGroupRequest, now: Duration) -> Member {
    let duration = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    // Version 0 has one timeout for both.
    let rebalance_timeout_ms = request.rebalance_timeout_ms.max(request.session_timeout_ms);
    Member {
        instance: request.group_instance_id.clone(),
        protocols: request
            .protocols
            .iter()
            .map(|protocol| (protocol.name.clone(), protocol.metadata.clone()))
            .collect(),
        session_timeout: duration(request.session_timeout_ms),
        rebalance_timeout: duration(rebalance_timeout_ms),
        last_seen: now,
        joined: true,
        assignment: Bytes::new(),
    }
}

/// All members with their metadata for the chosen protocol, for the leader to share out by.
fn members(group: &Group, version: i16) -> Vec<JoinGroupResponseMember> {
    let member = |(id, member): (&StrBytes, &Member)| {
        let chosen =
            member.protocols.iter().find(|(name, _)| Some(name) == group.protocol.as_ref());
        let answer = JoinGroupResponseMember::default()
            .with_member_id(id.clone())
            .with_metadata(chosen.map(|(_, metadata)| metadata.clone()).unwrap_or_default());
        let instance = member.instance.clone().filter(|_| version >= 5);
        answer.with_group_instance_id(instance)
    };
    group.members.iter().map(member).collect()
}

fn join_error(call: &Call, member_id: StrBytes, error: ResponseError) -> Outcome {
    // The name could not be null below version 7.
    let protocol_name = (call.version < 7).then(StrBytes::default);
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_name(protocol_name)
        .with_member_id(member_id)
        .into()
}

fn sync_answer(call: &Call, result: Result<Bytes, ResponseError>, group: &Group) -> Outcome {
    let mut response = SyncGroupResponse::default().with_error_code(code(&result));
    if call.version >= 5 && result.is_ok() {
        response.protocol_type = Some(group.protocol_type.clone());
        response.protocol_name = group.protocol.clone();
    }
    response.with_assignment(result.unwrap_or_default()).into()
}
