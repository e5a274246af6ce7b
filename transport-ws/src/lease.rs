//! The producer id that the bridge lends (§6).

use alloc::vec::Vec;
use core::fmt;

use ottla_bridge_protocol::Lease;

/// What is lent now, and what proves it. Its `Debug` does not show the ticket.
#[derive(Clone, Default)]
pub(crate) struct Lent {
    producer_id: Option<i64>,
    ticket: Option<Vec<u8>>,
}

impl Lent {
    /// The id, once there is one.
    pub(crate) fn producer_id(&self) -> Option<i64> {
        self.producer_id
    }

    /// The latest ticket, to resume the lease with.
    pub(crate) fn ticket(&self) -> Option<&[u8]> {
        self.ticket.as_deref()
    }

    /// The bridge lends this from now on.
    pub(crate) fn set(&mut self, lease: &Lease<'_>) {
        self.producer_id = Some(lease.producer_id);
        self.ticket = Some(lease.ticket.to_vec());
    }

    /// The ticket is good for nothing any more. No stream is opened until there is another; the id
    /// is remembered, so that the core sees it change.
    pub(crate) fn forget_ticket(&mut self) {
        self.ticket = None;
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("producer_id", &self.producer_id).finish_non_exhaustive()
    }
}
