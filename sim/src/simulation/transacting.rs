//! The simulated application whose producers have a transactional id: one transaction after
//! another, now and then by a producer that takes over from the one before, which may not know.

use std::rc::Rc;
use std::time::Duration;

use ottla_core::time::Clock;
use ottla_core::transaction::{
    ConsumedOffset, GroupMetadata, Transaction, TransactionError, TransactionalProducer,
};
use ottla_core::{Delivery, SendError};

use super::clock::Simulated;
use super::content::{Content, RecordId};
use super::dice::Dice;
use super::ledger::{Told, TransactionEntry, settled};
use super::scenario::TOPICS;
use super::workload::{Application, wait};

/// The group whose offsets are committed, and what it consumes.
pub(crate) const GROUP: &str = "group";
pub(crate) const CONSUMED: &str = "consumed";

/// Producers of one run.
pub(crate) const PRODUCERS: u32 = 4;

/// See the [module](self).
pub(crate) struct Transacting {
    app: Rc<Application>,
    dice: Dice,
    /// How many producers there were, which is also the number of who sends.
    launched: u32,
    /// The transaction that goes on.
    index: usize,
    kept: Vec<RecordId>,
}

/// Who goes on after a transaction.
enum Next {
    Same,
    Other(TransactionalProducer<Simulated>),
    Nobody,
}

impl Transacting {
    pub(crate) fn new(app: Rc<Application>, dice: Dice) -> Self {
        Self { app, dice, launched: 1, index: 0, kept: Vec::new() }
    }

    /// About so many transactions in about `span`.
    pub(crate) async fn run(mut self, rounds: u32, span: Duration) {
        let pause = (span / rounds).as_micros() as u32;
        let first = self.app.producer.clone();
        let mut current = TransactionalProducer::initialise(first).await.ok();
        while self.index < rounds as usize {
            let Some(producer) = &mut current else { break };
            match self.transact(producer).await {
                Next::Same => {}
                Next::Other(producer) => current = Some(producer),
                Next::Nobody => current = self.take_over().await,
            }
            if self.dice.percent(50) {
                let pause = self.dice.micros(0, pause * 2);
                self.app.timers.sleep(pause).await;
            }
        }
        self.app.senders.leave_all();
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.app.trace.note(format_args!("task {}", self.launched), what);
    }

    /// Another producer with the same transactional id.
    async fn take_over(&mut self) -> Option<TransactionalProducer<Simulated>> {
        if self.launched == PRODUCERS {
            return None;
        }
        let producer = self.app.fleet.launch();
        self.launched += 1;
        self.note(format_args!("takes over"));
        let taken = TransactionalProducer::initialise(producer).await;
        self.note(format_args!("took over: {:?}", taken.as_ref().err()));
        taken.ok()
    }

    async fn transact(&mut self, producer: &mut TransactionalProducer<Simulated>) -> Next {
        let mut transaction = match producer.begin().await {
            Ok(transaction) => transaction,
            Err(error) => {
                self.note(format_args!("can't begin: {error}"));
                self.index += 1;
                return if error.is_fatal() { Next::Nobody } else { Next::Same };
            }
        };
        self.index = self.app.ledger.borrow_mut().begin_transaction();
        self.note(format_args!("transaction {} begins", self.index));
        let task = self.launched;
        self.fill(&mut transaction, task).await;
        let mut next = Next::Same;
        if self.dice.percent(6) {
            if self.dice.percent(50) {
                self.note(format_args!("is killed"));
                self.app.fleet.kill_newest();
            }
            let Some(other) = self.take_over().await else {
                drop(transaction);
                self.index += 1;
                return Next::Nobody;
            };
            next = Next::Other(other);
            // It doesn't know that it was replaced.
            self.fill(&mut transaction, task).await;
        }
        let end = self.end(transaction).await;
        let fatal = match end {
            Ok(told) => {
                self.tell(told);
                false
            }
            Err(error) => self.find_out(producer, &error).await,
        };
        self.index += 1;
        if fatal && matches!(next, Next::Same) { Next::Nobody } else { next }
    }

    fn tell(&self, told: Told) {
        self.note(format_args!("transaction {} told: {told:?}", self.index));
        self.app.ledger.borrow_mut().transactions[self.index].told = told;
    }

    /// Sends a few records, and maybe offsets.
    async fn fill(&mut self, transaction: &mut Transaction<'_, Simulated>, task: u32) {
        for _ in 0..self.dice.skewed(4) {
            match self.dice.below(12) {
                0 => wait_at_most(&self.app, &mut self.dice, transaction.flush()).await,
                1 => self.wait_for_one().await,
                2 => {
                    let pause = self.dice.micros(0, 30_000);
                    self.app.timers.sleep(pause).await;
                }
                3 => self.send_offsets(transaction).await,
                4..=7 => {
                    for _ in 0..self.dice.skewed(5) {
                        self.send(transaction, task, false).await;
                    }
                }
                _ => self.send(transaction, task, true).await,
            }
        }
    }

    async fn send(&mut self, transaction: &Transaction<'_, Simulated>, task: u32, waits: bool) {
        let topic = self.dice.index(self.app.topics);
        let content = {
            let (dice, largest) = (&mut self.dice, self.app.largest);
            let mut ledger = self.app.ledger.borrow_mut();
            ledger.offer(task, TOPICS[topic], |id| Content::random(id, dice, largest))
        };
        let bytes = content.bytes();
        let headers = bytes.headers();
        let record = bytes.record(&headers);
        let sent = if waits {
            transaction.send(TOPICS[topic], record).await
        } else {
            transaction.topic(TOPICS[topic]).try_send(record)
        };
        self.take_down(content.id, topic, sent);
    }

    fn take_down(
        &mut self,
        id: RecordId,
        topic: usize,
        sent: Result<Delivery<Simulated>, SendError>,
    ) {
        match sent {
            Ok(delivery) => {
                let (topic, partition) = (TOPICS[topic], delivery.partition());
                self.note(format_args!("record {id} accepted for {topic}-{partition}"));
                let now = self.app.clock.now();
                let mut ledger = self.app.ledger.borrow_mut();
                ledger.accept(id, now, partition, Some(delivery));
                ledger.transactions[self.index].records.push(id);
                self.kept.push(id);
            }
            Err(error) => self.note(format_args!("record {id} refused: {error}")),
        }
    }

    async fn send_offsets(&mut self, transaction: &mut Transaction<'_, Simulated>) {
        let offset = self.index as i64 + 1;
        let consumed = [ConsumedOffset::new(CONSUMED, 0, offset)];
        // It may take effect although nobody waits for it.
        self.app.ledger.borrow_mut().transactions[self.index].offset = Some(offset);
        let group = GroupMetadata::of_group(GROUP);
        let patience = self.dice.percent(10).then(|| self.dice.micros(0, 20_000));
        let sent = wait(&self.app, patience, transaction.send_offsets(&consumed, &group)).await;
        self.note(format_args!("offset {offset}: {sent:?}"));
        if sent.is_none() {
            // Whether it counts is decided with the transaction; whether it was asked for is not.
            self.app.ledger.borrow_mut().transactions[self.index].offset_unsure = true;
        }
    }

    async fn wait_for_one(&mut self) {
        if let Some(id) = self.kept.pop() {
            wait_at_most(&self.app, &mut self.dice, settled(&self.app.ledger, id)).await;
        }
    }

    async fn end(
        &mut self,
        transaction: Transaction<'_, Simulated>,
    ) -> Result<Told, TransactionError> {
        match self.dice.below(20) {
            0..=2 => drop(transaction),
            3..=6 => {
                let aborted = transaction.abort().await;
                self.note(format_args!("aborted: {aborted:?}"));
            }
            7 => {
                let patience = self.dice.micros(0, 20_000);
                self.tell(Told::Nothing);
                return match self.app.timers.within(patience, transaction.commit()).await {
                    Some(Ok(())) => Ok(Told::Committed),
                    Some(Err(error)) => Err(error),
                    None => Err(TransactionError::TimedOut { waited: patience, cause: None }),
                };
            }
            _ => {
                self.tell(Told::Nothing);
                transaction.commit().await?;
                return Ok(Told::Committed);
            }
        }
        Ok(Told::Aborted)
    }

    /// What became of a commit that failed. Returns whether the producer is of no more use.
    async fn find_out(
        &mut self,
        producer: &mut TransactionalProducer<Simulated>,
        error: &TransactionError,
    ) -> bool {
        self.note(format_args!("commit: {error}"));
        match error {
            TransactionError::TimedOut { .. } => match producer.settle().await {
                Ok(true) => self.tell(Told::Committed),
                Ok(false) => self.tell(Told::Aborted),
                Err(TransactionError::Fatal(_)) => {
                    self.tell(Told::Aborted);
                    return true;
                }
                Err(error) => {
                    self.tell(Told::Nothing);
                    return error.is_fatal();
                }
            },
            TransactionError::Undecided(_) => return true,
            error => {
                self.tell(Told::Aborted);
                return error.is_fatal();
            }
        }
        false
    }
}

/// Waits for a future, or loses patience.
async fn wait_at_most(app: &Application, dice: &mut Dice, future: impl Future) {
    let patience = dice.percent(30).then(|| dice.micros(0, 50_000));
    wait(app, patience, future).await;
}

impl super::ledger::Ledger {
    fn begin_transaction(&mut self) -> usize {
        self.transactions.push(TransactionEntry::default());
        self.transactions.len() - 1
    }
}
