//! Faults that a test plans.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest};
use kafka_protocol::protocol::StrBytes;
use ottla_sim::cluster::{ProduceFault, Reply, RequestFault};

use super::support::*;

#[test]
fn a_refused_batch_is_not_appended_and_the_next_is() {
    let mut cluster = one_node();
    let fault = ProduceFault::Refuse(ResponseError::KafkaStorageError);
    cluster.faults().next_produce(TOPIC, 0, fault);
    let error = ResponseError::KafkaStorageError.code();
    assert_eq!(outcome(&mut cluster, &batch(1)), (error, -1));
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 0));
}

#[test]
fn a_batch_may_be_appended_and_yet_fail() {
    let mut cluster = one_node();
    let fault = ProduceFault::AppendThenFail(ResponseError::RequestTimedOut);
    cluster.faults().next_produce(TOPIC, 0, fault);
    let first = outcome(&mut cluster, &idempotent(1, 0, 0, 1));
    assert_eq!(first, (ResponseError::RequestTimedOut.code(), -1));
    assert_eq!(outcome(&mut cluster, &idempotent(1, 0, 0, 1)), (NONE, 0));
    assert_eq!(offsets(&cluster), (0, 1));
}

#[test]
fn a_partition_may_be_missing_from_the_answer() {
    let mut cluster = one_node();
    cluster.faults().next_produce(TOPIC, 0, ProduceFault::AppendThenOmit);
    let request = produce_request(-1, 0, batch(1).bytes());
    let response = response!(call(&mut cluster, ApiKey::Produce, 9, request), Produce);
    assert!(response.responses[0].partition_responses.is_empty());
    assert_eq!(offsets(&cluster), (0, 1));
}

#[test]
fn single_records_may_be_blamed() {
    let mut cluster = one_node();
    let fault = ProduceFault::RefuseRecords {
        error: ResponseError::InvalidRecord,
        records: vec![(1, Some("no key".to_owned())), (2, None)],
        message: Some("two bad records".to_owned()),
    };
    cluster.faults().next_produce(TOPIC, 0, fault);
    let answer = produce(&mut cluster, &batch(3));
    assert_eq!(answer.error_code, ResponseError::InvalidRecord.code());
    assert_eq!(answer.error_message, Some(StrBytes::from_static_str("two bad records")));
    let blamed: Vec<i32> = answer.record_errors.iter().map(|it| it.batch_index).collect();
    assert_eq!(blamed, [1, 2]);
}

#[test]
fn the_connection_may_end_before_or_after_the_append() {
    let mut cluster = one_node();
    for (fault, end) in [(RequestFault::CloseBefore, 0), (RequestFault::CloseAfter, 1)] {
        cluster.faults().next_request(None, ApiKey::Produce, fault);
        let request = produce_request(-1, 0, batch(1).bytes());
        assert_eq!(ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW), Reply::Close);
        assert_eq!(offsets(&cluster), (0, end));
    }
}

#[test]
fn the_answer_may_never_come_whether_handled_or_not() {
    let mut cluster = one_node();
    for (fault, end) in [(RequestFault::Ignore, 0), (RequestFault::LoseAnswer, 1)] {
        cluster.faults().next_request(Some(NODE), ApiKey::Produce, fault);
        let request = produce_request(-1, 0, batch(1).bytes());
        assert_eq!(ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW), Reply::Nothing);
        assert_eq!(offsets(&cluster), (0, end));
    }
}

#[test]
fn an_answer_may_be_late_or_throttle_the_client() {
    let mut cluster = one_node();
    let time = Duration::from_millis(1500);
    cluster.faults().next_request(None, ApiKey::InitProducerId, RequestFault::Delay(time));
    cluster.faults().next_request(None, ApiKey::InitProducerId, RequestFault::Throttle(time));
    let request = InitProducerIdRequest::default();
    let reply = ask(&mut cluster, NODE, ApiKey::InitProducerId, 4, request.clone(), NOW);
    assert!(matches!(reply, Reply::Send { delay, .. } if delay == time));
    let response = call(&mut cluster, ApiKey::InitProducerId, 4, request);
    assert_eq!(response!(response, InitProducerId).throttle_time_ms, 1500);
}

#[test]
fn a_fault_of_one_node_spares_the_others() {
    let mut cluster = one_node();
    cluster.faults().next_request(Some(2), ApiKey::Produce, RequestFault::CloseBefore);
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 0));
}
