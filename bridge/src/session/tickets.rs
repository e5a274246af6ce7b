//! LEASE and TICKET: the leases of a session, as its client asks for them and hears of them.

use ottla_bridge_protocol::{CloseCode, Frame, LeaseAnswer, LeaseRefusal, LeaseRequest};
use tokio::time::Instant;

use super::greet::lease_frame;
use super::{Closed, Event, InitCall, Session};
use crate::auth::LeaseGrant;
use crate::kafka::init_producer_id::{self, Request};
use crate::lease::{Granted, Refusal};
use ottla_core::protocol::error_code::ErrorCode;

/// Leases that one session may hold.
const MOST: usize = 8;

impl Session {
    /// Answers a LEASE, at once or when the cluster or the former holder has had its say.
    pub(super) fn on_lease(&mut self, request: LeaseRequest<'_>) -> Result<(), Closed> {
        match request {
            LeaseRequest::New => match self.may_lend() {
                Err(refusal) => self.answer_lease(&Err(refusal)),
                Ok(durable) => {
                    self.spawn_lend(durable, Event::Leased);
                    Ok(())
                }
            },
            LeaseRequest::Resume { ticket } => {
                let (bridge, holder) = (self.bridge.clone(), self.holder());
                let (ticket, events) = (ticket.to_vec(), self.events.clone());
                tokio::spawn(async move {
                    let answer = bridge.leases.resume(&ticket, &holder).await;
                    give(&bridge, &holder, &events, Event::Leased(answer));
                });
                Ok(())
            }
            LeaseRequest::Renew { producer_id } => {
                let answer = self.bridge.leases.renew(producer_id, self.id);
                self.answer_lease(&answer)
            }
            LeaseRequest::Release { producer_id } => {
                let released = self.bridge.leases.release(producer_id, self.id);
                self.leases.retain(|lease| lease.producer_id != producer_id);
                match released {
                    Ok(()) => self.say(&Frame::Leased(LeaseAnswer::Released)),
                    Err(refusal) => self.answer_lease(&Err(refusal)),
                }
            }
        }
    }

    /// Whether another lease may be asked for, and whether it is a durable one.
    fn may_lend(&self) -> Result<bool, Refusal> {
        match self.grant.lease {
            LeaseGrant::No => Err(LeaseRefusal::NotGranted.into()),
            _ if self.leases.len() >= MOST => Err(LeaseRefusal::Exhausted.into()),
            lease => Ok(lease == LeaseGrant::Durable),
        }
    }

    fn spawn_lend(
        &self,
        durable: bool,
        event: impl FnOnce(Result<Granted, Refusal>) -> Event + Send + 'static,
    ) {
        let (bridge, holder, events) = (self.bridge.clone(), self.holder(), self.events.clone());
        tokio::spawn(async move {
            let lent =
                bridge.leases.lend(&bridge.cluster, &holder.subject, durable, Some(holder.clone()));
            let answer = lent.await;
            give(&bridge, &holder, &events, event(answer));
        });
    }

    /// Says what became of a LEASE.
    pub(super) fn on_leased(&mut self, answer: &Result<Granted, Refusal>) -> Result<(), Closed> {
        self.note(answer, false);
        self.answer_lease(answer)
    }

    fn answer_lease(&mut self, answer: &Result<Granted, Refusal>) -> Result<(), Closed> {
        self.say(&Frame::Leased(answer_frame(answer)))
    }

    /// Answers an InitProducerId from the session's leases. `None`: the answer comes later.
    pub(super) fn init_producer_id(
        &mut self,
        request: Request,
        call: InitCall,
    ) -> Result<Option<Vec<u8>>, Closed> {
        let (version, correlation_id) = (call.version, call.correlation_id);
        let answer =
            |identity| Ok(Some(init_producer_id::answer(version, correlation_id, identity)));
        if request.transactional {
            self.audit("T9", "InitProducerId with a transactional id");
            return answer(Err(ErrorCode::TransactionalIdAuthorizationFailed));
        }
        if request.producer_id < 0 {
            return match self.claim() {
                Some(granted) => answer(Ok((granted.producer_id, granted.epoch))),
                None => self.lend_for(call),
            };
        }
        match self.bridge.leases.raise(request.producer_id, request.epoch, self.id) {
            Ok(Some(granted)) => {
                // TICKET goes first: no batch of the new epoch may be stored without it.
                self.say(&Frame::Ticket(lease_frame(&granted)))?;
                answer(Ok((granted.producer_id, granted.epoch)))
            }
            Ok(None) => self.lend_for(call),
            Err(error) => answer(Err(error)),
        }
    }

    /// A lease of the session's that its client has not used yet.
    fn claim(&mut self) -> Option<Granted> {
        let lease = self.leases.iter_mut().find(|lease| !lease.claimed)?;
        lease.claimed = true;
        self.bridge.leases.renew(lease.producer_id, self.id).ok()
    }

    fn lend_for(&mut self, call: InitCall) -> Result<Option<Vec<u8>>, Closed> {
        match self.may_lend() {
            Err(_) => {
                let (version, correlation_id) = (call.version, call.correlation_id);
                let error = Err(ErrorCode::ClusterAuthorizationFailed);
                Ok(Some(init_producer_id::answer(version, correlation_id, error)))
            }
            Ok(durable) => {
                self.spawn_lend(durable, move |lease| Event::Initialized(Box::new((call, lease))));
                Ok(None)
            }
        }
    }

    /// A lease for an InitProducerId has come, or not.
    pub(super) fn on_initialized(
        &mut self,
        call: InitCall,
        lease: &Result<Granted, Refusal>,
    ) -> Result<(), Closed> {
        self.note(lease, true);
        if let Ok(granted) = lease {
            self.say(&Frame::Ticket(lease_frame(granted)))?;
        }
        let identity = match lease {
            Ok(granted) => Ok((granted.producer_id, granted.epoch)),
            Err(_) => Err(ErrorCode::CoordinatorLoadInProgress),
        };
        let answer = init_producer_id::answer(call.version, call.correlation_id, identity);
        self.on_ready(call.stream, call.generation, call.slot, answer);
        Ok(())
    }

    /// Sends fresh tickets for all leases.
    pub(super) fn refresh_tickets(&mut self) -> Result<(), Closed> {
        let durable = self.grant.lease == LeaseGrant::Durable;
        let producer_ids: Vec<i64> = self.leases.iter().map(|lease| lease.producer_id).collect();
        for producer_id in producer_ids {
            match self.bridge.leases.renew(producer_id, self.id) {
                Ok(granted) => self.say(&Frame::Ticket(lease_frame(&granted)))?,
                Err(_) => return Err(Closed::new(CloseCode::TakenOver, "a lease was taken over")),
            }
        }
        self.timers.tickets = Some(Instant::now() + self.bridge.leases.refresh_after(durable));
        Ok(())
    }
}

/// Hands a lease to its session; if that has ended meanwhile, the lease waits for whoever resumes
/// it or for its end.
fn give(
    bridge: &crate::bridge::Bridge,
    holder: &crate::lease::Holder,
    events: &tokio::sync::mpsc::UnboundedSender<Event>,
    event: Event,
) {
    if events.send(event).is_err() {
        bridge.leases.end_session(holder.session);
    }
}

/// An answer about a lease as frames have it.
pub(super) fn answer_frame(answer: &Result<Granted, Refusal>) -> LeaseAnswer<'_> {
    match answer {
        Ok(granted) => LeaseAnswer::Granted(lease_frame(granted)),
        Err(refusal) => {
            LeaseAnswer::Refused { reason: refusal.reason, retry_after_ms: refusal.retry_after_ms }
        }
    }
}
