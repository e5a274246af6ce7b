//! Errors as JavaScript shows them: a code to compare, whether to try again, whether it is written,
//! a text for people.

use alloc::string::{String, ToString};

use ottla_core::{DeliveryError, Reason, SendError, Written};

/// What a rejected promise says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// A name in capitals: Kafka's, where a broker refused.
    pub code: &'static str,
    /// Whether the same call may succeed later.
    pub retriable: bool,
    /// `no`, `maybe` or `yes`.
    pub written: &'static str,
    /// For people.
    pub message: String,
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
        let retriable = error.is_retriable();
        Self { code, retriable, written: "no", message: error.to_string() }
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
            Reason::Closed => "CLOSED",
            _ => "COMPRESSION_FAILED",
        };
        let written = match error.written {
            Written::No => "no",
            Written::Maybe => "maybe",
            Written::Yes => "yes",
        };
        Self { code, retriable: error.is_retriable(), written, message: error.to_string() }
    }
}
