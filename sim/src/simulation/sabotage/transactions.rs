//! What is sent to coordinators, changed into what a broken producer would have sent.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, TxnOffsetCommitRequest};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::Sabotage;
use crate::simulation::dice::Dice;
use crate::simulation::watch::api_of;

/// Changes a request that ends a transaction or is about its offsets.
pub(super) fn spoil(kind: Sabotage, frame: Bytes, dice: &mut Dice) -> Bytes {
    match (kind, api_of(&frame)) {
        (Sabotage::CommittedAbort, Some(ApiKey::EndTxn)) if dice.percent(20) => ended(&frame, 1),
        (Sabotage::AbortedCommit, Some(ApiKey::EndTxn)) if dice.percent(20) => ended(&frame, 0),
        (Sabotage::MissingOffsets, Some(ApiKey::TxnOffsetCommit)) if dice.percent(50) => {
            without_offsets(&frame)
        }
        _ => frame,
    }
}

/// The EndTxn request with another end: the flag is its last field, before the tags.
fn ended(frame: &Bytes, committed: u8) -> Bytes {
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let at = frame.len() - if version >= 3 { 2 } else { 1 };
    let mut bytes = BytesMut::from(&frame[..]);
    bytes[at] = committed;
    bytes.freeze()
}

fn without_offsets(frame: &Bytes) -> Bytes {
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let header_version = ApiKey::TxnOffsetCommit.request_header_version(version);
    let (mut rest, mut bytes) = (frame.clone(), BytesMut::new());
    RequestHeader::decode(&mut rest, header_version)
        .and_then(|header| header.encode(&mut bytes, header_version))
        .and_then(|()| TxnOffsetCommitRequest::decode(&mut rest, version))
        .and_then(|request| request.with_topics(Vec::new()).encode(&mut bytes, version))
        .expect("the producer's requests can be read");
    bytes.freeze()
}
