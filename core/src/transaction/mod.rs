//! Transactions (KIP-98): records of several partitions, and a consumer group's offsets, that take
//! effect together or not at all.
//!
//! [`TransactionalProducer`] takes over a transactional id; from it come [`Transaction`]s, one at
//! a time, because each borrows it. What makes no sense can't be written: a record is sent within a
//! transaction or not at all, and nothing is sent to one that was committed.
//!
//! | file | job |
//! | --- | --- |
//! | `producer.rs`, `scope.rs` | what applications call |
//! | `desk.rs` | where they and the sender tell each other |
//! | `manager/` | the state machine: what to ask of which coordinator next |
//! | `news.rs` | what it tells and is told |
//! | `asked.rs` | the requests, and what the codes of their answers mean |
//! | `offsets.rs` | offsets of a consumer group (KIP-447) |
//! | `error.rs` | what ends a transaction, and what ends the producer |
//!
//! What connects the state machine with batches and brokers is `sender/transaction.rs` and
//! `sender/coordinator.rs`.

mod asked;
mod desk;
mod error;
mod manager;
mod news;
mod offsets;
mod producer;
mod scope;

pub use error::{AbortCause, FatalError, TransactionError};
pub use offsets::{ConsumedOffset, GroupMetadata};
pub use producer::TransactionalProducer;
pub use scope::{Transaction, TransactionTopic};

pub(crate) use asked::Asked;
pub(crate) use desk::{Ask, Desk};
pub(crate) use manager::TransactionManager;
pub(crate) use news::{Answer, Refused, Target};
