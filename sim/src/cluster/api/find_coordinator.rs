//! FindCoordinator: one node coordinates all groups, none coordinates transactions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::{code, text};
use crate::cluster::call::Call;
use crate::cluster::nodes::Node;
use crate::cluster::{Cluster, Outcome};

/// `key_type` of a consumer group.
const GROUP: i8 = 0;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: FindCoordinatorRequest,
) -> Outcome {
    let found = match (request.key_type, cluster.controller()) {
        (GROUP, Some(node)) => Ok(node),
        (GROUP, None) => Err(ResponseError::CoordinatorNotAvailable),
        _ => Err(ResponseError::TransactionalIdAuthorizationFailed),
    };
    let response = FindCoordinatorResponse::default().with_throttle_time_ms(call.throttle_ms());
    if call.version >= 4 {
        let keys = request.coordinator_keys.into_iter();
        return response
            .with_coordinators(keys.map(|key| coordinator(key, &found)).collect())
            .into();
    }
    let only = coordinator(StrBytes::default(), &found);
    response
        .with_error_code(only.error_code)
        .with_error_message(only.error_message)
        .with_node_id(only.node_id)
        .with_host(only.host)
        .with_port(only.port)
        .into()
}

fn coordinator(key: StrBytes, found: &Result<&Node, ResponseError>) -> Coordinator {
    let answer = Coordinator::default().with_key(key).with_error_code(code(found));
    match found {
        Ok(node) => answer
            .with_node_id(node.id.into())
            .with_host(text(&node.host))
            .with_port(node.port.into()),
        Err(error) => answer
            .with_node_id((-1).into())
            .with_port(-1)
            .with_error_message(Some(text(error.to_string()))),
    }
}
