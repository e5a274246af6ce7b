//! Which records of aborted transactions a reader of committed ones doesn't see.

use std::collections::BTreeSet;

use ottla_core::records::BatchHeader;

/// The aborted transactions of one fetch, as the broker names them, and how far it is read.
#[derive(Debug, Default)]
pub(crate) struct Aborted {
    /// Offset of the first record and producer id, the last one first.
    to_come: Vec<(i64, i64)>,
    open: BTreeSet<i64>,
}

impl Aborted {
    /// From first offsets and producer ids, in any order.
    pub(crate) fn new(mut transactions: Vec<(i64, i64)>) -> Self {
        transactions.sort_unstable_by(|a, b| b.cmp(a));
        Self { to_come: transactions, open: BTreeSet::new() }
    }

    /// Whether a batch is hidden. To be asked of every batch, in order.
    pub(crate) fn hides(&mut self, batch: &BatchHeader) -> bool {
        let last = batch.base_offset.saturating_add(i64::from(batch.last_offset_delta));
        while let Some((_, producer_id)) = self.to_come.pop_if(|(first, _)| *first <= last) {
            self.open.insert(producer_id);
        }
        if batch.attributes.is_control() {
            self.open.remove(&batch.producer_id);
        }
        batch.attributes.is_transactional() && self.open.contains(&batch.producer_id)
    }
}
