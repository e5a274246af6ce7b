//! The transactions of a producer, one after another: what JavaScript asks for, done with the
//! core's own API by a task that keeps its order.

#[cfg(target_family = "wasm")]
mod bindings;
mod offsets;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use ottla_core::Producer;
use ottla_core::sync::Platform;
use ottla_core::transaction::{FatalError, Transaction, TransactionError, TransactionalProducer};

pub use offsets::{Group, Offset, Offsets};

use crate::failure::{Failure, Remedy};
use crate::results::Results;

/// See the [module](self).
pub(crate) struct Transactions {
    desk: Rc<RefCell<Desk>>,
    /// Until there can't be another transaction.
    task: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").finish_non_exhaustive()
    }
}

/// Something that JavaScript asks for.
#[derive(Debug)]
pub enum Asked {
    /// Another transaction.
    Begin,
    /// Offsets of a group, as part of it.
    Offsets(Offsets),
    /// Its end.
    End {
        /// Or else an abort.
        commit: bool,
    },
}

/// Where the engine and the task meet. The engine polls the task after it has put something here.
#[derive(Default)]
struct Desk {
    asked: VecDeque<(u32, Asked)>,
    answered: Vec<(u32, Outcome)>,
}

type Outcome = Result<(), Failure>;

impl Transactions {
    /// Takes over the transactional id, and tells `slot`.
    pub(crate) fn initialise<X: Platform>(producer: Producer<X>, slot: u32) -> Self {
        let desk = Rc::default();
        let task: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(serve(producer, slot, Rc::clone(&desk)));
        Self { desk, task: Some(task) }
    }

    /// `slot` hears what becomes of it.
    pub(crate) fn ask(&mut self, slot: u32, asked: Asked) {
        self.desk.borrow_mut().asked.push_back((slot, asked));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, results: &mut Results) {
        self.task.take_if(|task| task.as_mut().poll(cx).is_ready());
        let mut desk = self.desk.borrow_mut();
        for (slot, outcome) in desk.answered.drain(..) {
            match outcome {
                Ok(()) => results.done(slot),
                Err(failure) => results.undone(slot, failure),
            }
        }
    }
}

async fn serve<X: Platform>(producer: Producer<X>, first: u32, desk: Rc<RefCell<Desk>>) {
    let desk = &*desk;
    let mut producer = match TransactionalProducer::initialise(producer).await {
        Ok(producer) => producer,
        Err(error) => return answer(desk, first, Err(error)),
    };
    answer(desk, first, Ok(()));
    loop {
        let (slot, asked) = next(desk).await;
        match asked {
            Asked::Begin => match producer.begin().await {
                Ok(transaction) => {
                    answer(desk, slot, Ok(()));
                    within(transaction, desk).await;
                }
                Err(error) => answer(desk, slot, Err(error)),
            },
            // The end that had no answer in time is awaited once more.
            Asked::End { commit } => {
                let outcome = match producer.settle().await {
                    Ok(committed) if committed == commit => Ok(()),
                    Ok(_) => Err(ended_otherwise(commit)),
                    Err(error) => Err(Failure::from(&error)),
                };
                desk.borrow_mut().answered.push((slot, outcome));
            }
            Asked::Offsets(_) => answer(desk, slot, Err(out_of_order())),
        }
    }
}

/// Until the transaction's end was asked for, and answered or not in time.
async fn within<X: Platform>(mut transaction: Transaction<'_, X>, desk: &RefCell<Desk>) {
    loop {
        let (slot, asked) = next(desk).await;
        let outcome = match asked {
            Asked::Begin => Err(out_of_order()),
            Asked::Offsets(offsets) => offsets.send(&mut transaction).await,
            Asked::End { commit: true } => return answer(desk, slot, transaction.commit().await),
            Asked::End { commit: false } => return answer(desk, slot, transaction.abort().await),
        };
        answer(desk, slot, outcome);
    }
}

/// Needs no waker: the engine polls the task whenever it was asked for something.
fn next(desk: &RefCell<Desk>) -> impl Future<Output = (u32, Asked)> {
    poll_fn(|_| desk.borrow_mut().asked.pop_front().map_or(Poll::Pending, Poll::Ready))
}

fn answer(desk: &RefCell<Desk>, slot: u32, outcome: Result<(), TransactionError>) {
    let outcome = outcome.map_err(|error| Failure::from(&error));
    desk.borrow_mut().answered.push((slot, outcome));
}

/// The package's scripts ask in order.
fn out_of_order() -> TransactionError {
    FatalError::Unsupported("transactions were asked for out of order").into()
}

/// What a late answer says that is not what was asked for.
fn ended_otherwise(commit: bool) -> Failure {
    let (code, remedy, written, message) = if commit {
        ("TRANSACTION_ABORTED", Remedy::NextTransaction, "no", "the transaction was aborted")
    } else {
        ("INVALID_TXN_STATE", Remedy::None, "yes", "the transaction was committed")
    };
    Failure { code, remedy, written, text: message.into() }
}
