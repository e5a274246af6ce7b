//! Requests that can't be answered yet.

use std::collections::BTreeMap;

use super::api::fetch::WaitingFetch;
use super::api::group::{WaitingJoin, WaitingSync};
use super::api::produce::WaitingProduce;
use super::call::Call;

/// What a request waits for.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Followers copying what was appended (acks=all).
    Produce(WaitingProduce),
    /// Records to arrive.
    Fetch(WaitingFetch),
    /// The other members of the group to join.
    Join(WaitingJoin),
    /// The group's leader to hand out the partitions.
    Sync(WaitingSync),
}

/// The waiting requests by token.
#[derive(Debug, Default)]
pub(crate) struct WaitingRequests {
    requests: BTreeMap<u64, (Call, Waiting)>,
    last_token: u64,
}

impl WaitingRequests {
    pub(crate) fn add(&mut self, call: Call, waiting: Waiting) -> u64 {
        self.last_token += 1;
        self.requests.insert(self.last_token, (call, waiting));
        self.last_token
    }

    pub(crate) fn put_back(&mut self, token: u64, call: Call, waiting: Waiting) {
        self.requests.insert(token, (call, waiting));
    }

    pub(crate) fn take(&mut self, token: u64) -> Option<(Call, Waiting)> {
        self.requests.remove(&token)
    }
}
