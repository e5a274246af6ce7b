//! Transactions: what the application asks for and what batches meet with, told to the state
//! machine; what that means for the batches.

use alloc::string::ToString;
use core::time::Duration;

use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::error::{DeliveryError, ErrorCode, Reason};
use crate::log::line;
use crate::protocol::api_versions::Features;
use crate::sync::{Arc, Lock, Platform};
use crate::time::Instant;
use crate::transaction::{AbortCause, Ask, FatalError, Refused, Target, TransactionManager};
use crate::transport::NodeId;

pub(super) use crate::transaction::Asked;

/// How soon a request is repeated that came while the transaction before was being finished.
pub(super) const SOON: Duration = Duration::from_millis(20);

/// See the [module](self).
#[derive(Default)]
pub(super) struct Transactions {
    pub(super) manager: TransactionManager,
    /// What is to be asked, when time and connections allow.
    pub(super) next: Option<Asked>,
    /// A batch was opened since batches outside of a transaction were last looked for.
    opened: bool,
}

impl<X: Platform> Sender<X> {
    pub(super) fn transactional_id(&self) -> Option<&str> {
        self.config().transactional_id.as_deref()
    }

    /// Transactions of version 2 are what Produce means from version 12 on (KIP-890).
    pub(super) fn produce_limit(&self) -> i16 {
        let first = self.is_transactional() && !self.transactions.manager.is_second();
        if first { 11 } else { i16::MAX }
    }

    /// Whether a batch of this lane may leave, as far as transactions are concerned.
    pub(super) fn join_transaction(&mut self, lane: LaneId) -> bool {
        !self.is_transactional() || self.transactions.manager.join(lane)
    }

    /// The lane's sequences have a gap, which only another epoch mends; that one comes with the
    /// next transaction (KIP-360), so this one has to be aborted. False while that goes on.
    pub(super) fn mend_by_abort(&mut self, id: LaneId) -> bool {
        let current = self.identity.current();
        let lane = &mut self.lanes[id as usize];
        let over = current.is_some_and(|current| lane.is_stale(current));
        if over && lane.in_flight == 0 && lane.retries.is_empty() {
            lane.restart(current);
            return true;
        }
        let code = ErrorCode::OutOfOrderSequenceNumber;
        let manager = &mut self.transactions.manager;
        manager.lose_sequences();
        manager.doom(AbortCause::Refused { request: "Produce", code });
        false
    }

    /// The brokers are still finishing the transaction before: that takes less than a backoff.
    pub(super) fn shorten(&self, backoff: Duration, code: Option<ErrorCode>) -> Duration {
        let soon = code == Some(ErrorCode::ConcurrentTransactions);
        if soon { backoff.min(SOON) } else { backoff }
    }

    /// A batch failed. `numbered`: it took sequence numbers with it.
    pub(super) fn doom_transaction(&mut self, error: &DeliveryError, numbered: bool) {
        if !self.is_transactional() {
            return;
        }
        let manager = &mut self.transactions.manager;
        if numbered {
            manager.lose_sequences();
        }
        let request = "Produce";
        match error.reason {
            Reason::Broker(ErrorCode::ProducerFenced) => manager.fail(FatalError::Fenced),
            Reason::Broker(
                code @ (ErrorCode::TransactionalIdAuthorizationFailed
                | ErrorCode::ClusterAuthorizationFailed
                | ErrorCode::UnsupportedVersion),
            ) => manager.fail(FatalError::Refused { request, code }),
            _ => manager.doom(AbortCause::Record(error.clone())),
        }
    }

    /// The lane's log is another one now.
    pub(super) fn lose_log(&mut self, _lane: LaneId) {
        if self.is_transactional() {
            self.transactions.manager.topic_recreated();
        }
    }

    pub(super) fn batch_opened(&mut self) {
        self.transactions.opened = true;
    }

    pub(super) fn handle_ask(&mut self, ask: Ask, now: Instant) {
        let manager = &mut self.transactions.manager;
        match ask {
            Ask::Initialise => manager.initialise(),
            Ask::Begin => {
                line!(Debug, "a transaction begins");
                manager.begin();
            }
            Ask::Offsets(offsets) => manager.send_offsets(*offsets),
            Ask::End { commit } => {
                line!(
                    Debug,
                    "the transaction ends with {}",
                    if commit { "commit" } else { "abort" }
                );
                manager.end(commit);
                self.send_all_so_far(now);
            }
        }
    }

    /// Does what can be done now, and tells the application.
    pub(super) fn advance_transaction(&mut self, now: Instant) {
        if !self.is_transactional() {
            return;
        }
        self.refuse_batches();
        let drained = self.transactions.manager.is_ending() && self.is_drained();
        self.transactions.next = self.transactions.manager.next(drained);
        self.ask_next(now);
        if self.identity.current() != self.transactions.manager.identity() {
            self.identity.set(self.transactions.manager.identity());
            self.activate_all();
        }
        if let Some(news) = self.transactions.manager.take_news() {
            self.shared.desk.with(|desk| desk.news = news);
            self.completed = true;
            self.activate_all();
        }
        self.visit_active(now);
    }

    /// When it goes on, as far as time decides.
    pub(super) fn transaction_due(&self) -> Option<Instant> {
        let asked = self.transactions.next.as_ref()?;
        let at = match self.transactions.manager.target(asked) {
            Target::Any => self.askable_at().or_else(|| self.link_due()),
            Target::Node(id) => match self.nodes.get(&id) {
                Some(node) => node.askable_at(),
                None => Some(Instant::ZERO),
            },
        };
        at.map(|at| at.max(self.transactions.manager.not_before()))
    }

    /// No batch is without an outcome, and none on its way.
    fn is_drained(&self) -> bool {
        self.shared.pool.with(|pool| pool.all_complete_below(pool.next_number()))
            && self.lanes.iter().all(|lane| lane.in_flight == 0)
    }

    /// Batches that belong to no transaction fail, and those of one that is given up (KIP-654).
    /// What has a sequence number is told from what may be in the log only under version 2, where
    /// the epoch keeps out what arrives late; else it is sent until its fate is known.
    fn refuse_batches(&mut self) {
        let Some(refused) = self.transactions.manager.refuses_batches() else { return };
        let opened = core::mem::take(&mut self.transactions.opened);
        let (message, outside, at_once): (Arc<str>, _, _) = match refused {
            Refused::Outside if opened => {
                ("it was sent outside of a transaction".into(), true, false)
            }
            Refused::Outside => return,
            Refused::Aborted(None) => ("as it was asked for".into(), false, false),
            Refused::Aborted(Some(cause)) => (cause.to_string().into(), false, false),
            Refused::For(error) => (error.to_string().into(), false, true),
        };
        let at_once = at_once || self.transactions.manager.is_second();
        for id in 0..self.lanes.len() as LaneId {
            self.refuse_queue(id, &message, outside);
            if !outside {
                self.refuse_retries(id, &message, at_once);
            }
        }
    }

    fn refuse_queue(&mut self, id: LaneId, message: &Arc<str>, outside: bool) {
        loop {
            // Looked at under the queue's lock: what is appended later is in a transaction.
            let shared = &self.shared;
            let stray = |_: &ProducerBatch<X>| !outside || !shared.desk.with(|desk| desk.open);
            let Some(batch) = self.lanes[id as usize].partition.pop_if(stray) else { return };
            let error = aborted(&batch, message);
            self.fail(id, batch, error);
        }
    }

    fn refuse_retries(&mut self, id: LaneId, message: &Arc<str>, at_once: bool) {
        let lane = &mut self.lanes[id as usize];
        let gap = lane.gap;
        for batch in core::mem::take(&mut lane.retries) {
            if at_once || gap || batch.sequence.is_none() {
                let error = aborted(&batch, message);
                self.fail(id, batch, error);
            } else {
                self.lanes[id as usize].put_back(batch);
            }
        }
    }

    pub(super) fn coordinator_lost(&mut self, node: NodeId) {
        self.transactions.manager.node_lost(node);
    }

    pub(super) fn learn_features(&mut self, features: Features) {
        self.transactions.manager.learn(features);
    }

    /// Nobody accepts this client: whoever waits for the transactional id hears of it.
    pub(super) fn distrust_transaction(&mut self, why: &Arc<str>) {
        if self.is_transactional() && self.transactions.manager.identity().is_none() {
            let why = why.clone();
            self.transactions.manager.fail(FatalError::Authentication { why });
        }
    }

    /// A transaction that goes on is aborted when the producer is closed (row C2).
    pub(super) fn close_transaction(&mut self) {
        self.transactions.manager.close();
    }

    pub(super) fn is_transaction_settled(&self) -> bool {
        !self.is_transactional() || self.transactions.manager.is_settled()
    }

    pub(super) fn stop_transactions(&mut self) {
        if self.is_transactional() {
            self.transactions.manager.fail(FatalError::Closed);
            if let Some(news) = self.transactions.manager.take_news() {
                self.shared.desk.with(|desk| desk.news = news);
            }
        }
    }
}

fn aborted<X: Platform>(batch: &ProducerBatch<X>, message: &Arc<str>) -> DeliveryError {
    DeliveryError { message: Some(message.clone()), ..batch.failed(Reason::TransactionAborted) }
}
