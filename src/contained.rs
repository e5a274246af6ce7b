//! A program's own code on the I/O thread, whose panics must not end the producer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Acknowledgement, Interceptor, Record};

/// An interceptor whose panics on the I/O thread end with the panic hook's report, as exceptions
/// of Java's do with a line in the log. Without this the batch that it is told of would have no
/// outcome ever. What panics in `on_send` goes to the caller, whose thread it is.
#[derive(Debug)]
pub(crate) struct Contained(pub(crate) Arc<dyn Interceptor>);

impl Interceptor for Contained {
    fn on_send<'a>(&'a self, topic: &str, record: Record<'a>) -> Record<'a> {
        self.0.on_send(topic, record)
    }

    fn on_acknowledgement(&self, batch: &Acknowledgement<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.0.on_acknowledgement(batch)));
    }
}
