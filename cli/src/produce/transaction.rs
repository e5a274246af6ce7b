//! All of the input in one transaction, and how it ended.

use ottla::transaction::TransactionError;

use crate::failure::Failure;

/// What became of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Committed,
    /// By this command, or by the brokers when they hear no more of it: nothing becomes visible.
    Aborted,
    /// Nobody said so before it was time to give up.
    Unknown,
}

impl Ended {
    /// How `--json` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Unknown => "unknown",
        }
    }

    /// What is left of a commit that failed.
    fn without_commit(error: &TransactionError) -> Self {
        match error {
            TransactionError::Abortable(_) | TransactionError::Fatal(_) => Self::Aborted,
            _ => Self::Unknown,
        }
    }
}

/// How sending ended.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Why it ended early, where it was not a record's fault.
    pub(crate) failure: Option<Failure>,
    pub(crate) transaction: Option<Ended>,
}

impl End {
    /// Of what is in no transaction.
    pub(crate) fn plain(failure: Option<Failure>) -> Self {
        Self { failure, transaction: None }
    }

    /// Before anything was committed.
    pub(crate) fn aborted(why: Option<Failure>) -> Self {
        let failure = why.map(|why| Failure::new(format!("{why}; the transaction was aborted")));
        Self { failure, transaction: Some(Ended::Aborted) }
    }

    /// By a commit.
    pub(crate) fn of(commit: Result<(), TransactionError>) -> Self {
        let transaction = commit.as_ref().err().map_or(Ended::Committed, Ended::without_commit);
        let failure = commit.err().map(|error| Failure::new(error.to_string()));
        Self { failure, transaction: Some(transaction) }
    }
}
