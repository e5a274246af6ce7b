//! CreateTopics and DeleteTopics.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use uuid::Uuid;

use super::{code, text};
use crate::cluster::call::Call;
use crate::cluster::{Cluster, Outcome};

pub(crate) fn create(
    cluster: &mut Cluster,
    call: &Call,
    request: CreateTopicsRequest,
    now: Duration,
) -> Outcome {
    let validate_only = request.validate_only;
    let topics = request.topics.into_iter();
    let results = topics.map(|topic| create_one(cluster, call, topic, validate_only, now));
    CreateTopicsResponse::default().with_topics(results.collect()).into()
}

fn create_one(
    cluster: &mut Cluster,
    call: &Call,
    topic: CreatableTopic,
    validate_only: bool,
    now: Duration,
) -> CreatableTopicResult {
    let partitions = partition_count(cluster, &topic);
    let result = if validate_only {
        cluster.topics.check_new(&topic.name, partitions).map(|()| Uuid::nil())
    } else {
        cluster.create_topic(&topic.name, partitions, now)
    };
    let copies = usize::try_from(cluster.config.replication_factor).unwrap_or(1);
    let mut answer = CreatableTopicResult::default()
        .with_error_code(code(&result))
        .with_error_message(result.as_ref().err().map(|error| text(error.to_string())))
        .with_name(topic.name);
    if let (Ok(id), 5..) = (result, call.version) {
        answer.num_partitions = partitions;
        answer.replication_factor = copies.min(cluster.nodes.len()) as i16;
        answer.configs = Some(Vec::new());
        if call.version >= 7 {
            answer.topic_id = id;
        }
    }
    answer
}

/// As asked, as many as were assigned by hand, or the default; which nodes hold them, and how
/// many, is the model's own plan.
fn partition_count(cluster: &Cluster, topic: &CreatableTopic) -> i32 {
    match (topic.num_partitions, topic.assignments.len()) {
        (-1, 0) => cluster.config.default_partitions,
        (-1, assigned) => i32::try_from(assigned).unwrap_or(i32::MAX),
        (count, _) => count,
    }
}

pub(crate) fn delete(cluster: &mut Cluster, call: &Call, request: DeleteTopicsRequest) -> Outcome {
    let by_name = request.topic_names.into_iter();
    let topics = by_name.map(|name| DeleteTopicState::default().with_name(Some(name)));
    let results = request.topics.into_iter().chain(topics).map(|topic| {
        let asked_name = topic.name.as_deref().map_or("", |name| name);
        let name = cluster.topic_name(asked_name, topic.topic_id);
        let result = name.clone().and_then(|name| delete_one(cluster, &name));
        let name = name.ok().map(|name| TopicName(text(name)));
        let answer = DeletableTopicResult::default().with_error_code(code(&result)).with_name(name);
        if call.version >= 6 { answer.with_topic_id(topic.topic_id) } else { answer }
    });
    DeleteTopicsResponse::default().with_responses(results.collect()).into()
}

fn delete_one(cluster: &mut Cluster, name: &str) -> Result<(), ResponseError> {
    match cluster.delete_topic(name) {
        Ok(true) => Ok(()),
        Ok(false) => Err(ResponseError::UnknownTopicOrPartition),
        Err(_) => Err(ResponseError::KafkaStorageError),
    }
}
