//! DescribeCluster.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::text;
use crate::cluster::{Cluster, Outcome};

/// `endpoint_type` of brokers, as opposed to controllers.
const BROKERS: i8 = 1;

pub(crate) fn handle(cluster: &Cluster, request: &DescribeClusterRequest) -> Outcome {
    let response =
        DescribeClusterResponse::default().with_cluster_id(text(&cluster.config.cluster_id));
    if request.endpoint_type != BROKERS {
        let error = ResponseError::MismatchedEndpointType.code();
        return response.with_error_code(error).into();
    }
    let brokers = cluster.registered_nodes().map(|node| {
        DescribeClusterBroker::default()
            .with_broker_id(node.id.into())
            .with_host(text(&node.host))
            .with_port(node.port.into())
    });
    response
        .with_controller_id(cluster.controller().map_or(-1, |node| node.id).into())
        .with_brokers(brokers.collect())
        .into()
}
