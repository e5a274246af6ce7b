//! Leaders, followers, and what is lost between them.

use std::time::Duration;

use super::support::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ApiKey, ListOffsetsRequest, ProduceResponse};
use ottla_sim::cluster::{ClusterConfig, Reply};

const LAG: Duration = Duration::from_millis(20);

fn lagging() -> ottla_sim::cluster::Cluster {
    with_nodes(3, ClusterConfig { replication_lag: LAG, ..ClusterConfig::default() })
}

fn produce_response(version: i16, reply: Reply) -> ProduceResponse {
    response!(decode(ApiKey::Produce, version, sent(reply)), Produce)
}

/// What ListOffsets calls the latest offset: the high watermark.
fn latest_offset(cluster: &mut ottla_sim::cluster::Cluster, node: i32, now: Duration) -> i64 {
    let partition = ListOffsetsPartition::default().with_timestamp(-1);
    let topic =
        ListOffsetsTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    let reply = ask(cluster, node, ApiKey::ListOffsets, 7, request, now);
    response!(decode(ApiKey::ListOffsets, 7, sent(reply)), ListOffsets).topics[0].partitions[0]
        .offset
}

#[test]
fn only_the_leader_takes_batches_and_others_name_it() {
    let mut cluster = with_nodes(3, ClusterConfig::default());
    let request = produce_request(-1, 0, batch(1).bytes());
    let reply = ask(&mut cluster, 2, ApiKey::Produce, 10, request, NOW);
    let response = produce_response(10, reply);
    assert_eq!(response.node_endpoints.len(), 1);
    assert_eq!(response.node_endpoints[0].node_id.0, 1);
    assert_eq!(response.node_endpoints[0].host.as_str(), "node-1");
    let answer = only_partition(response);
    assert_eq!(answer.error_code, ResponseError::NotLeaderOrFollower.code());
    assert_eq!((answer.current_leader.leader_id.0, answer.current_leader.leader_epoch), (1, 0));
}

#[test]
fn the_leader_is_not_named_below_version_10_or_when_hints_are_off() {
    let mut cluster = with_nodes(3, ClusterConfig::default());
    for version in [9, 10] {
        let request = produce_request(-1, 0, batch(1).bytes());
        let reply = ask(&mut cluster, 2, ApiKey::Produce, version, request, NOW);
        let response = produce_response(version, reply);
        assert_eq!(response.node_endpoints.is_empty(), version < 10);
    }
    cluster.config_mut().leader_hints = false;
    let request = produce_request(-1, 0, batch(1).bytes());
    let response = produce_response(10, ask(&mut cluster, 2, ApiKey::Produce, 10, request, NOW));
    assert!(response.node_endpoints.is_empty());
    assert_eq!(only_partition(response).current_leader.leader_id.0, -1);
}

#[test]
fn acks_all_waits_for_the_followers_and_acks_1_does_not() {
    let mut cluster = lagging();
    let request = produce_request(1, 0, batch(1).bytes());
    let reply = ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW);
    assert_eq!(only_partition(produce_response(9, reply)).base_offset, 0);

    let request = produce_request(-1, 0, batch(1).bytes());
    let reply = ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW);
    let Reply::Later { token, at } = reply else { panic!("{reply:?}") };
    assert_eq!(at, NOW + LAG);
    assert_eq!(cluster.resume(token, NOW), Reply::Later { token, at });
    let answer = only_partition(produce_response(9, cluster.resume(token, at)));
    assert_eq!((answer.error_code, answer.base_offset), (NONE, 1));
    assert_eq!(cluster.resume(token, at), Reply::Nothing);
}

#[test]
fn a_leader_that_moves_loses_what_was_not_replicated_and_says_so() {
    let mut cluster = lagging();
    let request = || produce_request(-1, 0, idempotent(1, 0, 0, 1).bytes());
    let reply = ask(&mut cluster, NODE, ApiKey::Produce, 9, request(), NOW);
    let Reply::Later { token, .. } = reply else { panic!("{reply:?}") };
    cluster.move_leader(TOPIC, 0, Some(2), NOW).unwrap();
    assert_eq!(cluster.leader(TOPIC, 0), Some((Some(2), 1)));
    assert_eq!(offsets(&cluster), (0, 0));
    let answer = only_partition(produce_response(9, cluster.resume(token, NOW)));
    assert_eq!(answer.error_code, ResponseError::NotLeaderOrFollower.code());
    assert_eq!(latest_offset(&mut cluster, 2, NOW + LAG), 0, "nothing is left to be replicated");
    // The new leader never saw the batch: sent again, it is appended and no repeat.
    let reply = ask(&mut cluster, 2, ApiKey::Produce, 9, request(), NOW);
    assert!(matches!(reply, Reply::Later { .. }));
    assert_eq!(offsets(&cluster), (0, 1));
}

#[test]
fn what_was_replicated_survives_the_move() {
    let mut cluster = lagging();
    let request = produce_request(1, 0, idempotent(1, 0, 0, 1).bytes());
    ask(&mut cluster, NODE, ApiKey::Produce, 9, request.clone(), NOW);
    cluster.move_leader(TOPIC, 0, Some(2), NOW + LAG).unwrap();
    assert_eq!(offsets(&cluster), (0, 1));
    let reply = ask(&mut cluster, 2, ApiKey::Produce, 9, request, NOW + LAG);
    assert_eq!(only_partition(produce_response(9, reply)).base_offset, 0);
    assert_eq!(offsets(&cluster), (0, 1));
}

#[test]
fn acks_all_times_out_after_the_requests_own_timeout() {
    let config = ClusterConfig { replication_lag: Duration::from_secs(3600), ..Default::default() };
    let mut cluster = with_nodes(3, config);
    let request = produce_request(-1, 0, batch(1).bytes());
    let reply = ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW);
    let Reply::Later { token, at } = reply else { panic!("{reply:?}") };
    assert_eq!(at, NOW + Duration::from_secs(30));
    let answer = only_partition(produce_response(9, cluster.resume(token, at)));
    assert_eq!(answer.error_code, ResponseError::RequestTimedOut.code());
}

#[test]
fn acks_all_needs_the_least_number_of_replicas_in_sync() {
    let config = ClusterConfig { min_insync_replicas: 2, ..ClusterConfig::default() };
    let mut cluster = with_nodes(3, config);
    assert!(cluster.set_in_sync(TOPIC, 0, &[1]));
    let answer = produce(&mut cluster, &batch(1));
    assert_eq!(answer.error_code, ResponseError::NotEnoughReplicas.code());
    let request = produce_request(1, 0, batch(1).bytes());
    let response = call(&mut cluster, ApiKey::Produce, 9, request);
    assert_eq!(only_partition(response!(response, Produce)).error_code, NONE);
}

#[test]
fn a_node_that_is_down_closes_connections_and_leads_until_the_election() {
    let mut cluster = with_nodes(3, ClusterConfig::default());
    cluster.stop_node(1);
    let request = produce_request(-1, 0, batch(1).bytes());
    assert_eq!(ask(&mut cluster, 1, ApiKey::Produce, 9, request, NOW), Reply::Close);
    assert_eq!(cluster.leader(TOPIC, 0), Some((Some(1), 0)));
    cluster.elect_leaders(NOW).unwrap();
    assert_eq!(cluster.leader(TOPIC, 0), Some((Some(2), 1)));
    assert_eq!(cluster.bootstrap_servers(), "node-2:9092,node-3:9092");
    cluster.start_node(1, NOW).unwrap();
    assert_eq!(cluster.leader(TOPIC, 0), Some((Some(2), 1)));
}

#[test]
fn the_last_replica_leads_again_when_it_is_back() {
    let mut cluster = one_node();
    outcome(&mut cluster, &batch(1));
    cluster.stop_node(1);
    cluster.elect_leaders(NOW).unwrap();
    assert_eq!(cluster.leader(TOPIC, 0), Some((None, 1)));
    cluster.start_node(1, NOW).unwrap();
    assert_eq!(cluster.leader(TOPIC, 0), Some((Some(1), 2)));
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 1));
}
