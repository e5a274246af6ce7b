//! The producer id that the bridge lends (§6).

use alloc::vec::Vec;
use core::fmt;

use ottla_bridge_protocol::Lease;

/// A lease with its ticket. Its `Debug` does not show the ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldLease {
    /// The id.
    pub producer_id: i64,
    /// Proves the lease. Secret.
    pub ticket: Vec<u8>,
    /// It was an earlier program's.
    pub is_former: bool,
}

/// Whether there can be leases of earlier programs.
pub(crate) const RESUME: bool = cfg!(feature = "resume");

/// What is lent now, and what proves it. Its `Debug` shows no ticket.
#[derive(Default)]
pub(crate) struct Lent {
    producer_id: Option<i64>,
    /// The epoch with which it was lent.
    first_epoch: i16,
    ticket: Option<Vec<u8>>,
    /// Leases of earlier programs, whose batches are sent again.
    former: Vec<HeldLease>,
    /// Ids of such leases that are over, and nobody has asked yet.
    lost: Vec<i64>,
    /// Ids to be released.
    pub(crate) to_release: Vec<i64>,
    /// How often any ticket has changed.
    changes: u32,
}

impl Lent {
    /// The id and the epoch with which it was lent: an id comes back, with a higher one.
    pub(crate) fn identity(&self) -> Option<(i64, i16)> {
        self.producer_id.map(|producer_id| (producer_id, self.first_epoch))
    }

    /// The latest ticket, to resume the lease with.
    pub(crate) fn ticket(&self) -> Option<&[u8]> {
        self.ticket.as_deref()
    }

    /// The tickets of a HELLO: those of earlier programs first.
    pub(crate) fn tickets(&self) -> Vec<&[u8]> {
        let former = self.former().iter().map(|lease| lease.ticket.as_slice());
        let mut tickets: Vec<&[u8]> = former.collect();
        tickets.extend(self.ticket());
        tickets
    }

    /// Every lease, the current one last.
    pub(crate) fn all(&self) -> Vec<HeldLease> {
        let current = self.producer_id.zip(self.ticket.clone());
        let current = current.map(|(producer_id, ticket)| HeldLease {
            producer_id,
            ticket,
            is_former: false,
        });
        let mut all = self.former().to_vec();
        all.extend(current);
        all
    }

    fn former(&self) -> &[HeldLease] {
        if RESUME { &self.former } else { &[] }
    }

    pub(crate) fn changes(&self) -> u32 {
        self.changes
    }

    /// The bridge lends this from now on.
    pub(crate) fn set(&mut self, lease: &Lease<'_>) {
        self.producer_id = Some(lease.producer_id);
        self.first_epoch = lease.epoch;
        self.renew(lease);
    }

    /// The bridge proves anew what it lends, or lends something else because that is used up.
    pub(crate) fn renew(&mut self, lease: &Lease<'_>) {
        self.changes = self.changes.wrapping_add(1);
        let ticket = lease.ticket.to_vec();
        let mut formers = self.former.iter_mut().filter(|_| RESUME);
        let former = formers.find(|it| it.producer_id == lease.producer_id);
        if self.producer_id == Some(lease.producer_id) {
            self.ticket = Some(ticket);
        } else if let Some(former) = former {
            former.ticket = ticket;
        } else {
            self.set(lease);
        }
    }

    /// An earlier program had this one.
    #[cfg(feature = "resume")]
    pub(crate) fn add_former(&mut self, lease: HeldLease) {
        self.former.push(lease);
    }

    /// The ids that earlier programs had, in the order of their tickets.
    pub(crate) fn former_ids(&self) -> Vec<i64> {
        self.former().iter().map(|lease| lease.producer_id).collect()
    }

    /// The bridge does not resume this lease of an earlier program.
    pub(crate) fn lose_former(&mut self, producer_id: i64) {
        self.forget_former(producer_id);
        self.lost.push(producer_id);
    }

    /// Nothing of this lease is to be sent again.
    pub(crate) fn forget_former(&mut self, producer_id: i64) {
        if RESUME {
            self.former.retain(|lease| lease.producer_id != producer_id);
        }
        self.changes = self.changes.wrapping_add(1);
    }

    pub(crate) fn take_lost(&mut self) -> Option<i64> {
        self.lost.pop()
    }

    /// The ticket is good for nothing any more. No stream is opened until there is another; the id
    /// is remembered, so that the core sees it change.
    pub(crate) fn forget_ticket(&mut self) {
        self.ticket = None;
    }
}

impl fmt::Debug for HeldLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLease").field("producer_id", &self.producer_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("producer_id", &self.producer_id).finish_non_exhaustive()
    }
}
