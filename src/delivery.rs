//! The outcome of one record.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::future::block_on;
use ottla_transport_std::Native;

use crate::{DeliveryError, RecordMetadata};

/// The future of one record's outcome: where it landed, or why it wasn't acknowledged. It resolves
/// within `delivery.timeout.ms` of the send.
///
/// Dropping it is fine: the record is sent all the same.
#[derive(Debug)]
pub struct Delivery(ottla_core::Delivery<Native>);

impl Delivery {
    #[inline]
    pub(crate) fn new(delivery: ottla_core::Delivery<Native>) -> Self {
        Self(delivery)
    }

    #[inline]
    pub(crate) fn into_core(self) -> ottla_core::Delivery<Native> {
        self.0
    }

    /// The partition the record was appended to; it never changes afterwards.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// The outcome, if there is one already.
    #[must_use]
    pub fn try_get(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        self.0.try_get()
    }

    /// Blocks the thread until the outcome is known. Not for async code: there, await the delivery.
    ///
    /// # Errors
    /// The record was not acknowledged; see [`DeliveryError`].
    pub fn wait(self) -> Result<RecordMetadata, DeliveryError> {
        block_on(self.0)
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, DeliveryError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}
