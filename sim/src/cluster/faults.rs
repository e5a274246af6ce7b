//! What a test tells the brokers to do wrong. Each fault is used once, in the order given.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;

/// What becomes of one partition's batch in a Produce request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProduceFault {
    /// Nothing is appended; the partition's answer is this error.
    Refuse(ResponseError),
    /// The batch is appended as usual; the answer is this error nevertheless, such as
    /// `REQUEST_TIMED_OUT` or `NOT_ENOUGH_REPLICAS_AFTER_APPEND`.
    AppendThenFail(ResponseError),
    /// Nothing is appended; the answer blames single records (KIP-467, Produce 8 and up).
    RefuseRecords {
        /// `INVALID_RECORD` or `INVALID_TIMESTAMP` in Kafka.
        error: ResponseError,
        /// Index within the batch and what is wrong with the record.
        records: Vec<(i32, Option<String>)>,
        /// What the answer says of the batch.
        message: Option<String>,
    },
    /// The batch is appended as usual; the partition is missing from the answer.
    AppendThenOmit,
}

/// What becomes of one request as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// The connection ends before anything is done.
    CloseBefore,
    /// The request is handled; the connection ends instead of an answer.
    CloseAfter,
    /// The request is ignored; the connection stays and no answer ever comes.
    Ignore,
    /// The request is handled; the connection stays and no answer ever comes.
    LoseAnswer,
    /// The request is handled; the answer comes later.
    Delay(Duration),
    /// The answer says that the client exceeded a quota: `throttle_time_ms` (KIP-219).
    Throttle(Duration),
}

/// Faults yet to happen.
#[derive(Debug, Default)]
pub struct FaultPlan {
    produce: BTreeMap<(String, i32), VecDeque<ProduceFault>>,
    requests: BTreeMap<(Option<i32>, i16), VecDeque<RequestFault>>,
}

impl FaultPlan {
    /// Lets the next batch for a partition fail; called again, the one after.
    ///
    /// Uses itself up even when the request is refused for another reason: a fault outranks what
    /// the broker would have said.
    pub fn next_produce(&mut self, topic: &str, partition: i32, fault: ProduceFault) {
        self.produce.entry((topic.to_owned(), partition)).or_default().push_back(fault);
    }

    /// Lets the next request of one kind fail, to one node or (`None`) to any.
    pub fn next_request(&mut self, node: Option<i32>, api: ApiKey, fault: RequestFault) {
        self.requests.entry((node, api as i16)).or_default().push_back(fault);
    }

    /// Forgets the faults that have not happened.
    pub fn clear(&mut self) {
        self.produce.clear();
        self.requests.clear();
    }

    /// Lets the next batch for a partition fail before what was told already.
    pub(crate) fn first_produce(&mut self, topic: &str, partition: i32, fault: ProduceFault) {
        self.produce.entry((topic.to_owned(), partition)).or_default().push_front(fault);
    }

    /// Takes the next fault of a partition back, if it is this one.
    pub(crate) fn withdraw_produce(&mut self, topic: &str, partition: i32, fault: &ProduceFault) {
        let faults = self.produce.get_mut(&(topic.to_owned(), partition));
        if let Some(faults) = faults.filter(|faults| faults.front() == Some(fault)) {
            faults.pop_front();
        }
    }

    pub(crate) fn take_produce(&mut self, topic: &str, partition: i32) -> Option<ProduceFault> {
        if self.produce.is_empty() {
            return None;
        }
        self.produce.get_mut(&(topic.to_owned(), partition))?.pop_front()
    }

    pub(crate) fn take_request(&mut self, node: i32, api: ApiKey) -> Option<RequestFault> {
        [Some(node), None]
            .into_iter()
            .find_map(|node| self.requests.get_mut(&(node, api as i16))?.pop_front())
    }
}
