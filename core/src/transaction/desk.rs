//! Where the application and the sender tell each other about transactions.

use alloc::boxed::Box;
use core::future::poll_fn;
use core::task::Poll;

use super::error::{FatalError, TransactionError};
use super::news::News;
use super::offsets::Offsets;
use crate::shared::{Event, Shared};
use crate::sync::{Lock, Platform};
use crate::time::{Clock, Instant};

/// What the application asks of the sender.
pub(crate) enum Ask {
    Initialise,
    Begin,
    Offsets(Box<Offsets>),
    End { commit: bool },
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// What the sender told last.
    pub(crate) news: News,
    /// A transaction was begun, and neither committed nor aborted.
    pub(crate) open: bool,
    /// Offsets handed in so far.
    pub(super) offsets: u64,
    /// Transactions ended so far, by the application.
    pub(super) ends: u64,
}

impl Desk {
    /// Why the producer can't go on, if it can't.
    pub(super) fn failure(&self) -> Option<FatalError> {
        self.news.failed.clone()
    }

    /// The last transaction is over.
    pub(super) fn has_ended(&self) -> bool {
        self.news.ended == self.ends
    }

    /// It is, and another may begin.
    pub(super) fn is_idle(&self) -> bool {
        self.news.ready && self.has_ended()
    }

    /// What a transaction hears that had no end before the producer failed.
    pub(super) fn undone(&self, error: FatalError) -> TransactionError {
        if self.news.unsure { TransactionError::Undecided(error) } else { error.into() }
    }
}

/// Puts something on the desk.
pub(super) fn ask<X: Platform>(shared: &Shared<X>, ask: Ask) {
    shared.post(Event::Transaction(ask), Instant::ZERO);
}

/// Waits until `look` finds what it looks for on the desk, `max.block.ms` at most.
pub(super) async fn wait<X: Platform, T>(
    shared: &Shared<X>,
    mut look: impl FnMut(&Desk) -> Option<Result<T, TransactionError>>,
) -> Result<T, TransactionError> {
    let mut since = None;
    poll_fn(|cx| {
        // Register first, then look: what is told in between would be missed otherwise.
        let stopped = shared.inbox.with(|inbox| {
            inbox.watch(cx.waker());
            inbox.stopped
        });
        if let Some(found) = shared.desk.with(|desk| look(desk)) {
            return Poll::Ready(found);
        }
        if stopped {
            return Poll::Ready(Err(FatalError::Closed.into()));
        }
        let now = shared.clock.now();
        let since = *since.get_or_insert(now);
        let deadline = since + shared.config.max_block;
        if now >= deadline {
            let (waited, cause) = (now.since(since), shared.last_error());
            return Poll::Ready(Err(TransactionError::TimedOut { waited, cause }));
        }
        shared.post(Event::Alarm { at: deadline }, deadline);
        Poll::Pending
    })
    .await
}
