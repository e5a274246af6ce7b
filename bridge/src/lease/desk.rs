//! Where leases are asked for: the book, with a clock, a key and the cluster.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_bridge_protocol::LeaseRefusal;
use ottla_core::protocol::error_code::ErrorCode;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::book::{Book, Held, Holder, Proven, Refusal, Reserved};
use super::ticket::{Instance, Ticket, TicketKey, subject_hash};
use crate::config::{self, ConfigError};
use crate::id::{SessionId, random};
use crate::kafka::batch::Identity;
use crate::upstream::{Cluster, Unreachable};

/// The shortest secret for tickets.
const MIN_SECRET: usize = 32;
/// How long a session that takes over a lease waits for the former one's requests.
const HANDOVER: Duration = Duration::from_secs(5);
/// How long the cluster is waited for with a new id: WELCOME and LEASED are due within 10 s.
const NEW_ID: Duration = Duration::from_secs(7);

/// A lease as a client learns of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) ttl_ms: u32,
    pub(crate) ticket: Vec<u8>,
    /// The session must end by then, as the lease does; in ms from now.
    pub(crate) ends_in_ms: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Leases {
    book: Mutex<Book>,
    /// A request of some lease was answered.
    answered: Notify,
    key: TicketKey,
    instance: Instance,
    config: config::Leases,
}

impl Leases {
    pub(crate) fn new(config: &config::Leases) -> Result<Self, ConfigError> {
        let key = match &config.key_file {
            None => TicketKey::new(&random::<32>()),
            Some(file) => {
                let bad = |why: &str| {
                    ConfigError::new(format!("leases.key_file {}: {why}", file.display()))
                };
                let secret = fs::read(file).map_err(|error| bad(&error.to_string()))?;
                let secret = Zeroizing::new(secret);
                if secret.trim_ascii().len() < MIN_SECRET {
                    return Err(bad("it has less than 32 bytes"));
                }
                TicketKey::new(secret.trim_ascii())
            }
        };
        let (book, answered) = (Mutex::default(), Notify::new());
        Ok(Self { book, answered, key, instance: random(), config: config.clone() })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name under which clients know the cluster.
    pub(crate) fn cluster_name(&self) -> String {
        self.key.cluster_name()
    }

    /// How often a fresh ticket is due, so that one that was just replaced is good for the whole
    /// time that a lease can be resumed.
    pub(crate) fn refresh_after(&self, durable: bool) -> Duration {
        self.ttl(durable) / 3
    }

    fn ttl(&self, durable: bool) -> Duration {
        let seconds = if durable { self.config.durable_ttl_s } else { self.config.ttl_s };
        Duration::from_secs(seconds)
    }

    /// Lends an id: one that was lent before, with the next epoch, or a new one of the cluster's.
    pub(crate) async fn lend(
        &self,
        cluster: &Cluster,
        subject: &Arc<str>,
        durable: bool,
        holder: Option<Holder>,
    ) -> Result<Granted, Refusal> {
        let (max, max_per_subject) = (self.config.max, self.config.max_per_subject);
        let reserved = self.book().reserve(subject, max, max_per_subject)?;
        let (producer_id, epoch) = match reserved {
            Reserved::Used(producer_id, epoch) => (producer_id, epoch),
            Reserved::New => {
                let mut pending = Pending { leases: self, subject, given: false };
                let asked = timeout(NEW_ID, cluster.new_producer_id()).await;
                let asked = asked.unwrap_or_else(|_| Err(Unreachable("no answer in time".into())));
                pending.given = asked.is_ok();
                drop(pending);
                asked.map_err(|error| {
                    tracing::warn!(%error, "no producer id");
                    Refusal::from(LeaseRefusal::Exhausted)
                })?
            }
        };
        let mut book = self.book();
        let held = book.lend(producer_id, epoch, durable, subject, holder);
        Ok(self.issue(producer_id, held))
    }

    /// Gives the lease of a ticket to `holder`, whoever has it. The former holder's batches are
    /// refused from now on, and those under way answered, or given up, before this returns.
    pub(crate) async fn resume(&self, ticket: &[u8], holder: &Holder) -> Result<Granted, Refusal> {
        let ticket = self.key.open(ticket).ok_or(LeaseRefusal::BadTicket)?;
        let producer_id = ticket.producer_id;
        let under_way = self.book().resume(&ticket, self.instance, now_ms(), holder)?;
        if under_way > 0 {
            self.wait_for_answers(producer_id).await;
        }
        let mut book = self.book();
        let held = book.get(producer_id, holder.session).ok_or(LeaseRefusal::TakenOver)?;
        Ok(self.issue(producer_id, held))
    }

    async fn wait_for_answers(&self, producer_id: i64) {
        let deadline = Instant::now() + HANDOVER;
        loop {
            let answered = self.answered.notified();
            if self.book().in_flight(producer_id) == 0
                || timeout_at(deadline, answered).await.is_err()
            {
                return;
            }
        }
    }

    /// A fresh ticket for a lease of the session's.
    pub(crate) fn renew(&self, producer_id: i64, session: SessionId) -> Result<Granted, Refusal> {
        let mut book = self.book();
        let held = book.get(producer_id, session).ok_or(LeaseRefusal::NotHeld)?;
        Ok(self.issue(producer_id, held))
    }

    /// Ends a lease of the session's.
    pub(crate) fn release(&self, producer_id: i64, session: SessionId) -> Result<(), Refusal> {
        match self.book().release(producer_id, session) {
            true => Ok(()),
            false => Err(LeaseRefusal::NotHeld.into()),
        }
    }

    /// Raises the epoch of a lease from `epoch`; `Ok(None)`: it can't rise, another id is needed.
    pub(crate) fn raise(
        &self,
        producer_id: i64,
        epoch: i16,
        session: SessionId,
    ) -> Result<Option<Granted>, ErrorCode> {
        let mut book = self.book();
        let held = book.get(producer_id, session).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        match held.epoch.checked_add(1) {
            // The client has not heard of the epoch that it was given.
            _ if epoch.checked_add(1) == Some(held.epoch) && epoch >= held.first_epoch => {}
            _ if epoch != held.epoch => return Err(ErrorCode::InvalidProducerEpoch),
            None => return Ok(None),
            // Only the instance that took the id from the cluster knows which epochs are used.
            Some(_) if held.foreign.is_some() => return Ok(None),
            Some(next) => held.epoch = next,
        }
        Ok(Some(self.issue(producer_id, held)))
    }

    /// Whether a session may write with an identity.
    pub(crate) fn holds(&self, session: SessionId, identity: Identity) -> bool {
        self.book().holds(session, identity)
    }

    /// What a ticket lets its bearer write with, without a session.
    pub(crate) fn read_ticket(&self, ticket: &[u8], subject: &str) -> Result<Proven, LeaseRefusal> {
        let ticket = self.key.open(ticket).ok_or(LeaseRefusal::BadTicket)?;
        if ticket.subject != subject_hash(subject) {
            return Err(LeaseRefusal::BadTicket);
        }
        let ttl_ms = u32::try_from(ticket.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
        if ttl_ms == 0 {
            return Err(LeaseRefusal::Expired);
        }
        let own = ticket.instance == self.instance;
        let (last, holder, foreign) = match self.book().peek(ticket.producer_id) {
            Some(held) if held.first_epoch == ticket.first_epoch && !held.released => {
                (held.epoch, held.session(), false)
            }
            None if !own => (ticket.epoch, None, true),
            _ => return Err(LeaseRefusal::Expired),
        };
        let (producer_id, epochs) = (ticket.producer_id, ticket.first_epoch..=last);
        Ok(Proven { producer_id, epochs, ttl_ms, holder, foreign })
    }

    /// Counts a session's request as under way until the guard is dropped, unless it holds one of
    /// the leases no more: another may have resumed it while the request was being checked.
    pub(crate) fn begin_request(
        self: &Arc<Self>,
        session: SessionId,
        identities: &[Identity],
    ) -> Option<UnderWay> {
        self.begin(identities, |book, identity| book.holds(session, identity))
    }

    /// The same without a session, unless a lease was released or resumed since its ticket was
    /// read: leaders and connections may have been waited for.
    pub(crate) fn begin_one_shot<'a>(
        self: &Arc<Self>,
        tickets: impl Iterator<Item = &'a Proven> + Clone,
        identities: &[Identity],
    ) -> Option<UnderWay> {
        self.begin(identities, |book, identity| {
            tickets.clone().any(|proven| book.proves(proven, identity))
        })
    }

    fn begin(
        self: &Arc<Self>,
        identities: &[Identity],
        holds: impl Fn(&Book, Identity) -> bool,
    ) -> Option<UnderWay> {
        let mut book = self.book();
        if !identities.iter().all(|identity| holds(&book, *identity)) {
            return None;
        }
        let producer_ids: Vec<i64> = identities.iter().map(|it| it.producer_id).collect();
        producer_ids.iter().for_each(|id| book.begin_request(*id));
        Some(UnderWay { leases: self.clone(), producer_ids })
    }

    /// The session has ended.
    pub(crate) fn end_session(&self, session: SessionId) {
        self.book().end_session(session);
    }

    /// Takes back what nobody may resume any more; to be called now and then.
    pub(crate) fn sweep(&self) {
        self.book().sweep(now_ms());
    }

    /// How many ids are lent, and how many wait to be lent again.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.book().counts()
    }

    /// Writes a ticket for a lease as it stands.
    fn issue(&self, producer_id: i64, held: &mut Held) -> Granted {
        let now = now_ms();
        let ttl = self.ttl(held.durable);
        let (instance, expires_ms, ttl_ms) = match held.foreign {
            Some((instance, ends)) => (instance, ends, ends.saturating_sub(now).max(0)),
            None => {
                let lives = ttl + self.refresh_after(held.durable);
                (self.instance, now + lives.as_millis() as i64, ttl.as_millis() as i64)
            }
        };
        held.ticket_ends_ms = held.ticket_ends_ms.max(expires_ms);
        let ticket = Ticket {
            producer_id,
            first_epoch: held.first_epoch,
            epoch: held.epoch,
            durable: held.durable,
            instance,
            expires_ms,
            subject: subject_hash(held.subject()),
        };
        Granted {
            producer_id,
            epoch: held.epoch,
            ttl_ms: u32::try_from(ttl_ms).unwrap_or(u32::MAX),
            ticket: self.key.seal(&ticket),
            ends_in_ms: held.foreign.map(|_| ttl_ms as u64),
        }
    }
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Granted({}, {})", self.producer_id, self.epoch)
    }
}

/// A place in the book for an id that is being asked for.
struct Pending<'a> {
    leases: &'a Leases,
    subject: &'a Arc<str>,
    given: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.leases.book().settle(self.subject, self.given);
    }
}

/// A request on its way, with the ids that it bears.
#[derive(Debug)]
pub(crate) struct UnderWay {
    leases: Arc<Leases>,
    producer_ids: Vec<i64>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut book = self.leases.book();
        self.producer_ids.iter().for_each(|id| book.end_request(*id));
        drop(book);
        self.leases.answered.notify_waiters();
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
