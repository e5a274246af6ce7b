//! Produce: Kafka's `KafkaApis.handleProduceRequest` and `ReplicaManager.appendRecords`.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::text;
use crate::batch::BatchHeader;
use crate::cluster::call::Call;
use crate::cluster::faults::ProduceFault;
use crate::cluster::partition::Placed;
use crate::cluster::validation::{self, Refusal};
use crate::cluster::waiting::Waiting;
use crate::cluster::{Cluster, Outcome};

/// acks=all.
const ALL: i16 = -1;

/// An appended batch whose replication the producer waits for.
#[derive(Debug)]
struct Copying {
    topic: String,
    partition: i32,
    leader_epoch: i32,
    end_offset: i64,
    /// Where in the response the partition's answer stands.
    at: (usize, usize),
}

/// A response that is ready but for the replication of some batches.
#[derive(Debug)]
pub(crate) struct WaitingProduce {
    response: ProduceResponse,
    copying: Vec<Copying>,
    deadline: Duration,
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ProduceRequest,
    now: Duration,
) -> Outcome {
    let acks = request.acks;
    let deadline = now + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let request_error = request_error(&request);
    let transactional_id = request.transactional_id.as_deref().map(ToOwned::to_owned);
    let sender = Sender { call, acks, transactional_id: transactional_id.as_deref() };
    let mut waiting =
        WaitingProduce { response: ProduceResponse::default(), copying: vec![], deadline };
    for topic in request.topic_data {
        append_topic(cluster, &sender, topic, request_error, &mut waiting, now);
    }
    waiting.response.throttle_time_ms = call.throttle_ms();
    if acks == 0 {
        return unanswered(&waiting.response);
    }
    if acks == ALL { resume(cluster, waiting, now) } else { waiting.response.into() }
}

/// Looks whether the followers have caught up.
pub(crate) fn resume(cluster: &mut Cluster, mut waiting: WaitingProduce, now: Duration) -> Outcome {
    let mut next = waiting.deadline;
    let WaitingProduce { response, copying, deadline } = &mut waiting;
    copying.retain(|batch| match replication(cluster, batch, now) {
        Ok(None) => false,
        Ok(Some(due)) if now < *deadline => {
            next = next.min(due);
            true
        }
        Ok(Some(_)) => {
            fail(response, batch.at, ResponseError::RequestTimedOut);
            false
        }
        Err(error) => {
            fail(response, batch.at, error);
            false
        }
    });
    if copying.is_empty() {
        return waiting.response.into();
    }
    Outcome::Wait(Waiting::Produce(waiting), next)
}

/// What is wrong with the request as a whole.
fn request_error(request: &ProduceRequest) -> Option<ResponseError> {
    if request.transactional_id.is_none() && has_transactional_batch(request) {
        return Some(ResponseError::TransactionalIdAuthorizationFailed);
    }
    if request.transactional_id.is_some() && request.acks != ALL {
        return Some(ResponseError::InvalidRequiredAcks);
    }
    (!(ALL..=1).contains(&request.acks)).then_some(ResponseError::InvalidRequiredAcks)
}

fn has_transactional_batch(request: &ProduceRequest) -> bool {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut headers = partitions.filter_map(|it| BatchHeader::parse(it.records.as_deref()?));
    headers.any(|header| header.is_transactional())
}

/// acks=0: an error can be told only by ending the connection.
fn unanswered(response: &ProduceResponse) -> Outcome {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    if partitions.any(|partition| partition.error_code != super::NONE) {
        Outcome::Close
    } else {
        Outcome::Nothing
    }
}

/// Who produces, and how.
struct Sender<'a> {
    call: &'a Call,
    acks: i16,
    transactional_id: Option<&'a str>,
}

fn append_topic(
    cluster: &mut Cluster,
    sender: &Sender<'_>,
    topic: TopicProduceData,
    request_error: Option<ResponseError>,
    waiting: &mut WaitingProduce,
    now: Duration,
) {
    let name = cluster.topic_name(&topic.name, topic.topic_id);
    let mut answers = Vec::with_capacity(topic.partition_data.len());
    for data in topic.partition_data {
        let index = data.index;
        let fault = name.as_ref().ok().and_then(|it| cluster.faults.take_produce(it, index));
        let result = match (&name, request_error) {
            (_, Some(error)) => Err(error.into()),
            (Err(error), None) => Err((*error).into()),
            (Ok(name), None) => append(cluster, sender, name, &data, fault.as_ref(), now),
        };
        if let (Ok(placed), Ok(name)) = (&result, &name) {
            let at = (waiting.response.responses.len(), answers.len());
            waiting.copying.extend(copying(cluster, name, index, *placed, at));
        }
        match fault {
            Some(ProduceFault::AppendThenOmit) => {
                waiting
                    .copying
                    .pop_if(|it| it.at == (waiting.response.responses.len(), answers.len()));
            }
            fault => {
                answers.push(answer(cluster, waiting, name.as_deref().ok(), index, result, fault))
            }
        }
    }
    waiting.response.responses.push(
        TopicProduceResponse::default()
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
            .with_partition_responses(answers),
    );
}

fn append(
    cluster: &mut Cluster,
    sender: &Sender<'_>,
    topic: &str,
    data: &PartitionProduceData,
    fault: Option<&ProduceFault>,
    now: Duration,
) -> Result<Placed, Refusal> {
    match fault {
        Some(ProduceFault::Refuse(error)) => return Err((*error).into()),
        Some(ProduceFault::RefuseRecords { error, records, message }) => {
            let (error, message, records) = (*error, message.clone(), records.clone());
            return Err(Refusal { error, message, records });
        }
        _ => {}
    }
    if cluster.topics.partition_mut(topic, data.index).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition.into());
    }
    let records = data.records.as_deref().unwrap_or_default();
    validation::validate_for_version(records, sender.call.version)?;
    cluster.topics.led_partition(sender.call.node, topic, data.index)?;
    verify(cluster, sender, topic, data.index, records, now)?;
    let config = &cluster.config;
    let partition = cluster.topics.led_partition(sender.call.node, topic, data.index)?;
    if sender.acks == ALL && partition.in_sync.len() < config.min_insync_replicas {
        return Err(ResponseError::NotEnoughReplicas.into());
    }
    partition.append(records, config, now)
}

/// That a transactional batch belongs to a transaction that goes on (KIP-890). Version 2, from
/// Produce 12 on: it does from now on. Kafka's `AddPartitionsToTxnManager`.
fn verify(
    cluster: &mut Cluster,
    sender: &Sender<'_>,
    topic: &str,
    index: i32,
    records: &[u8],
    now: Duration,
) -> Result<(), ResponseError> {
    let header = BatchHeader::parse(records).filter(BatchHeader::is_transactional);
    let (Some(header), Some(id)) = (header, sender.transactional_id) else { return Ok(()) };
    let producer = (header.producer_id, header.producer_epoch);
    let partition = cluster.topics.get(topic).and_then(|topic| topic.partition(index));
    if partition.is_some_and(|partition| partition.has_ongoing(producer)) {
        return Ok(());
    }
    if sender.call.version >= 12 {
        let places = [(topic.to_owned(), index)];
        let added = cluster.add_to_transaction(id, producer, places, now);
        return added.map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            error => error,
        });
    }
    match (cluster.is_in_transaction(id, producer, (topic, index)), sender.call.version) {
        (true, _) => Ok(()),
        (false, 11..) => Err(ResponseError::TransactionAbortable),
        (false, _) => Err(ResponseError::InvalidTxnState),
    }
}

/// What acks=all waits for, if anything.
fn copying(
    cluster: &Cluster,
    topic: &str,
    index: i32,
    placed: Placed,
    at: (usize, usize),
) -> Option<Copying> {
    let partition = cluster.topics.get(topic)?.partition(index)?;
    partition.replicated_at(placed.end_offset)?;
    Some(Copying {
        topic: topic.to_owned(),
        partition: index,
        leader_epoch: partition.leader_epoch,
        end_offset: placed.end_offset,
        at,
    })
}

/// When a batch will be replicated; `None` if it is.
fn replication(
    cluster: &mut Cluster,
    batch: &Copying,
    now: Duration,
) -> Result<Option<Duration>, ResponseError> {
    let partition = cluster.topics.partition_mut(&batch.topic, batch.partition);
    let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition)?;
    if partition.leader_epoch != batch.leader_epoch {
        return Err(ResponseError::NotLeaderOrFollower);
    }
    if partition.high_watermark(now) >= batch.end_offset {
        return Ok(None);
    }
    Ok(partition.replicated_at(batch.end_offset))
}

fn fail(response: &mut ProduceResponse, (topic, partition): (usize, usize), error: ResponseError) {
    let topic = response.responses.get_mut(topic);
    if let Some(answer) = topic.and_then(|topic| topic.partition_responses.get_mut(partition)) {
        answer.error_code = error.code();
        answer.base_offset = -1;
    }
}

fn answer(
    cluster: &Cluster,
    waiting: &mut WaitingProduce,
    topic: Option<&str>,
    index: i32,
    result: Result<Placed, Refusal>,
    fault: Option<ProduceFault>,
) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    let partition = topic.and_then(|topic| cluster.topics.get(topic)?.partition(index));
    let result = match fault {
        Some(ProduceFault::AppendThenFail(error)) => result.and_then(|_| Err(error.into())),
        _ => result,
    };
    match result {
        Ok(placed) => answer
            .with_base_offset(placed.base_offset)
            .with_log_start_offset(partition.map_or(-1, |it| it.log.start_offset())),
        Err(refusal) => {
            let leader = partition
                .filter(|_| refusal.error == ResponseError::NotLeaderOrFollower)
                .and_then(|it| leader_hint(cluster, waiting, it.leader?, it.leader_epoch));
            let records = refusal.records.into_iter().map(|(index, message)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(index)
                    .with_batch_index_error_message(message.map(text))
            });
            answer
                .with_error_code(refusal.error.code())
                .with_base_offset(-1)
                .with_log_start_offset(-1)
                .with_record_errors(records.collect())
                .with_error_message(refusal.message.map(text))
                .with_current_leader(leader.unwrap_or_default())
        }
    }
}

/// Names the leader of a partition that the client asked the wrong node for (KIP-951).
fn leader_hint(
    cluster: &Cluster,
    waiting: &mut WaitingProduce,
    leader: i32,
    epoch: i32,
) -> Option<LeaderIdAndEpoch> {
    let node = cluster.node(leader).filter(|_| cluster.config.leader_hints)?;
    let endpoints = &mut waiting.response.node_endpoints;
    if endpoints.iter().all(|endpoint| endpoint.node_id != leader) {
        endpoints.push(
            NodeEndpoint::default()
                .with_node_id(leader.into())
                .with_host(text(&node.host))
                .with_port(node.port.into()),
        );
    }
    Some(LeaderIdAndEpoch::default().with_leader_id(leader.into()).with_leader_epoch(epoch))
}
