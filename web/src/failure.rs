//! Errors as JavaScript shows them: a code to compare, whether to try again, whether it is written,
//! a text for people.

use alloc::string::{String, ToString};
use core::fmt::Display;

#[cfg(feature = "full")]
use ottla_core::transaction::{AbortCause, FatalError, TransactionError};
use ottla_core::{DeliveryError, Reason, SendError, Written};

/// What a rejected promise says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// A name in capitals: Kafka's, where a broker refused.
    pub code: &'static str,
    /// What may help.
    pub remedy: Remedy,
    /// `no`, `maybe` or `yes`.
    pub written: &'static str,
    /// For people: the whole message, or what JavaScript adds to the one that it has for the code.
    pub text: String,
}

/// Whether the texts are in this module. A page's has none: they would be a tenth of it.
const TEXTS: bool = cfg!(feature = "full");

impl Failure {
    /// As JavaScript takes it (`web/js/errors.js`): its parts in lines, the last of which may be
    /// several.
    #[must_use]
    pub fn lines(&self) -> String {
        let kind = if TEXTS { "message" } else { "detail" };
        let mut lines = String::new();
        for part in [self.code, self.remedy.name(), self.written, kind] {
            lines.push_str(part);
            lines.push('\n');
        }
        lines.push_str(&self.text);
        lines
    }

    /// Of a record that was not sent because somebody would have it so.
    #[cfg(feature = "full")]
    pub(crate) fn aborted(code: &'static str, text: &str) -> Self {
        Self { code, remedy: Remedy::None, written: "no", text: text.into() }
    }

    /// The whole message, or the detail.
    pub(crate) fn text<'a, E: Display>(
        error: &'a E,
        detail: impl FnOnce(&'a E) -> &'a str,
    ) -> String {
        if TEXTS { error.to_string() } else { detail(error).into() }
    }
}

/// What whoever hears of a failure may do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Nothing.
    None,
    /// The same call again, later.
    Again,
    /// Another transaction: this one is aborted.
    NextTransaction,
    /// Another producer: this one is of no more use.
    NextProducer,
}

impl Remedy {
    /// Its name on the way to JavaScript.
    fn name(self) -> &'static str {
        match self {
            Self::None => "no",
            Self::Again => "yes",
            Self::NextTransaction => "abortable",
            Self::NextProducer => "fatal",
        }
    }

    fn again_if(retriable: bool) -> Self {
        if retriable { Self::Again } else { Self::None }
    }
}

impl From<&SendError> for Failure {
    fn from(error: &SendError) -> Self {
        let code = match error {
            SendError::BufferFull | SendError::BufferExhausted { .. } => "BUFFER_FULL",
            SendError::MetadataPending | SendError::NotInMetadata { .. } => "NOT_IN_METADATA",
            SendError::Topic { code, .. } => code.name(),
            SendError::Authentication { .. } => "AUTHENTICATION_FAILED",
            SendError::RecordTooLarge { .. } => "RECORD_TOO_LARGE",
            SendError::Closed => "CLOSED",
            _ => "INVALID_RECORD",
        };
        let remedy = Remedy::again_if(error.is_retriable());
        Self { code, remedy, written: "no", text: Self::text(error, detail_of_refusal) }
    }
}

fn detail_of_refusal(error: &SendError) -> &str {
    match error {
        SendError::NotInMetadata { cause: Some(why), .. } | SendError::Authentication { why } => {
            why
        }
        SendError::NotInMetadata { topic, .. } | SendError::Topic { topic, .. } => topic,
        SendError::RecordTooLarge { key, .. } => key,
        SendError::InvalidRecord(why) => why,
        _ => "",
    }
}

impl From<&DeliveryError> for Failure {
    fn from(error: &DeliveryError) -> Self {
        let code = match &error.reason {
            Reason::Expired { .. } => "DELIVERY_TIMEOUT",
            Reason::Broker(code) => code.name(),
            Reason::OtherRecordInvalid => "OTHER_RECORD_INVALID",
            Reason::TopicRecreated => "TOPIC_RECREATED",
            Reason::Authentication => "AUTHENTICATION_FAILED",
            Reason::LeaseLost => "LEASE_LOST",
            Reason::TransactionAborted => "TRANSACTION_ABORTED",
            Reason::Closed => "CLOSED",
            _ => "COMPRESSION_FAILED",
        };
        let written = match error.written {
            Written::No => "no",
            Written::Maybe => "maybe",
            Written::Yes => "yes",
        };
        let remedy = Remedy::again_if(error.is_retriable());
        Self { code, remedy, written, text: Self::text(error, detail_of_failure) }
    }
}

fn detail_of_failure(error: &DeliveryError) -> &str {
    match (&error.reason, &error.message) {
        (_, Some(message)) => message,
        (Reason::Expired { last: Some(code) }, _) => code.name(),
        (Reason::Compression(why), _) => why,
        _ => "",
    }
}

#[cfg(feature = "full")]
impl From<&TransactionError> for Failure {
    fn from(error: &TransactionError) -> Self {
        let (code, remedy, written) = match error {
            TransactionError::Abortable(cause) => {
                (abort_code(cause), Remedy::NextTransaction, "no")
            }
            TransactionError::Fatal(error) => (fatal_code(error), Remedy::NextProducer, "no"),
            TransactionError::Undecided(_) => ("UNDECIDED", Remedy::NextProducer, "maybe"),
            TransactionError::TimedOut { .. } => ("TIMED_OUT", Remedy::Again, "maybe"),
            _ => ("TRANSACTION_FAILED", Remedy::NextProducer, "maybe"),
        };
        Self { code, remedy, written, text: error.to_string() }
    }
}

#[cfg(feature = "full")]
fn abort_code(cause: &AbortCause) -> &'static str {
    match cause {
        AbortCause::Record(error) => Failure::from(error).code,
        AbortCause::Refused { code, .. } => code.name(),
        AbortCause::TopicRecreated => "TOPIC_RECREATED",
        AbortCause::Closed => "CLOSED",
        AbortCause::GroupNotChecked => "UNSUPPORTED_VERSION",
        _ => "TRANSACTION_ABORTED",
    }
}

#[cfg(feature = "full")]
fn fatal_code(error: &FatalError) -> &'static str {
    match error {
        FatalError::Fenced => "PRODUCER_FENCED",
        FatalError::Refused { code, .. } => code.name(),
        FatalError::Authentication { .. } => "AUTHENTICATION_FAILED",
        FatalError::Unsupported(_) => "UNSUPPORTED_VERSION",
        FatalError::Closed => "CLOSED",
        _ => "TRANSACTION_FAILED",
    }
}
