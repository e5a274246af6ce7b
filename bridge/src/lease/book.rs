//! The book of leases: plain rules, no clock and no cluster of its own.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ottla_bridge_protocol::LeaseRefusal;

use super::ticket::{Instance, Ticket, subject_hash};
use crate::id::SessionId;
use crate::kafka::batch::Identity;

/// Why there is no lease, and when it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: LeaseRefusal,
    pub(crate) retry_after_ms: u32,
}

impl From<LeaseRefusal> for Refusal {
    fn from(reason: LeaseRefusal) -> Self {
        let retry_after_ms = if reason == LeaseRefusal::Exhausted { 1000 } else { 0 };
        Self { reason, retry_after_ms }
    }
}

/// Who holds a lease now.
#[derive(Clone)]
pub(crate) struct Holder {
    pub(crate) session: SessionId,
    pub(crate) subject: Arc<str>,
    /// Tells the session that a later one has the lease.
    pub(crate) evict: Arc<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holder({})", self.session)
    }
}

/// What a ticket lets its bearer write with, without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) producer_id: i64,
    /// The epochs that it may use.
    pub(crate) epochs: RangeInclusive<i16>,
    /// For how many ms.
    pub(crate) ttl_ms: u32,
    /// The session that had the lease when the ticket was read.
    pub(super) holder: Option<SessionId>,
    /// Another instance's lease, of which nothing was known then.
    pub(super) foreign: bool,
}

/// A producer id that is lent.
#[derive(Debug)]
pub(super) struct Held {
    subject: Arc<str>,
    /// The epoch with which the lease began; those before were other holders'.
    pub(super) first_epoch: i16,
    pub(super) epoch: i16,
    pub(super) durable: bool,
    /// `None`: the session has ended and another may resume.
    holder: Option<Holder>,
    /// Another instance took the id from the cluster: the lease ends when its ticket does, and its
    /// epoch stays.
    pub(super) foreign: Option<(Instance, i64)>,
    /// Requests with its batches that brokers have not answered.
    in_flight: usize,
    /// When the latest ticket ends, in ms since 1970.
    pub(super) ticket_ends_ms: i64,
    /// Its holder has released it.
    pub(super) released: bool,
}

/// Everything that is lent, and what waits to be lent again.
#[derive(Debug, Default)]
pub(super) struct Book {
    held: HashMap<i64, Held>,
    /// Ids with the epoch that their next holder gets.
    free: Vec<(i64, i16)>,
    by_subject: HashMap<Arc<str>, usize>,
    /// What sessions hold, or held until another resumed it.
    by_session: HashMap<SessionId, Vec<i64>>,
    /// Ids that are being asked for.
    pending: usize,
}

/// What [`Book::reserve`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    /// An id that was lent before.
    Used(i64, i16),
    /// One has to be asked for; [`Book::settle`] follows.
    New,
}

impl Book {
    /// Finds an id for a subject, within what it and all together may have. From now on it counts,
    /// so that nobody gets more by asking for many at once; [`Book::lend`] follows.
    pub(super) fn reserve(
        &mut self,
        subject: &Arc<str>,
        max: usize,
        max_per_subject: usize,
    ) -> Result<Reserved, Refusal> {
        if self.by_subject.get(subject).copied().unwrap_or(0) >= max_per_subject {
            return Err(LeaseRefusal::Exhausted.into());
        }
        let reserved = match self.free.pop() {
            Some((producer_id, epoch)) => Reserved::Used(producer_id, epoch),
            None if self.held.len() + self.pending >= max => {
                return Err(LeaseRefusal::Exhausted.into());
            }
            None => {
                self.pending += 1;
                Reserved::New
            }
        };
        self.count(subject);
        Ok(reserved)
    }

    /// The request for a new id has ended; unless it was given one, the subject has none.
    pub(super) fn settle(&mut self, subject: &Arc<str>, given: bool) {
        self.pending = self.pending.saturating_sub(1);
        if !given {
            self.uncount(subject);
        }
    }

    fn count(&mut self, subject: &Arc<str>) {
        *self.by_subject.entry(subject.clone()).or_default() += 1;
    }

    fn uncount(&mut self, subject: &Arc<str>) {
        if let Some(count) = self.by_subject.get_mut(subject) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_subject.remove(subject);
            }
        }
    }

    /// Lends an id to a subject that it counts for.
    pub(super) fn lend(
        &mut self,
        producer_id: i64,
        epoch: i16,
        durable: bool,
        subject: &Arc<str>,
        holder: Option<Holder>,
    ) -> &mut Held {
        if let Some(holder) = &holder {
            self.note(holder.session, producer_id);
        }
        self.held
            .entry(producer_id)
            .insert_entry(Held {
                subject: subject.clone(),
                first_epoch: epoch,
                epoch,
                durable,
                holder,
                foreign: None,
                in_flight: 0,
                ticket_ends_ms: 0,
                released: false,
            })
            .into_mut()
    }

    /// Gives a ticket's lease to `holder`, taking it from whoever has it. Returns how many of the
    /// former holder's requests are under way.
    pub(super) fn resume(
        &mut self,
        ticket: &Ticket,
        own: Instance,
        now_ms: i64,
        holder: &Holder,
    ) -> Result<usize, LeaseRefusal> {
        if ticket.subject != subject_hash(&holder.subject) {
            return Err(LeaseRefusal::BadTicket);
        }
        if ticket.expires_ms <= now_ms {
            return Err(LeaseRefusal::Expired);
        }
        match self.held.get_mut(&ticket.producer_id) {
            // Lent again since: somebody else's, or the same one's next lease.
            Some(held) if held.first_epoch != ticket.first_epoch => Err(LeaseRefusal::Expired),
            Some(held) if held.released => Err(LeaseRefusal::Expired),
            Some(held) => {
                let former = held.holder.replace(holder.clone());
                let in_flight = held.in_flight;
                self.note(holder.session, ticket.producer_id);
                if let Some(former) = former.filter(|former| former.session != holder.session) {
                    (former.evict)();
                }
                Ok(in_flight)
            }
            // It was released, or is over.
            None if ticket.instance == own => Err(LeaseRefusal::Expired),
            None => {
                let (id, subject) = (ticket.producer_id, holder.subject.clone());
                self.count(&subject);
                let held =
                    self.lend(id, ticket.epoch, ticket.durable, &subject, Some(holder.clone()));
                held.first_epoch = ticket.first_epoch;
                held.foreign = Some((ticket.instance, ticket.expires_ms));
                held.ticket_ends_ms = ticket.expires_ms;
                Ok(0)
            }
        }
    }

    /// Remembers a session's lease, once.
    fn note(&mut self, session: SessionId, producer_id: i64) {
        let noted = self.by_session.entry(session).or_default();
        if !noted.contains(&producer_id) {
            noted.push(producer_id);
        }
    }

    /// The lease of a session's, if it has it.
    pub(super) fn get(&mut self, producer_id: i64, session: SessionId) -> Option<&mut Held> {
        let held = self.held.get_mut(&producer_id)?;
        held.is_held_by(session).then_some(held)
    }

    /// The lease that a ticket proves, for a request without a session; whoever has it keeps it.
    pub(super) fn peek(&self, producer_id: i64) -> Option<&Held> {
        self.held.get(&producer_id)
    }

    /// Whether a session may write with an identity.
    pub(super) fn holds(&self, session: SessionId, identity: Identity) -> bool {
        self.held.get(&identity.producer_id).is_some_and(|held| {
            held.is_held_by(session) && (held.first_epoch..=held.epoch).contains(&identity.epoch)
        })
    }

    /// Whether a ticket still proves an identity: its lease is not over, and nobody resumed it.
    pub(super) fn proves(&self, proven: &Proven, identity: Identity) -> bool {
        let held = self.held.get(&proven.producer_id);
        let stands = held.map_or(proven.foreign, |held| {
            let holder = held.session();
            let stayed = holder.is_none() || holder == proven.holder;
            held.first_epoch == *proven.epochs.start() && !held.released && stayed
        });
        stands && proven.covers(identity)
    }

    /// Counts a request on its way to a broker.
    pub(super) fn begin_request(&mut self, producer_id: i64) {
        if let Some(held) = self.held.get_mut(&producer_id) {
            held.in_flight += 1;
        }
    }

    /// Counts its answer, or that none will come.
    pub(super) fn end_request(&mut self, producer_id: i64) {
        if let Some(held) = self.held.get_mut(&producer_id) {
            held.in_flight = held.in_flight.saturating_sub(1);
        }
        self.give_back_if_over(producer_id, i64::MIN);
    }

    /// How many requests are under way.
    pub(super) fn in_flight(&self, producer_id: i64) -> usize {
        self.held.get(&producer_id).map_or(0, |held| held.in_flight)
    }

    /// Ends a lease of the session's by its own wish. The id is lent again when nothing of it is
    /// under way any more.
    pub(super) fn release(&mut self, producer_id: i64, session: SessionId) -> bool {
        let Some(held) = self.get(producer_id, session) else { return false };
        held.holder = None;
        held.released = true;
        if let Some(noted) = self.by_session.get_mut(&session) {
            noted.retain(|noted| *noted != producer_id);
        }
        self.give_back_if_over(producer_id, i64::MIN);
        true
    }

    /// The session has ended: its leases wait to be resumed.
    pub(super) fn end_session(&mut self, session: SessionId) {
        for producer_id in self.by_session.remove(&session).unwrap_or_default() {
            if let Some(held) = self.get(producer_id, session) {
                held.holder = None;
            }
        }
    }

    /// Takes back what nobody may resume any more.
    pub(super) fn sweep(&mut self, now_ms: i64) {
        let over: Vec<i64> = self.held.keys().copied().collect();
        for producer_id in over {
            self.give_back_if_over(producer_id, now_ms);
        }
    }

    fn give_back_if_over(&mut self, producer_id: i64, now_ms: i64) {
        let Some(held) = self.held.get(&producer_id) else { return };
        let over = held.released || held.ticket_ends_ms <= now_ms;
        if held.holder.is_some() || held.in_flight > 0 || !over {
            return;
        }
        let Some(held) = self.held.remove(&producer_id) else { return };
        self.uncount(&held.subject);
        // Another instance's id is not ours to lend; one at its last epoch is spent.
        if let (None, Some(next)) = (held.foreign, held.epoch.checked_add(1)) {
            self.free.push((producer_id, next));
        }
    }

    /// How many ids are lent, and how many wait to be lent again.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.held.len(), self.free.len())
    }
}

impl Proven {
    pub(crate) fn covers(&self, identity: Identity) -> bool {
        self.producer_id == identity.producer_id && self.epochs.contains(&identity.epoch)
    }
}

impl Held {
    /// Who may resume it.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.holder.as_ref().map(|holder| holder.session)
    }

    fn is_held_by(&self, session: SessionId) -> bool {
        self.session() == Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_remembered_with_the_leases_that_it_has() {
        let mut book = Book::default();
        let subject: Arc<str> = "alice".into();
        let holder = Holder {
            session: SessionId([1; 16]),
            subject: subject.clone(),
            evict: Arc::new(|| {}),
        };
        let ticket = Ticket {
            producer_id: 1,
            first_epoch: 0,
            epoch: 0,
            durable: false,
            instance: [0; 8],
            expires_ms: 1000,
            subject: subject_hash(&subject),
        };
        for producer_id in 1..=100 {
            book.lend(producer_id, 0, false, &subject, Some(holder.clone()));
            assert_eq!(book.resume(&ticket, [0; 8], 0, &holder), Ok(0));
            assert!(producer_id == 1 || book.release(producer_id, holder.session));
        }
        assert_eq!(book.by_session[&holder.session], [1]);
    }
}
