//! The end of a batch's way: acknowledged, sent again, or failed with a reason.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::node::Sent;
use super::split::SPLIT;
use super::store::STORE;
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::accumulator::delivery::Outcome;
use crate::error::{DeliveryError, ErrorCode, Reason, Written};
use crate::interceptor::Acknowledgement;
use crate::log::line;
use crate::protocol::api_key::BROKERS;
use crate::protocol::produce::PartitionProduceResponse;
use crate::sync::{Lock, Platform};
use crate::time::Instant;

impl<X: Platform> Sender<X> {
    /// The broker's word on one batch.
    pub(super) fn handle_answer(
        &mut self,
        sent: Sent<X>,
        answer: &PartitionProduceResponse<'_>,
        now: Instant,
    ) {
        if answer.error.refreshes_metadata() {
            self.metadata.want_all();
            // Where topics have no ids, nothing else tells that this one was created anew, and that
            // its epochs begin again.
            if BROKERS {
                let lane = &mut self.lanes[sent.lane as usize];
                lane.epoch_doubted = self.topics[lane.topic].id.is_zero();
            }
        }
        match answer.error {
            ErrorCode::None => {
                let base = (answer.base_offset >= 0).then_some(answer.base_offset);
                let time = (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms);
                self.acknowledged(sent, base, time, now);
            }
            // It was written before, and the broker doesn't remember where.
            ErrorCode::DuplicateSequenceNumber => self.acknowledged(sent, None, None, now),
            ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge
                if SPLIT && sent.batch.may_be_split() =>
            {
                self.split(sent, now);
            }
            ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId => {
                self.out_of_order(sent, answer, now);
            }
            ErrorCode::InvalidProducerEpoch if !self.is_transactional() => {
                self.fenced(sent, answer, now)
            }
            error if error.retriable() => {
                let lane = sent.lane;
                self.unanswered(sent, error, error.written() != Written::No, now);
                if let Some(leader) = answer.current_leader {
                    self.learn_leader(lane, leader.leader_id, leader.leader_epoch, now);
                }
            }
            _ => self.refused(sent, answer, now),
        }
    }

    /// In the log, or as good as (`acks=0`).
    pub(super) fn acknowledged(
        &mut self,
        sent: Sent<X>,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        now: Instant,
    ) {
        let Sent { lane, batch, .. } = sent;
        self.lanes[lane as usize].acknowledged(&batch, now);
        // If it is in the log, so are those before it.
        for batch in self.lanes[lane as usize].take_set_aside(&batch) {
            self.succeed(lane, batch, None, None);
        }
        self.succeed(lane, batch, base_offset, log_append_time);
        self.schedule(lane, now);
    }

    fn succeed(
        &mut self,
        lane: LaneId,
        batch: Box<ProducerBatch<X>>,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    ) {
        if !batch.resolved {
            let count = batch.record_count();
            self.metrics.records_acknowledged += u64::from(count);
            let offset = base_offset.unwrap_or(-1);
            line!(Trace, "{}: {count} records acknowledged, offset {offset}", self.spot(lane));
            self.tell_interceptors(lane, &batch, base_offset, None);
            batch.result.resolve(Outcome::Acknowledged { base_offset, log_append_time });
        }
        self.discard(batch);
    }

    /// No answer, or one that a repetition may improve: again, if there is time left.
    pub(super) fn unanswered(
        &mut self,
        sent: Sent<X>,
        code: ErrorCode,
        maybe_written: bool,
        now: Instant,
    ) {
        let Sent { lane, mut batch, .. } = sent;
        self.lanes[lane as usize].in_flight -= 1;
        batch.maybe_written |= maybe_written;
        batch.lost |= maybe_written && code == ErrorCode::NetworkException;
        batch.last_error = Some(code);
        self.retry_or_fail(lane, batch, now);
    }

    fn retry_or_fail(&mut self, lane: LaneId, batch: Box<ProducerBatch<X>>, now: Instant) {
        let config = self.config();
        if batch.resolved {
            // Its time was up while it was on the wire. If the broker took it after all, the next
            // batch fits on; if not, the broker says so.
            self.discard(batch);
        } else if batch.created + config.delivery_timeout <= now {
            let error = expired(&batch);
            self.fail(lane, batch, error);
        } else if batch.attempts > config.retries {
            let code = batch.last_error.unwrap_or(ErrorCode::NetworkException);
            let error = broker_error(&batch, code, None);
            self.fail(lane, batch, error);
        } else {
            let records = u64::from(batch.record_count());
            self.metrics.records_retried += records;
            let backoff = self.retry_backoff(batch.attempts);
            let backoff = self.shorten(backoff, batch.last_error);
            let code = batch.last_error.unwrap_or(ErrorCode::NetworkException);
            let millis = backoff.as_millis();
            line!(Debug, "{}: {records} records again in {millis} ms: {code}", self.spot(lane));
            let state = &mut self.lanes[lane as usize];
            state.backoff_until = Some(now + backoff);
            state.put_back(batch);
            let topic = &self.topics[self.lanes[lane as usize].topic];
            topic.state.metrics.with(|metrics| metrics.records_retried += records);
        }
        self.schedule(lane, now);
    }

    /// The broker expects another sequence. Behind a batch that is to be sent again that is only
    /// natural; for the first in line it means that one before it never arrived, so a new epoch
    /// begins for this partition alone, and nothing is fatal (rows F1, §4.12.4).
    fn out_of_order(
        &mut self,
        mut sent: Sent<X>,
        answer: &PartitionProduceResponse<'_>,
        now: Instant,
    ) {
        let lane = &mut self.lanes[sent.lane as usize];
        if lane.set_aside(&mut sent.batch) {
            lane.in_flight -= 1;
            lane.put_back(sent.batch);
            return self.schedule(sent.lane, now);
        }
        if STORE && sent.batch.restored && sent.batch.created + self.config().request_timeout <= now
        {
            return self.give_up(sent, answer, now);
        }
        let lane = &mut self.lanes[sent.lane as usize];
        lane.try_again();
        let position = sent.batch.position;
        let first_in_line = lane.retries.front().is_none_or(|front| position <= front.position);
        lane.gap |= first_in_line;
        // Were it in the log, the broker would have known it again. But what went over a lost
        // connection may still arrive, and the batch before it too.
        sent.batch.maybe_written = sent.batch.lost;
        self.unanswered(sent, answer.error, false, now);
    }

    /// Of what an earlier producer left the broker knows none, and what was under way then has had
    /// its time to arrive: one before them is missing. They fail, and hold up nothing any more.
    fn give_up(&mut self, sent: Sent<X>, answer: &PartitionProduceResponse<'_>, now: Instant) {
        for batch in self.lanes[sent.lane as usize].take_set_aside(&sent.batch) {
            let error = broker_error(&batch, answer.error, answer.error_message);
            self.fail(sent.lane, batch, error);
        }
        self.refused(sent, answer, now);
    }

    /// The partition knows a newer epoch of the producer id: go on under the next one (KIP-360).
    /// Not under another id, since only a higher epoch of this one keeps out what may still arrive
    /// of lost connections.
    fn fenced(&mut self, sent: Sent<X>, answer: &PartitionProduceResponse<'_>, now: Instant) {
        self.lanes[sent.lane as usize].gap = true;
        if sent.batch.maybe_written {
            self.refused(sent, answer, now);
        } else {
            self.unanswered(sent, answer.error, false, now);
        }
    }

    /// No repetition helps: the batch fails, and its sequence numbers with it.
    fn refused(&mut self, sent: Sent<X>, answer: &PartitionProduceResponse<'_>, now: Instant) {
        let Sent { lane, batch, .. } = sent;
        let state = &mut self.lanes[lane as usize];
        state.in_flight -= 1;
        state.gap |= batch.sequence.is_some();
        if batch.resolved {
            self.discard(batch);
        } else {
            let invalid = invalid_records(&batch, answer);
            if invalid.is_empty() {
                let error = broker_error(&batch, answer.error, answer.error_message);
                self.fail(lane, batch, error);
            } else if SPLIT && self.config().resend_valid_records && !batch.maybe_written {
                self.resend_valid(lane, batch, invalid);
            } else {
                self.fail_records(lane, batch, invalid, answer.error);
            }
        }
        self.schedule(lane, now);
    }

    fn fail_records(
        &mut self,
        lane: LaneId,
        batch: Box<ProducerBatch<X>>,
        invalid: Vec<(u32, DeliveryError)>,
        code: ErrorCode,
    ) {
        let error = broker_error(&batch, code, None);
        self.note_failure(lane, &batch, &error);
        let (written, attempts) = (batch.written(), batch.attempts);
        batch.result.resolve(Outcome::Refused { invalid, written, attempts });
        self.discard(batch);
    }

    pub(super) fn fail(
        &mut self,
        lane: LaneId,
        batch: Box<ProducerBatch<X>>,
        error: DeliveryError,
    ) {
        self.note_failure(lane, &batch, &error);
        batch.result.resolve(Outcome::Failed(Box::new(error)));
        self.discard(batch);
    }

    /// What comes before the deliveries of a batch that has failed resolve.
    pub(super) fn note_failure(
        &mut self,
        lane: LaneId,
        batch: &ProducerBatch<X>,
        error: &DeliveryError,
    ) {
        self.count_failed(lane, batch);
        self.tell_interceptors(lane, batch, None, Some(error));
        self.doom_transaction(error, batch.sequence.is_some());
    }

    fn count_failed(&mut self, lane: LaneId, batch: &ProducerBatch<X>) {
        let records = u64::from(batch.record_count());
        line!(Debug, "{}: {records} records failed", self.spot(lane));
        self.metrics.records_failed += records;
        let topic = &self.topics[self.lanes[lane as usize].topic];
        topic.state.metrics.with(|metrics| metrics.records_failed += records);
    }

    fn tell_interceptors(
        &self,
        lane: LaneId,
        batch: &ProducerBatch<X>,
        base_offset: Option<i64>,
        error: Option<&DeliveryError>,
    ) {
        let lane = &self.lanes[lane as usize];
        for interceptor in &self.shared.interceptors {
            interceptor.on_acknowledgement(&Acknowledgement {
                topic: &self.topics[lane.topic].state.name,
                partition: lane.partition.index,
                record_count: batch.record_count(),
                base_offset,
                error,
            });
        }
    }

    /// A batch that has its outcome and is off the wire: its memory goes back.
    pub(super) fn discard(&mut self, batch: Box<ProducerBatch<X>>) {
        let resolved = batch.resolved;
        let number = batch.number();
        self.forget_stored(&batch);
        let buffer = batch.into_buffer();
        self.shared.pool.with(|pool| {
            if !resolved {
                pool.complete(number);
            }
            pool.release(buffer);
        });
        self.shared.grant_memory();
        self.completed = true;
    }
}

/// The records that the broker names as the reason (KIP-467), sorted.
fn invalid_records<X: Platform>(
    batch: &ProducerBatch<X>,
    answer: &PartitionProduceResponse<'_>,
) -> Vec<(u32, DeliveryError)> {
    let mut invalid: Vec<(u32, DeliveryError)> = Vec::new();
    for error in answer.record_errors {
        let Ok(index) = u32::try_from(error.index) else { continue };
        // Brokers send them in order; one that doesn't costs moves, and the first of twins counts.
        if let Err(at) = invalid.binary_search_by_key(&index, |(index, _)| *index)
            && index < batch.record_count()
        {
            let message = error.message.or(answer.error_message);
            invalid.insert(at, (index, broker_error(batch, answer.error, message)));
        }
    }
    invalid
}

/// `delivery.timeout.ms` is over.
pub(super) fn expired<X: Platform>(batch: &ProducerBatch<X>) -> DeliveryError {
    batch.failed(Reason::Expired { last: batch.last_error })
}

pub(super) fn broker_error<X: Platform>(
    batch: &ProducerBatch<X>,
    code: ErrorCode,
    message: Option<&str>,
) -> DeliveryError {
    let written = match code.written() {
        Written::No if batch.maybe_written => Written::Maybe,
        written => written,
    };
    DeliveryError {
        reason: Reason::Broker(code),
        written,
        attempts: batch.attempts,
        message: message.map(Into::into),
    }
}
