//! One partition on its way to its leader: order, sequences, retries.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use super::store::STORE;
use crate::accumulator::batch::{Identity, ProducerBatch, Sequence};
use crate::accumulator::partition::Partition;
use crate::records::batch::increment_sequence;
use crate::sync::{Arc, Platform};
use crate::time::Instant;
use crate::transport::NodeId;

/// How long a broker knows a producer that is silent, at the least. The default of its
/// `producer.id.expiration.ms` is a day.
const REMEMBERED: Duration = Duration::from_secs(300);

/// See the [module](self).
pub(super) struct Lane<X: Platform> {
    pub(super) partition: Arc<Partition<X>>,
    /// Index of its topic.
    pub(super) topic: usize,
    pub(super) leader: Option<NodeId>,
    /// −1 where the brokers don't tell.
    pub(super) leader_epoch: i32,
    /// The next epoch is believed though it be lower: the topic may be another one.
    pub(super) epoch_doubted: bool,
    /// The node in whose ready queue the lane stands.
    pub(super) queued_at: Option<NodeId>,
    /// It is among those that linger until the leader has nothing in flight.
    pub(super) lingers: bool,
    /// Sealed batches that are not on the wire, in order: those that have to go again, and behind
    /// them, where batches are stored before they are sent, those that are ready to go.
    pub(super) retries: VecDeque<Box<ProducerBatch<X>>>,
    /// Batches on the wire, all of them to `sent_to`.
    pub(super) in_flight: usize,
    pub(super) sent_to: Option<NodeId>,
    /// What is on the wire was sent before.
    pub(super) resending: bool,
    pub(super) backoff_until: Option<Instant>,
    /// When it is looked at again, at the latest.
    pub(super) alarm: Option<Instant>,
    /// Whose sequence numbers are used; changes only while nothing is in flight.
    identity: Option<Identity>,
    next_sequence: i32,
    /// When the broker last took a batch of this identity.
    acknowledged_at: Option<Instant>,
    last_position: u64,
    /// A sequence number was given to a batch that isn't in the log and never will be: the broker
    /// takes nothing more under this epoch.
    pub(super) gap: bool,
}

/// What a lane's next step is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Nothing to send, or it has to wait for answers.
    Nothing,
    /// Look again then.
    At(Instant),
    /// Send.
    Now,
}

impl<X: Platform> Lane<X> {
    /// With room for `reserved` batches that are sent again.
    pub(super) fn new(partition: Arc<Partition<X>>, topic: usize, reserved: usize) -> Self {
        Self {
            partition,
            topic,
            leader: None,
            leader_epoch: -1,
            epoch_doubted: false,
            queued_at: None,
            lingers: false,
            retries: VecDeque::with_capacity(reserved),
            in_flight: 0,
            sent_to: None,
            resending: false,
            backoff_until: None,
            alarm: None,
            identity: None,
            next_sequence: 0,
            acknowledged_at: None,
            last_position: 0,
            gap: false,
        }
    }

    /// Whether batches wait here, full or not.
    pub(super) fn has_batches(&self) -> bool {
        !self.retries.is_empty() || self.partition.queued() > 0
    }

    /// Whether any of its batches has no outcome.
    pub(super) fn is_open(&self) -> bool {
        self.has_batches() || self.in_flight > 0
    }

    /// Whether another batch may join those on the wire.
    ///
    /// Batches that were sent before go one at a time until all of them have an answer, and nothing
    /// goes beside them: so order holds with and without idempotence (rows E6.4, E6.6), and a batch
    /// that is sent again is among the last five of which the broker knows a repeat. Nor does
    /// a second batch go before the broker knows the producer: from one that it does not know it
    /// takes any sequence (KIP-360), so it would take the second and refuse the first.
    pub(super) fn may_send(
        &self,
        pipeline: usize,
        current: Option<Identity>,
        now: Instant,
    ) -> bool {
        if self.in_flight == 0 {
            return true;
        }
        let same_node = self.sent_to == self.leader;
        !self.retries.front().is_some_and(|batch| batch.resend)
            && !self.resending
            && same_node
            && self.keeps_order(current, now)
            && self.in_flight < pipeline
    }

    /// Whether the broker takes batches in their order only, if several come at once.
    pub(super) fn keeps_order(&self, current: Option<Identity>, now: Instant) -> bool {
        let same_identity = current.is_none() || self.identity == current;
        !self.gap && same_identity && self.is_known(now)
    }

    /// Whether the broker knows the producer, so that it keeps the order of its sequences.
    fn is_known(&self, now: Instant) -> bool {
        self.acknowledged_at.is_some_and(|at| now.since(at) < REMEMBERED)
    }

    /// The broker has taken this batch.
    pub(super) fn acknowledged(&mut self, batch: &ProducerBatch<X>, now: Instant) {
        self.in_flight -= 1;
        let identity = batch.sequence.map(|sequence| sequence.identity);
        if identity.is_some() && identity == self.identity {
            self.acknowledged_at = Some(now);
        }
    }

    /// The place in the order of a batch that leaves for the first time.
    pub(super) fn next_position(&mut self) -> u64 {
        self.last_position += 1;
        self.last_position
    }

    /// Puts a batch back that has to be sent again, keeping the order. Parts of one batch share its
    /// position; of these at most the first is out, or one is put in after the other, last first.
    pub(super) fn put_back(&mut self, mut batch: Box<ProducerBatch<X>>) {
        batch.resend = true;
        let at = self.retries.partition_point(|other| other.position < batch.position);
        self.retries.insert(at, batch);
    }

    /// Takes the batch that goes next of those that wait: the first, since order counts.
    ///
    /// Behind a gap a broker takes nothing, unless it has forgotten the producer (its topic was
    /// created anew, say). So one there that may be in the log all the same goes before the others:
    /// the broker knows it again, or refuses it, and then it isn't there.
    pub(super) fn take_waiting(&mut self) -> Option<Box<ProducerBatch<X>>> {
        self.retries.remove(self.next_waiting())
    }

    /// The batch that [`take_waiting`](Self::take_waiting) takes.
    pub(super) fn peek_waiting(&self) -> Option<&ProducerBatch<X>> {
        self.retries.get(self.next_waiting()).map(|batch| &**batch)
    }

    /// Where the batch stands that goes next of those that wait.
    ///
    /// Of what an earlier producer left, the broker may have much more than the last five batches,
    /// which are all that it knows again. So those that it does not know are set aside until one
    /// behind them is tried: if that is in the log, so are they.
    fn next_waiting(&self) -> usize {
        if STORE && self.retries.front().is_some_and(|batch| batch.set_aside) {
            let mut waiting = self.retries.iter();
            return waiting.position(|batch| batch.restored && !batch.set_aside).unwrap_or(0);
        }
        let mut waiting = self.retries.iter();
        let doubtful = waiting.position(|batch| self.gap && batch.maybe_written && !batch.lost);
        doubtful.unwrap_or(0)
    }

    /// Sets a batch aside that an earlier producer left, if there is one behind it to be tried.
    /// Returns whether it did.
    pub(super) fn set_aside(&self, batch: &mut ProducerBatch<X>) -> bool {
        if !STORE {
            return false;
        }
        let identity = |batch: &ProducerBatch<X>| batch.sequence.map(|it| it.identity);
        let mut behind = self.retries.iter().filter(|it| it.restored && !it.set_aside);
        batch.set_aside = batch.restored && behind.any(|it| identity(it) == identity(batch));
        batch.set_aside
    }

    /// All that were set aside are to be tried again.
    pub(super) fn try_again(&mut self) {
        if STORE {
            self.retries.iter_mut().for_each(|batch| batch.set_aside = false);
        }
    }

    /// Takes out what the same earlier producer left and was set aside before this batch of its.
    pub(super) fn take_set_aside(
        &mut self,
        batch: &ProducerBatch<X>,
    ) -> VecDeque<Box<ProducerBatch<X>>> {
        if !STORE {
            return VecDeque::new();
        }
        let identity = batch.sequence.map(|it| it.identity);
        if !batch.restored || !self.retries.front().is_some_and(|front| front.set_aside) {
            return VecDeque::new();
        }
        let is_aside = |other: &ProducerBatch<X>| {
            other.set_aside && other.sequence.map(|it| it.identity) == identity
        };
        let retries = core::mem::take(&mut self.retries);
        let (aside, rest) = retries.into_iter().partition(|batch| is_aside(batch));
        self.retries = rest;
        aside
    }

    /// A new epoch may begin: no answer is outstanding, and no batch to be sent again might be in
    /// the log under its old sequence, where a new one would store it twice.
    pub(super) fn may_restart(&self) -> bool {
        self.in_flight == 0 && !self.retries.iter().any(|batch| batch.maybe_written)
    }

    /// Whether the lane's sequences belong to another identity than `current`.
    pub(super) fn is_stale(&self, current: Identity) -> bool {
        self.identity != Some(current)
    }

    /// Begins at sequence 0 under another identity.
    pub(super) fn restart(&mut self, identity: Option<Identity>) {
        debug_assert!(self.in_flight == 0, "sequences restart only when nothing is in flight");
        self.identity = identity;
        self.next_sequence = 0;
        self.acknowledged_at = None;
        self.gap = false;
        // Others only remain of what an earlier producer left, under an id of its own.
        for batch in self.retries.iter_mut().filter(|batch| !batch.maybe_written) {
            batch.unnumber();
        }
    }

    /// The sequence of the next batch, of `records` records.
    pub(super) fn take_sequence(&mut self, records: u32) -> Option<Sequence> {
        let identity = self.identity?;
        let base = self.next_sequence;
        self.next_sequence = increment_sequence(base, records as i32);
        Some(Sequence { identity, base })
    }
}
