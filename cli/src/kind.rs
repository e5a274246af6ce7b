//! Short, stable names of what can go wrong, for counting by kind and for machines.

use ottla::{DeliveryError, Reason, SendError};

/// No broker and this client accept each other.
const AUTHENTICATION: &str = "AUTHENTICATION_FAILED";

/// Nothing is wrong with the record itself.
pub(crate) const TRANSACTION_ABORTED: &str = "TRANSACTION_ABORTED";

/// The name of a refusal, in the style of Kafka's error codes.
pub(crate) fn of_send_error(error: &SendError) -> &'static str {
    match error {
        SendError::BufferFull | SendError::BufferExhausted { .. } => "BUFFER_EXHAUSTED",
        SendError::MetadataPending | SendError::NotInMetadata { .. } => "NOT_IN_METADATA",
        SendError::Topic { code, .. } => code.name(),
        SendError::Authentication { .. } => AUTHENTICATION,
        SendError::RecordTooLarge { .. } => "RECORD_TOO_LARGE",
        SendError::InvalidRecord(_) => "INVALID_RECORD",
        SendError::Serialization(_) => "SERIALIZATION",
        SendError::Closed => "CLOSED",
        _ => "OTHER",
    }
}

/// The name of a failed delivery; the broker's own code where there is one.
pub(crate) fn of_delivery_error(error: &DeliveryError) -> &'static str {
    match &error.reason {
        Reason::Expired { .. } => "DELIVERY_TIMEOUT",
        Reason::Broker(code) => code.name(),
        Reason::Authentication => AUTHENTICATION,
        Reason::OtherRecordInvalid => "OTHER_RECORD_INVALID",
        Reason::TopicRecreated => "TOPIC_RECREATED",
        Reason::TransactionAborted => TRANSACTION_ABORTED,
        Reason::Closed => "CLOSED",
        Reason::MessageFormat(_) => "MESSAGE_FORMAT",
        Reason::Compression(_) => "COMPRESSION",
        _ => "OTHER",
    }
}

/// Whether every further record would be refused the same way, after the same long wait.
pub(crate) fn is_hopeless(error: &SendError) -> bool {
    matches!(
        error,
        SendError::NotInMetadata { .. }
            | SendError::Authentication { .. }
            | SendError::Topic { .. }
            | SendError::BufferExhausted { .. }
    )
}
