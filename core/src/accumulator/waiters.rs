//! Who waits for memory, in the order in which it is granted.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::task::Waker;

use super::buffer_pool::{Account, Grant};
use crate::time::Instant;

/// A place in the queue for memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    size: usize,
    account: Account,
    deadline: Instant,
    granted: Option<Grant>,
    /// It was told that its time is up.
    told: bool,
    waker: Waker,
}

impl Waiter {
    fn waits(&self) -> bool {
        self.granted.is_none() && !self.told
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queue: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Waiters {
    pub(super) fn with_capacity(few: usize) -> Self {
        Self { queue: VecDeque::with_capacity(few), next_ticket: 0 }
    }

    /// How many have no memory yet.
    pub(super) fn count(&self) -> usize {
        self.queue.iter().filter(|w| w.granted.is_none()).count()
    }

    /// Whether any that has no memory yet wants so much for such an account.
    pub(super) fn any(&self, such: impl Fn(usize, Account) -> bool) -> bool {
        self.queue.iter().any(|w| w.granted.is_none() && such(w.size, w.account))
    }

    pub(super) fn push(
        &mut self,
        size: usize,
        account: Account,
        deadline: Instant,
        waker: &Waker,
    ) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let waker = waker.clone();
        self.queue.push_back(Waiter {
            ticket,
            size,
            account,
            deadline,
            granted: None,
            told: false,
            waker,
        });
        ticket
    }

    /// The memory that was granted; else remembers whom to wake.
    pub(super) fn claim(&mut self, ticket: Ticket, waker: &Waker) -> Option<Grant> {
        let index = self.position(ticket)?;
        if self.queue[index].granted.is_some() {
            return self.queue.remove(index)?.granted;
        }
        self.queue[index].waker.clone_from(waker);
        None
    }

    /// Leaves the queue. Returns memory that was granted in the meantime.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Grant> {
        self.queue.remove(self.position(ticket)?)?.granted
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.queue.binary_search_by_key(&ticket, |w| w.ticket).ok()
    }

    /// Grants memory to the longest waiter for whom `take` has some, and returns whom to wake.
    /// Where it breaks off nobody gets any.
    pub(super) fn grant(
        &mut self,
        mut take: impl FnMut(usize, Account) -> ControlFlow<(), Option<Grant>>,
    ) -> Option<Waker> {
        for waiter in self.queue.iter_mut().filter(|w| w.granted.is_none()) {
            match take(waiter.size, waiter.account) {
                ControlFlow::Break(()) => return None,
                ControlFlow::Continue(None) => {}
                ControlFlow::Continue(granted) => {
                    waiter.granted = granted;
                    return Some(waiter.waker.clone());
                }
            }
        }
        None
    }

    /// The earliest time at which one gives up.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.queue.iter().filter(|w| w.waits()).map(|w| w.deadline).min()
    }

    /// Those whose time is up.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Waker> {
        let late = self.queue.iter_mut().filter(|w| w.waits() && w.deadline <= now);
        late.map(|w| {
            w.told = true;
            w.waker.clone()
        })
        .collect()
    }

    /// All of them.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        self.queue.iter().map(|w| w.waker.clone()).collect()
    }
}
