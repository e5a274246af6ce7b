//! The transaction coordinator: Kafka's `TransactionCoordinator` and `TransactionMetadata`, for
//! transactions of versions 1 and 2 (KIP-890).
//!
//! Which node coordinates is decided by the transactional id and the nodes that are up; what it
//! knows survives a move at once, as if its log were loaded in no time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::Cluster;

/// `transaction.max.timeout.ms`.
const MAX_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// A producer id and its epoch.
pub(crate) type Producer = (i64, i16);

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing {
        since: Duration,
    },
    /// Its end is decided; the partitions are told from then on.
    Preparing {
        commit: bool,
        since: Duration,
    },
    Complete {
        commit: bool,
    },
}

/// What the coordinator knows of a transactional id.
#[derive(Debug)]
struct Transaction {
    producer: Producer,
    /// The identity before, with which a request may be repeated.
    before: Option<Producer>,
    timeout: Duration,
    state: State,
    /// With which the end of the transaction is written into the partitions.
    marked_by: Producer,
    partitions: BTreeSet<(String, i32)>,
    groups: BTreeSet<String>,
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(crate) struct Transactions(BTreeMap<String, Transaction>);

impl Transaction {
    /// The next identity, a new producer id where epochs are used up.
    fn next(&self, fresh: impl FnOnce() -> i64) -> Producer {
        match self.producer {
            (id, epoch) if epoch < i16::MAX - 1 => (id, epoch + 1),
            _ => (fresh(), 0),
        }
    }

    fn prepare(&mut self, commit: bool, marked_by: Producer, now: Duration) {
        self.marked_by = marked_by;
        self.state = State::Preparing { commit, since: now };
    }

    /// Whether the producer may add to its transaction.
    fn check(&self, producer: Producer) -> Result<(), ResponseError> {
        if producer.0 != self.producer.0 {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if producer.1 != self.producer.1 {
            return Err(ResponseError::ProducerFenced);
        }
        match self.state {
            State::Preparing { .. } => Err(ResponseError::ConcurrentTransactions),
            _ => Ok(()),
        }
    }

    fn go_on(&mut self, now: Duration) {
        if !matches!(self.state, State::Ongoing { .. }) {
            self.state = State::Ongoing { since: now };
        }
    }
}

impl Cluster {
    /// The node that coordinates a transactional id now.
    pub(crate) fn transaction_coordinator(&self, id: &str) -> Option<i32> {
        let up: Vec<i32> = self.nodes().iter().filter(|it| it.up).map(|it| it.id).collect();
        let hash = id.bytes().fold(0usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
        up.get(hash.checked_rem(up.len())?).copied()
    }

    fn transaction(&mut self, id: &str) -> Result<&mut Transaction, ResponseError> {
        self.transactions.0.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)
    }

    /// InitProducerId. `expected`: who the producer believes to be (KIP-360).
    pub(crate) fn init_transactional(
        &mut self,
        id: &str,
        timeout: Duration,
        expected: Option<Producer>,
        now: Duration,
    ) -> Result<Producer, ResponseError> {
        if timeout.is_zero() || timeout > MAX_TIMEOUT {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let fresh = self.next_producer_id;
        let Some(known) = self.transactions.0.get_mut(id) else {
            self.next_producer_id += 1;
            let transaction = Transaction {
                producer: (fresh, 0),
                before: None,
                timeout,
                state: State::Empty,
                marked_by: (fresh, 0),
                partitions: BTreeSet::new(),
                groups: BTreeSet::new(),
            };
            self.transactions.0.insert(id.to_owned(), transaction);
            return Ok((fresh, 0));
        };
        let repeats = expected.is_some() && expected == known.before;
        if expected.is_some_and(|it| it != known.producer) && !repeats {
            return Err(ResponseError::ProducerFenced);
        }
        match known.state {
            State::Preparing { .. } => return Err(ResponseError::ConcurrentTransactions),
            State::Ongoing { .. } => {
                self.fence(id, now);
                return Err(ResponseError::ConcurrentTransactions);
            }
            State::Empty | State::Complete { .. } => {}
        }
        known.timeout = timeout;
        if repeats {
            return Ok(known.producer);
        }
        let next = known.next(|| fresh);
        self.next_producer_id += i64::from(next.0 == fresh);
        known.before = expected;
        known.producer = next;
        known.state = State::Empty;
        Ok(next)
    }

    /// Aborts the transaction under another epoch, which its producer does not have.
    fn fence(&mut self, id: &str, now: Duration) {
        if let Some(known) = self.transactions.0.get_mut(id) {
            let bumped = (known.producer.0, known.producer.1 + 1);
            known.producer = bumped;
            known.before = None;
            known.prepare(false, bumped, now);
        }
        self.progress_transactions(now);
    }

    /// AddPartitionsToTxn, from a client or from a leader (version 2).
    pub(crate) fn add_to_transaction(
        &mut self,
        id: &str,
        producer: Producer,
        partitions: impl IntoIterator<Item = (String, i32)>,
        now: Duration,
    ) -> Result<(), ResponseError> {
        let known = self.transaction(id)?;
        known.check(producer)?;
        known.go_on(now);
        known.partitions.extend(partitions);
        Ok(())
    }

    /// AddOffsetsToTxn, from a client or from a group's coordinator (version 2).
    pub(crate) fn add_group_to_transaction(
        &mut self,
        id: &str,
        producer: Producer,
        group: &str,
        now: Duration,
    ) -> Result<(), ResponseError> {
        let known = self.transaction(id)?;
        known.check(producer)?;
        known.go_on(now);
        known.groups.insert(group.to_owned());
        Ok(())
    }

    /// Whether a partition was added to the transaction that goes on (version 1).
    pub(crate) fn is_in_transaction(
        &self,
        id: &str,
        producer: Producer,
        place: (&str, i32),
    ) -> bool {
        self.transactions.0.get(id).is_some_and(|known| {
            known.producer == producer
                && matches!(known.state, State::Ongoing { .. })
                && known.partitions.contains(&(place.0.to_owned(), place.1))
        })
    }

    /// Whether a group's offsets were added to the transaction that goes on (version 1).
    pub(crate) fn is_group_in_transaction(
        &self,
        id: &str,
        producer: Producer,
        group: &str,
    ) -> bool {
        self.transactions.0.get(id).is_some_and(|known| {
            known.producer == producer
                && matches!(known.state, State::Ongoing { .. })
                && known.groups.contains(group)
        })
    }

    /// EndTxn; `second`: of a version 2 transaction. Returns the identity of the next one.
    pub(crate) fn end_transaction(
        &mut self,
        id: &str,
        producer: Producer,
        commit: bool,
        second: bool,
        now: Duration,
    ) -> Result<Producer, ResponseError> {
        let fresh = self.next_producer_id;
        let known = self.transaction(id)?;
        let result = if second {
            known.end_second(producer, commit, fresh, now)
        } else {
            known.end_first(producer, commit, now)
        };
        self.next_producer_id += i64::from(result.is_ok_and(|next| next.0 == fresh));
        self.progress_transactions(now);
        result
    }

    /// Lets time act: transactions that take too long are aborted, and the ends of others written
    /// into their partitions.
    pub(crate) fn progress_transactions(&mut self, now: Duration) {
        let ids: Vec<String> = self.transactions.0.keys().cloned().collect();
        for id in ids {
            let Some(known) = self.transactions.0.get(&id) else { continue };
            match known.state {
                State::Ongoing { since } if since + known.timeout <= now => self.fence(&id, now),
                State::Preparing { commit, since } if since + self.config.marker_delay <= now => {
                    self.write_markers(&id, commit, now);
                }
                _ => {}
            }
        }
    }

    /// Writes the end into each partition that has a leader; it is complete when all have it.
    fn write_markers(&mut self, id: &str, commit: bool, now: Duration) {
        let Some(known) = self.transactions.0.get_mut(id) else { return };
        let marked_by = known.marked_by;
        let mut partitions = std::mem::take(&mut known.partitions);
        let groups = std::mem::take(&mut known.groups);
        // A partition without a leader is told later.
        partitions.retain(|(topic, index)| match self.topics.partition_mut(topic, *index) {
            Some(partition) if partition.leader.is_none() => true,
            Some(partition) => partition.mark(marked_by, commit, now).is_err(),
            None => false,
        });
        for group in &groups {
            self.groups.end_transaction(group, marked_by.0, commit);
        }
        self.changes += 1;
        if let Some(known) = self.transactions.0.get_mut(id) {
            if partitions.is_empty() {
                known.state = State::Complete { commit };
            }
            known.partitions = partitions;
        }
    }

    /// Whether no transaction goes on or is being ended, at a time at which nobody asks for more.
    pub fn transactions_are_over(&mut self, now: Duration) -> bool {
        self.progress_transactions(now);
        self.transactions
            .0
            .values()
            .all(|known| matches!(known.state, State::Empty | State::Complete { .. }))
    }
}

impl Transaction {
    fn end_first(
        &mut self,
        producer: Producer,
        commit: bool,
        now: Duration,
    ) -> Result<Producer, ResponseError> {
        if producer.0 != self.producer.0 {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if producer.1 != self.producer.1 {
            return Err(ResponseError::ProducerFenced);
        }
        match self.state {
            State::Ongoing { .. } => {
                self.prepare(commit, self.producer, now);
                Ok(self.producer)
            }
            State::Complete { commit: was } if was == commit => Ok(self.producer),
            State::Preparing { commit: was, .. } if was == commit => {
                Err(ResponseError::ConcurrentTransactions)
            }
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    fn end_second(
        &mut self,
        producer: Producer,
        commit: bool,
        fresh: i64,
        now: Duration,
    ) -> Result<Producer, ResponseError> {
        let is_current = producer == self.producer;
        let is_repeat = self.before == Some(producer);
        match self.state {
            State::Ongoing { .. } if is_current => {}
            State::Empty | State::Complete { .. } if is_current && !commit => {}
            State::Complete { commit: was } if is_repeat && was == commit => {
                return Ok(self.producer);
            }
            State::Preparing { commit: was, .. } if is_repeat && was == commit => {
                return Err(ResponseError::ConcurrentTransactions);
            }
            _ if is_current || is_repeat => return Err(ResponseError::InvalidTxnState),
            _ => return Err(ResponseError::ProducerFenced),
        }
        self.before = Some(producer);
        self.producer = self.next(|| fresh);
        self.prepare(commit, (producer.0, producer.1 + 1), now);
        Ok(self.producer)
    }
}
