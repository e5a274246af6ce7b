//! Hooks that see every record on its way in and every batch on its way out.

#[cfg(feature = "extensions")]
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::error::DeliveryError;
use crate::record::Record;
use crate::sync::{Arc, Shareable};

/// Sees records before they are partitioned and batches when their outcome is known (Kafka's
/// `ProducerInterceptor`). Runs on the sending thread and on the driver's: be quick, never block.
pub trait Interceptor: Debug + Shareable {
    /// May change what is sent, for instance add headers that it owns. Called once per record, in
    /// the order in which interceptors were added.
    fn on_send<'a>(&'a self, topic: &str, record: Record<'a>) -> Record<'a> {
        let _ = topic;
        record
    }

    /// Called once per batch, before the deliveries of its records resolve.
    fn on_acknowledgement(&self, batch: &Acknowledgement<'_>) {
        let _ = batch;
    }
}

/// The outcome of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// How many records it had.
    pub record_count: u32,
    /// The first record's offset, where the broker told.
    pub base_offset: Option<i64>,
    /// Why it was not acknowledged, if it wasn't.
    pub error: Option<&'a DeliveryError>,
}

/// The interceptors of a producer, in order.
#[cfg(feature = "extensions")]
pub type Interceptors = Vec<Arc<dyn Interceptor>>;

/// There are none without the Cargo feature `extensions`.
#[cfg(not(feature = "extensions"))]
pub type Interceptors = [Arc<dyn Interceptor>; 0];
