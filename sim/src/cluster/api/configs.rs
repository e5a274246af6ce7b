//! DescribeConfigs: the few settings that mean something here.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::{code, text};
use crate::cluster::{Cluster, Outcome};

/// `resource_type` of a topic and of a broker.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// `config_source` of a broker's default.
const DEFAULT_CONFIG: i8 = 5;

pub(crate) fn describe(cluster: &Cluster, request: DescribeConfigsRequest) -> Outcome {
    let results = request.resources.into_iter().map(|resource| resource_configs(cluster, resource));
    DescribeConfigsResponse::default().with_results(results.collect()).into()
}

fn resource_configs(cluster: &Cluster, resource: DescribeConfigsResource) -> DescribeConfigsResult {
    let settings = settings(cluster, &resource);
    let answer = DescribeConfigsResult::default()
        .with_error_code(code(&settings))
        .with_error_message(settings.as_ref().err().map(|error| text(error.to_string())));
    let wanted = |name: &str| {
        let keys = resource.configuration_keys.as_ref();
        keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
    };
    let configs = settings.unwrap_or_default().into_iter().filter(|(name, _)| wanted(name));
    let configs = configs.map(|(name, value)| {
        DescribeConfigsResourceResult::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_read_only(true)
            .with_config_source(DEFAULT_CONFIG)
    });
    answer
        .with_configs(configs.collect())
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name)
}

fn settings(
    cluster: &Cluster,
    resource: &DescribeConfigsResource,
) -> Result<Vec<(&'static str, String)>, ResponseError> {
    let config = &cluster.config;
    let min_in_sync = config.min_insync_replicas.to_string();
    let max_bytes = config.max_message_bytes.to_string();
    match resource.resource_type {
        TOPIC if cluster.topics.get(&resource.resource_name).is_some() => Ok(vec![
            ("cleanup.policy", "delete".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("max.message.bytes", max_bytes),
            ("message.timestamp.type", "CreateTime".to_owned()),
            ("min.insync.replicas", min_in_sync),
            ("unclean.leader.election.enable", "false".to_owned()),
        ]),
        TOPIC => Err(ResponseError::UnknownTopicOrPartition),
        BROKER => Ok(vec![
            ("message.max.bytes", max_bytes),
            ("min.insync.replicas", min_in_sync),
            ("num.partitions", config.default_partitions.to_string()),
            ("default.replication.factor", config.replication_factor.to_string()),
        ]),
        _ => Err(ResponseError::InvalidRequest),
    }
}
