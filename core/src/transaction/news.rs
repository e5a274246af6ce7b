//! What the state machine tells and is told.

use super::error::{AbortCause, FatalError};
use crate::accumulator::batch::Identity;
use crate::error::ErrorCode;
use crate::transport::NodeId;

/// What the application is to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// A transaction may begin.
    pub(crate) ready: bool,
    pub(crate) cause: Option<AbortCause>,
    pub(crate) failed: Option<FatalError>,
    /// The offsets so far that were committed with their transaction.
    pub(crate) offsets_done: u64,
    /// Transactions that are over.
    pub(crate) ended: u64,
    /// How the last of them ended.
    pub(crate) last: Option<Ended>,
    /// The last commit had attempts whose effect is not known.
    pub(crate) unsure: bool,
}

/// How a transaction ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Committed,
    Aborted(Option<AbortCause>),
}

/// What a coordinator answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Done,
    Node(NodeId),
    Identity(Identity),
    Code(ErrorCode),
    /// Nothing: the connection is gone.
    Lost,
}

/// Who is to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Any,
    Node(NodeId),
}

/// Why batches that were not sent have to fail.
#[derive(Debug)]
pub(crate) enum Refused<'a> {
    /// There is no transaction.
    Outside,
    Aborted(Option<&'a AbortCause>),
    For(&'a FatalError),
}
