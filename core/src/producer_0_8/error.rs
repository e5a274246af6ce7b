//! What the 0.8 producer tells its caller.

use alloc::vec::Vec;
use core::fmt;

use crate::error::{DeliveryError, SendError};

/// Why a call of [`send`](super::Producer::send) failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The queue is full (`QueueFullException`): the messages before this one are in it, this one
    /// was dropped, those after it were not tried.
    QueueFull {
        /// The message's index in the call.
        index: usize,
    },
    /// A message was not taken (asynchronous mode); the ones before it were.
    Refused {
        /// The message's index in the call.
        index: usize,
        /// Why.
        error: SendError,
    },
    /// Some messages of a synchronous call failed (`FailedToSendMessageException`); the others are
    /// acknowledged.
    Failed {
        /// Each with its index in the call.
        failures: Vec<(usize, Failure)>,
    },
    /// The producer is closed (`ProducerClosedException`).
    Closed,
}

/// Why a message of a synchronous call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was not taken.
    Refused(SendError),
    /// It was not acknowledged.
    NotAcknowledged(DeliveryError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NotAcknowledged(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { index } => write!(
                f,
                "the queue is full of unsent messages (queue.buffering.max.messages): message {index} was dropped"
            ),
            Self::Refused { index, error } => write!(f, "message {index}: {error}"),
            Self::Failed { failures } => match failures.first() {
                Some((index, first)) => write!(
                    f,
                    "{} messages could not be sent; message {index}: {first}",
                    failures.len()
                ),
                None => f.write_str("no message could be sent"),
            },
            Self::Closed => f.write_str("the producer is closed"),
        }
    }
}

impl core::error::Error for Error {}
