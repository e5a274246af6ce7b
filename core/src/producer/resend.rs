//! Batches that an earlier producer stored.

use alloc::boxed::Box;

use crate::accumulator::batch::ProducerBatch;
use crate::accumulator::buffer_pool::Buffer;
use crate::accumulator::delivery::Delivery;
use crate::accumulator::partition::Partition;
use crate::error::SendError;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};
use crate::topic::{TopicState, give_back};

const NO_BATCH: SendError = SendError::InvalidRecord("the stored bytes are no whole record batch");

/// See [`Producer::try_resend`](crate::Producer::try_resend).
#[cfg_attr(not(feature = "store"), expect(dead_code, reason = "nothing was stored"))]
pub(super) fn try_resend<X: Platform>(
    shared: &Shared<X>,
    topic: &Arc<TopicState<X>>,
    partition: i32,
    key: u64,
    len: usize,
    read: impl FnOnce(&mut [u8]),
) -> Result<Delivery<X>, SendError> {
    if shared.is_closed() {
        return Err(SendError::Closed);
    }
    let Some(partition) = topic.partition(partition) else {
        shared.want_metadata(topic, Instant::ZERO);
        return Err(SendError::MetadataPending);
    };
    if len > shared.config.buffer_memory {
        return Err(NO_BATCH);
    }
    let wanted = len.max(shared.config.batch_size);
    let buffer = shared.pool.with(|pool| pool.try_allocate(wanted, partition.account()));
    let mut buffer = buffer.ok_or(SendError::BufferFull)?;
    buffer.bytes.resize(len, 0);
    read(&mut buffer.bytes);
    let at = shared.clock.now();
    let numbers = shared.config.is_idempotent();
    match ProducerBatch::restore(partition.index, buffer, key, numbers, at) {
        Ok(batch) => queue(shared, &partition, Box::new(batch), at),
        Err(buffer) => {
            give_back(shared, Some(buffer));
            Err(NO_BATCH)
        }
    }
}

fn queue<X: Platform>(
    shared: &Shared<X>,
    partition: &Partition<X>,
    batch: Box<ProducerBatch<X>>,
    at: Instant,
) -> Result<Delivery<X>, SendError> {
    let (number, delivery) =
        (batch.number(), Delivery::new(batch.result.clone(), 0, batch.first_timestamp()));
    if let Err(batch) = partition.push(batch) {
        let buffer: Buffer = batch.into_buffer();
        give_back(shared, Some(buffer));
        return Err(SendError::Closed);
    }
    let lane = partition.lane;
    shared.post(Event::Opened { lane, number, at }, Instant::ZERO);
    Ok(delivery)
}
