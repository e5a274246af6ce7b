//! InitProducerId: hands out producer ids and epochs.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::transactions::is_coordinator;
use crate::cluster::call::Call;
use crate::cluster::{Cluster, Outcome};

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: &InitProducerIdRequest,
    now: Duration,
) -> Outcome {
    let response = InitProducerIdResponse::default().with_throttle_time_ms(call.throttle_ms());
    match producer(cluster, call, request, now) {
        Ok((id, epoch)) => response.with_producer_id(id.into()).with_producer_epoch(epoch),
        Err(error) => response
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
    .into()
}

fn producer(
    cluster: &mut Cluster,
    call: &Call,
    request: &InitProducerIdRequest,
    now: Duration,
) -> Result<(i64, i16), ResponseError> {
    let Some(id) = request.transactional_id.as_deref() else {
        // Without a transactional id Kafka gives a new id even to those who bring one along.
        let id = cluster.next_producer_id;
        cluster.next_producer_id += 1;
        return Ok((id, 0));
    };
    is_coordinator(cluster, call, id)?;
    let timeout = u64::try_from(request.transaction_timeout_ms).unwrap_or(0);
    let expected = (*request.producer_id, request.producer_epoch);
    let expected = Some(expected).filter(|(id, _)| *id >= 0);
    cluster.init_transactional(id, Duration::from_millis(timeout), expected, now)
}
