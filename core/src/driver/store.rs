//! What a driver says about batches that are stored before they are sent.

use super::Driver;
use crate::sender::{StoreTicket, ToStore};
use crate::sync::Platform;
use crate::time::Clock;
use crate::transport::Transport;

impl<X: Platform, T: Transport> Driver<X, T> {
    /// From now on every batch is stored before it is first sent, so that it outlives the program:
    /// in flash, in a browser's data base. Say so before the first record.
    ///
    /// After each [`poll`](Self::poll), store what [`next_to_store`](Self::next_to_store) gives, in
    /// its order, say so with [`stored`](Self::stored), and then remove what
    /// [`next_to_remove`](Self::next_to_remove) names; poll again if anything was stored. The next
    /// producer takes what is left with [`Producer::try_resend`](crate::Producer::try_resend).
    /// Nothing that was stored is lost then, and nothing is in the log twice for as long as the
    /// broker remembers the earlier producer (`producer.id.expiration.ms`, a day by default): its
    /// batches keep their producer id, epoch and sequences, and new ones begin under another id.
    ///
    /// With idempotence, batches are sealed and stored as soon as they are full or have lingered
    /// and there is a producer id, whether their leader can be reached or not. Records of an open
    /// batch are not stored. Not for transactions, which end with their producer.
    pub fn store_batches(&mut self) {
        self.sender.store_batches();
    }

    /// The next batch to be stored.
    pub fn next_to_store(&mut self) -> Option<ToStore<'_>> {
        self.sender.next_to_store()
    }

    /// The batch is stored, under `key`, and may be sent. Without a key it could not be stored: it
    /// is sent all the same, and lost if the program ends before it is acknowledged.
    pub fn stored(&mut self, ticket: StoreTicket, key: Option<u64>) {
        self.sender.handle_stored(ticket, key, self.shared.clock.now());
    }

    /// The key of a batch that has its outcome and may be removed.
    pub fn next_to_remove(&mut self) -> Option<u64> {
        self.sender.next_to_remove()
    }

    /// The producer id of batches that were [handed back](crate::Producer::try_resend) was lent,
    /// and its lease is over: what became of them stays unknown, and they are not sent again.
    pub fn lose_lease(&mut self, producer_id: i64) {
        self.sender.lose_lease(producer_id, self.shared.clock.now());
    }
}
