//! Where records go: to a topic, or to a topic within a transaction.

use ottla::transaction::TransactionTopic;
use ottla::{Delivery, Record, SendError, Topic};

/// See the [module](self).
pub(crate) enum Target<'t> {
    Topic(Topic),
    Transaction(TransactionTopic<'t>),
}

impl Target<'_> {
    pub(crate) fn try_send(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        match self {
            Self::Topic(topic) => topic.try_send(record),
            Self::Transaction(topic) => topic.try_send(record),
        }
    }

    pub(crate) fn send_blocking(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        match self {
            Self::Topic(topic) => topic.send_blocking(record),
            Self::Transaction(topic) => topic.send_blocking(record),
        }
    }
}
