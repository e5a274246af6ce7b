//! A producer with a transactional id, outside of its transactions.

use core::fmt;
use core::time::Duration;

use super::desk::{Ask, ask, wait};
use super::error::TransactionError;
use super::news::Ended;
use super::scope::Transaction;
use crate::config::ProducerConfig;
use crate::metrics::Metrics;
use crate::producer::{Close, Producer};
use crate::sync::{Arc, Lock, Platform};

/// A producer that sends within transactions alone.
///
/// ```no_run
/// # use ottla_core::transaction::{TransactionError, TransactionalProducer};
/// # use ottla_core::{Producer, Record, sync::Platform};
/// # type Outcome = Result<(), Box<dyn std::error::Error>>;
/// # async fn example<X: Platform>(producer: Producer<X>) -> Outcome {
/// let mut producer = TransactionalProducer::initialise(producer).await?;
/// let transaction = producer.begin().await?;
/// transaction.send("orders", Record::new(b"1 apple")).await?;
/// transaction.send("payments", Record::new(b"0.50")).await?;
/// transaction.commit().await?;
/// # Ok(())
/// # }
/// ```
pub struct TransactionalProducer<X: Platform> {
    pub(super) producer: Producer<X>,
}

impl<X: Platform> fmt::Debug for TransactionalProducer<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionalProducer")
            .field("transactional_id", &self.producer.shared.config.transactional_id)
            .finish_non_exhaustive()
    }
}

impl<X: Platform> TransactionalProducer<X> {
    /// Takes over the configuration's `transactional.id`: aborts what an earlier producer of this
    /// id left unfinished, and fences it. Waits up to `max.block.ms`. Java: `initTransactions`.
    ///
    /// A producer with a transactional id sends nothing before, nor other than through this: the
    /// batches of records that are sent outside of a transaction fail.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], also where the configuration has no transactional id;
    /// [`TransactionError::TimedOut`].
    pub async fn initialise(producer: Producer<X>) -> Result<Self, TransactionError> {
        let shared = producer.shared.clone();
        if shared.config.transactional_id.is_none() {
            return Err(super::error::FatalError::Unsupported(
                "the configuration has no transactional.id",
            )
            .into());
        }
        ask(&shared, Ask::Initialise);
        wait(&shared, |desk| match desk.failure() {
            Some(error) => Some(Err(error.into())),
            None => desk.news.ready.then_some(Ok(())),
        })
        .await?;
        Ok(Self { producer })
    }

    /// Begins a transaction as soon as the one before has ended, which takes no time if that was
    /// awaited. One that was forgotten is aborted.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::TimedOut`].
    pub async fn begin(&mut self) -> Result<Transaction<'_, X>, TransactionError> {
        abandon(&self.producer);
        wait(&self.producer.shared, |desk| match desk.failure() {
            Some(error) => Some(Err(error.into())),
            None => desk.is_idle().then_some(Ok(())),
        })
        .await?;
        self.producer.shared.desk.with(|desk| desk.open = true);
        ask(&self.producer.shared, Ask::Begin);
        Ok(Transaction::new(&self.producer))
    }

    /// Waits until the last transaction has ended, for instance after
    /// [`TransactionError::TimedOut`] or a drop, and tells whether it was committed.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::Undecided`],
    /// [`TransactionError::TimedOut`].
    pub async fn settle(&mut self) -> Result<bool, TransactionError> {
        abandon(&self.producer);
        wait(&self.producer.shared, |desk| match desk.failure() {
            _ if desk.has_ended() => Some(Ok(desk.news.last == Some(Ended::Committed))),
            Some(error) => Some(Err(desk.undone(error))),
            None => None,
        })
        .await
    }

    /// Ends the producer; what was not committed is aborted. What is not done after `timeout` is
    /// left to the brokers, which abort after `transaction.timeout.ms`.
    pub fn close(self, timeout: Duration) -> Close<X> {
        self.producer.close(timeout)
    }

    /// What the producer has counted so far.
    pub fn metrics(&self) -> Metrics {
        self.producer.metrics()
    }

    /// The last thing that went wrong with a connection or the metadata, in words.
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.producer.last_error()
    }

    /// The configuration.
    pub fn config(&self) -> &ProducerConfig {
        self.producer.config()
    }
}

/// Aborts the transaction that was begun and not ended, if there is one.
pub(super) fn abandon<X: Platform>(producer: &Producer<X>) {
    let open = producer.shared.desk.with(|desk| {
        let open = core::mem::take(&mut desk.open);
        desk.ends += u64::from(open);
        open
    });
    if open {
        ask(&producer.shared, Ask::End { commit: false });
    }
}
