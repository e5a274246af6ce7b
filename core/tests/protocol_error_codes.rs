//! Error codes against an independent list, and against the table of what each means for a
//! producer.

use kafka_protocol::error::ResponseError;
use ottla_core::protocol::error_code::{ErrorCode, Written};

/// Every code of the list, `None` and the unknown ones left out.
fn known() -> impl Iterator<Item = ErrorCode> {
    (i16::MIN..=i16::MAX)
        .map(ErrorCode::from_i16)
        .filter(|error| !matches!(error, ErrorCode::None | ErrorCode::Unknown(_)))
}

/// `NotLeaderOrFollower` to `NOT_LEADER_OR_FOLLOWER`.
fn upper_snake(camel: &str) -> String {
    let mut name = String::new();
    for character in camel.chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[test]
fn every_number_survives() {
    for code in i16::MIN..=i16::MAX {
        assert_eq!(ErrorCode::from_i16(code).code(), code);
    }
    assert_eq!(ErrorCode::Unknown(999).to_string(), "UNKNOWN_ERROR_CODE (999)");
    assert_eq!(ErrorCode::NotLeaderOrFollower.to_string(), "NOT_LEADER_OR_FOLLOWER (6)");
    assert_eq!(known().count(), 53);
}

#[test]
fn names_and_retriability_are_kafkas() {
    for error in known() {
        let oracle = ResponseError::try_from_code(error.code()).unwrap();
        if let ResponseError::Unknown(code) = oracle {
            assert!(code >= 120, "{error} should be in the independent list");
            continue;
        }
        assert_eq!(error.name(), upper_snake(&oracle.to_string()));
        // Kafka made this one retriable after the list was written.
        let retriable = oracle.is_retriable() || error == ErrorCode::ConcurrentTransactions;
        assert_eq!(error.retriable(), retriable, "{error}");
    }
    assert!(!ErrorCode::None.retriable());
    assert!(!ErrorCode::Unknown(999).retriable());
    assert!(!ErrorCode::RebootstrapRequired.retriable());
}

#[test]
fn what_newer_metadata_cures() {
    let codes: Vec<i16> =
        known().filter(|error| error.refreshes_metadata()).map(ErrorCode::code).collect();
    assert_eq!(codes, [3, 5, 6, 9, 13, 56, 72, 74, 75, 100, 103]);
}

#[test]
fn what_is_in_the_log() {
    for error in known() {
        let expected = match error.code() {
            20 | 46 => Written::Yes,
            -1 | 6 | 7 | 13 | 56 => Written::Maybe,
            _ => Written::No,
        };
        assert_eq!(error.written(), expected, "{error}");
    }
    assert_eq!(ErrorCode::None.written(), Written::Yes);
    assert_eq!(ErrorCode::Unknown(999).written(), Written::Maybe);
}
