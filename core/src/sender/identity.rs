//! The producer id and epoch that brokers recognise repeats by (KIP-98, KIP-360).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use super::node::Request;
use super::words::refusal;
use super::{LaneId, Sender};
use crate::accumulator::batch::{Identity, ProducerBatch};
use crate::error::{DeliveryError, ErrorCode, Reason, Written};
use crate::log::line;
use crate::protocol::api_key::ApiKey;
use crate::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::sync::Platform;
use crate::time::Instant;
use crate::transport::{NodeId, Session};

/// Whether there is a producer id. Asked for when the first batch wants one, not before: brokers
/// remember every id that was given out (KIP-936).
#[derive(Debug, Default)]
pub(super) struct IdentityState {
    current: Option<Identity>,
    /// Producer ids are lent: an epoch is raised on request.
    lent: bool,
    /// What `current` was, while the next epoch is asked for.
    raised_from: Option<Identity>,
    wanted: bool,
    in_flight: bool,
    attempts: u32,
    not_before: Instant,
}

impl IdentityState {
    pub(super) fn current(&self) -> Option<Identity> {
        self.current
    }

    /// A coordinator of transactions gave it out.
    #[cfg(feature = "transactions")]
    pub(super) fn set(&mut self, identity: Option<Identity>) {
        self.current = identity;
    }

    /// The next epoch, or a new id where epochs are used up. It is known at once unless the id is
    /// lent.
    fn bump(&mut self) {
        let before = self.current.filter(|identity| identity.epoch < i16::MAX);
        let next = |Identity { producer_id, epoch }| Identity { producer_id, epoch: epoch + 1 };
        self.current = before.filter(|_| !self.lent).map(next);
        self.raised_from = before.filter(|_| self.lent);
    }

    /// What to ask for.
    fn request(&self) -> InitProducerIdRequest<'static> {
        let request = InitProducerIdRequest::default();
        match self.raised_from {
            Some(Identity { producer_id, epoch: producer_epoch }) => {
                InitProducerIdRequest { producer_id, producer_epoch, ..request }
            }
            None => request,
        }
    }

    /// Whether the lease of the id has ended, now that `lent` is lent.
    fn is_lost(&self, (producer_id, first_epoch): (i64, i16)) -> bool {
        let current = self.current.or(self.raised_from);
        current.is_some_and(|it| it.producer_id != producer_id || it.epoch < first_epoch)
    }
}

impl<X: Platform> Sender<X> {
    /// Makes a lane ready to number its next batch. False while there is no producer id.
    pub(super) fn prepare_sequences(&mut self, id: LaneId) -> bool {
        if !self.config().is_idempotent() {
            return true;
        }
        let lane = &mut self.lanes[id as usize];
        let current = self.identity.current;
        if lane.gap && self.is_transactional() {
            return self.mend_by_abort(id);
        }
        let lane = &mut self.lanes[id as usize];
        if lane.gap && lane.may_restart() {
            // Other lanes move to the new epoch when nothing of theirs is on its way any more. A
            // lane that is behind already needs no further epoch.
            if current.is_some_and(|current| !lane.is_stale(current)) {
                line!(Debug, "{}: a gap in the sequences, so another epoch", self.spot(id));
                self.identity.bump();
                self.metrics.epoch_bumps += 1;
            }
            self.lanes[id as usize].restart(self.identity.current);
        }
        let Some(current) = self.identity.current else {
            self.identity.wanted = true;
            return false;
        };
        let lane = &mut self.lanes[id as usize];
        let numbered = lane.retries.iter().any(|batch| batch.sequence.is_some());
        if lane.is_stale(current) && lane.in_flight == 0 && !numbered {
            lane.restart(Some(current));
        }
        true
    }

    /// Takes note of what the transport knows of producer ids.
    pub(crate) fn follow_session(&mut self, session: Session, now: Instant) {
        self.identity.lent = session.lends_ids;
        let is_lost = session.producer_id.is_some_and(|lent| self.identity.is_lost(lent));
        // What is on the wire went over a connection that is lost as well, which is noticed soon.
        if is_lost && self.lanes.iter().all(|lane| lane.in_flight == 0) {
            self.lose_identity(now);
        }
    }

    /// What may be in the log stays unknown; all else goes on under the next id.
    fn lose_identity(&mut self, now: Instant) {
        let lost = self.identity.current.or(self.identity.raised_from);
        self.identity.current = None;
        self.identity.raised_from = None;
        // Those that an earlier producer stored may have a lease that lasts.
        let is_lost = |batch: &ProducerBatch<X>| {
            let producer_id = batch.sequence.map(|sequence| sequence.identity.producer_id);
            batch.maybe_written && producer_id == lost.map(|lost| lost.producer_id)
        };
        for id in 0..self.lanes.len() {
            let lane = &mut self.lanes[id];
            let retries = mem::take(&mut lane.retries);
            let (unknown, rest): (VecDeque<_>, _) =
                retries.into_iter().partition(|batch| is_lost(batch));
            lane.retries = rest;
            lane.restart(None);
            for batch in unknown {
                let error = lease_lost(&batch);
                self.fail(id as LaneId, batch, error);
            }
            self.schedule(id as LaneId, now);
        }
    }

    pub(super) fn identity_due(&self) -> Option<Instant> {
        let waits = self.identity.wanted && !self.identity.in_flight && !self.is_transactional();
        if !waits {
            return None;
        }
        Some(self.askable_at()?.max(self.identity.not_before))
    }

    /// Asks for a producer id where one is wanted.
    pub(super) fn ensure_identity(&mut self, now: Instant) {
        if self.identity_due().is_none_or(|due| due > now) {
            return;
        }
        let Some(node) = self.least_loaded(now) else { return };
        let versions = self.nodes.get(&node).map(|node| node.versions);
        let Some(version) = versions.and_then(|v| v.select(ApiKey::InitProducerId)) else {
            self.fail_for_want_of_identity(ErrorCode::UnsupportedVersion);
            return;
        };
        let asked = self.identity.request();
        let write = |head: &mut Vec<u8>| asked.encode(head, version);
        let request = self.begin_request(Request::InitProducerId, version, write, now);
        self.identity.in_flight = true;
        self.send_request(node, request);
    }

    pub(super) fn handle_init_producer_id(
        &mut self,
        node: NodeId,
        response: InitProducerIdResponse,
        now: Instant,
    ) {
        self.identity.in_flight = false;
        self.throttle(node, response.throttle_time_ms, now);
        if response.error.is_none() {
            let identity =
                Identity { producer_id: response.producer_id, epoch: response.producer_epoch };
            line!(Debug, "producer id {}, epoch {}", identity.producer_id, identity.epoch);
            self.identity.current = Some(identity);
            self.identity.raised_from = None;
            self.identity.wanted = false;
            self.identity.attempts = 0;
            self.activate_all();
            self.prepare_all_to_store(now);
            return;
        }
        let error = response.error;
        self.note_error(refusal(format_args!("no producer id: {error}"), error));
        self.identity_failed(now);
        if !response.error.retriable() {
            self.fail_for_want_of_identity(response.error);
        }
    }

    /// The request got no answer, or a refusal: another try after a while.
    pub(super) fn identity_failed(&mut self, now: Instant) {
        self.identity.in_flight = false;
        self.identity.attempts += 1;
        self.identity.not_before = now + self.retry_backoff(self.identity.attempts);
    }

    /// The cluster gives out no producer id: what waits for one fails with the reason. The next
    /// record asks again, since permissions can be granted while we run (KIP-360 as of 4.0).
    fn fail_for_want_of_identity(&mut self, code: ErrorCode) {
        self.identity.wanted = false;
        let error = DeliveryError {
            reason: Reason::Broker(code),
            written: Written::No,
            attempts: 0,
            message: Some("enable.idempotence needs a producer id from the cluster".into()),
        };
        self.fail_unsent(&error);
    }
}

pub(super) fn lease_lost<X: Platform>(batch: &ProducerBatch<X>) -> DeliveryError {
    DeliveryError {
        reason: Reason::LeaseLost,
        written: Written::Maybe,
        attempts: batch.attempts,
        message: None,
    }
}
