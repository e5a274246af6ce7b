//! InitProducerId: hands out producer ids. The model has no transactions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::cluster::call::Call;
use crate::cluster::{Cluster, Outcome};

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: &InitProducerIdRequest,
) -> Outcome {
    let response = InitProducerIdResponse::default().with_throttle_time_ms(call.throttle_ms());
    if request.transactional_id.is_some() {
        return response
            .with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
            .into();
    }
    // Without a transactional id Kafka gives a new id even to those who bring one along.
    let id = cluster.next_producer_id;
    cluster.next_producer_id += 1;
    response.with_producer_id(id.into()).with_producer_epoch(0).into()
}
