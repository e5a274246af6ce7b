//! Watching a producer, and ending it, from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;

use crate::{Metrics, Producer, ProducerConfig};

/// Watches a producer and can end it, but sends nothing: for the thread that draws the progress,
/// exports the metrics, or handles Ctrl-C. Keeps the producer running like any other handle.
#[derive(Clone, Debug)]
pub struct Supervisor(Producer);

impl Supervisor {
    pub(crate) fn new(producer: Producer) -> Self {
        Self(producer)
    }

    /// What the producer has counted so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.metrics()
    }

    /// As [`Producer::last_error`].
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.0.last_error()
    }

    /// The configuration it runs with.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        self.0.config()
    }

    /// As [`Producer::close`]; a transaction that goes on is aborted.
    pub async fn close(&self, timeout: Duration) {
        self.0.close(timeout).await;
    }

    /// [`close`](Self::close), blocking the thread.
    pub fn close_blocking(&self, timeout: Duration) {
        block_on(self.close(timeout));
    }
}
