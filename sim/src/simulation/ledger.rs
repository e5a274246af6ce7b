//! What the application was told of each of its records.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use ottla_core::time::Instant;
use ottla_core::{Delivery, DeliveryError, RecordMetadata};

use super::clock::Simulated;
use super::content::{Content, RecordId};

/// How much later than `delivery.timeout.ms` after its acceptance a record may have its outcome.
const SLACK: Duration = Duration::from_millis(1);

/// A record that the application tried to send.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    pub(crate) task: u32,
    pub(crate) topic: &'static str,
    /// Where it was accepted.
    pub(crate) accepted: Option<Accepted>,
}

/// An accepted record.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) partition: i32,
    /// When, and as the how manieth.
    pub(crate) at: Instant,
    pub(crate) number: usize,
    /// `None` where the application dropped it.
    pub(crate) delivery: Option<Delivery<Simulated>>,
}

impl Accepted {
    /// What the application was told, if anything yet.
    pub(crate) fn outcome(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        self.delivery.as_ref().and_then(Delivery::try_get)
    }

    fn is_settled(&self) -> bool {
        self.delivery.as_ref().is_none_or(|delivery| delivery.try_get().is_some())
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    /// Accepted records in the order of their acceptance.
    pub(crate) accepted: Vec<RecordId>,
    /// Those whose time has not run out yet.
    watched: VecDeque<RecordId>,
    /// In the order of their beginnings.
    pub(crate) transactions: Vec<TransactionEntry>,
}

/// A transaction that the application began.
#[derive(Debug, Default)]
pub(crate) struct TransactionEntry {
    /// Its records that were accepted.
    pub(crate) records: Vec<RecordId>,
    /// The group's offset that was committed with it.
    pub(crate) offset: Option<i64>,
    /// Nobody waited for whether the coordinator took the offset.
    pub(crate) offset_unsure: bool,
    pub(crate) told: Told,
}

/// What the application knows of a transaction's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Told {
    /// It never asked for a commit, or was told that there is none.
    #[default]
    Aborted,
    Committed,
    /// It asked for a commit, and nobody told what became of it.
    Nothing,
}

impl Ledger {
    /// A record is about to be sent.
    pub(crate) fn offer(
        &mut self,
        task: u32,
        topic: &'static str,
        make: impl FnOnce(RecordId) -> Content,
    ) -> Content {
        let content = make(self.entries.len() as RecordId);
        self.entries.push(Entry { content, task, topic, accepted: None });
        content
    }

    /// It was accepted.
    pub(crate) fn accept(
        &mut self,
        id: RecordId,
        at: Instant,
        partition: i32,
        delivery: Option<Delivery<Simulated>>,
    ) {
        let number = self.accepted.len();
        self.accepted.push(id);
        if delivery.is_some() {
            self.watched.push_back(id);
        }
        self.entries[id as usize].accepted = Some(Accepted { partition, at, number, delivery });
    }

    pub(crate) fn accepted(&self, id: RecordId) -> Option<&Accepted> {
        self.entries.get(id as usize)?.accepted.as_ref()
    }

    /// The first accepted record that has no outcome although its time ran out before `now`.
    pub(crate) fn overdue(&mut self, now: Instant, timeout: Duration) -> Option<RecordId> {
        while let Some(&id) = self.watched.front()
            && let Some(accepted) = self.accepted(id)
        {
            if !accepted.is_settled() {
                let is_late = accepted.at + timeout + SLACK < now;
                return is_late.then_some(id);
            }
            self.watched.pop_front();
        }
        None
    }

    /// The first of the `count` records accepted first that has no outcome.
    pub(crate) fn unsettled_before(&self, count: usize) -> Option<RecordId> {
        let mut ids = self.accepted[..count].iter();
        ids.find(|id| self.accepted(**id).is_some_and(|it| !it.is_settled())).copied()
    }
}

/// Waits until a record has its outcome.
pub(crate) async fn settled(ledger: &RefCell<Ledger>, id: RecordId) {
    poll_fn(|cx| {
        let mut ledger = ledger.borrow_mut();
        let accepted = ledger.entries[id as usize].accepted.as_mut();
        let delivery = accepted.and_then(|accepted| accepted.delivery.as_mut());
        let delivery = delivery.expect("only records with a delivery are waited for");
        Pin::new(delivery).poll(cx).map(|_| ())
    })
    .await;
}
