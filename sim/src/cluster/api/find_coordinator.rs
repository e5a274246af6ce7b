//! FindCoordinator: one node coordinates all groups, any the transactions of an id.

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
/// `key_type` of a transactional id.
const TRANSACTION: i8 = 1;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: FindCoordinatorRequest,
) -> Outcome {
    let find = |key: &str| {
        let node = match request.key_type {
            GROUP => cluster.controller(),
            TRANSACTION => cluster.transaction_coordinator(key).and_then(|id| cluster.node(id)),
            _ => return Err(ResponseError::InvalidRequest),
        };
        node.ok_or(ResponseError::CoordinatorNotAvailable)
    };
    let response = FindCoordinatorResponse::default().with_throttle_time_ms(call.throttle_ms());
    if call.version >= 4 {
        let keys = request.coordinator_keys.iter();
        return response
            .with_coordinators(keys.map(|key| coordinator(key.clone(), &find(key))).collect())
            .into();
    }
    let only = coordinator(StrBytes::default(), &find(&request.key));
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
