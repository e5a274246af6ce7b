//! Where nobody waits for memory, as there is no `send` but only `try_send`.

use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::task::Waker;

use super::buffer_pool::{Account, Grant};
use crate::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Waiters;

impl Waiters {
    pub(super) const fn with_capacity(_few: usize) -> Self {
        Self
    }

    pub(super) const fn count(&self) -> usize {
        0
    }

    pub(super) fn any(&self, _such: impl Fn(usize, Account) -> bool) -> bool {
        false
    }

    pub(super) fn grant(
        &mut self,
        _take: impl FnMut(usize, Account) -> ControlFlow<(), Option<Grant>>,
    ) -> Option<Waker> {
        None
    }

    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(super) const fn overdue(&mut self, _now: Instant) -> Vec<Waker> {
        Vec::new()
    }

    pub(super) const fn wakers(&self) -> Vec<Waker> {
        Vec::new()
    }
}
