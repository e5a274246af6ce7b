//! Control batches: how a log says that a producer's transaction was committed or aborted there.
//!
//! Kafka's `EndTransactionMarker` and `ControlRecordType`, written out byte by byte.

use crate::batch::{BatchHeader, HEADER_BYTES};

/// The record: its length, attributes, deltas, a key of version and type, a value of version and
/// coordinator epoch, no headers.
const RECORD: [u8; 17] = [32, 0, 0, 0, 8, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0];
/// Where in the batch the type stands: 0 aborts, 1 commits.
const TYPE_AT: usize = HEADER_BYTES + 8;
/// Transactional and control.
const ATTRIBUTES: i16 = 0b11_0000;
/// What clients never see of the coordinator's partition.
const NO_SEQUENCE: i32 = -1;

/// A batch as an end of a transaction, to be given its offset.
pub(crate) fn write((id, epoch): (i64, i16), commit: bool, timestamp: i64) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_BYTES + RECORD.len());
    batch.extend_from_slice(&0i64.to_be_bytes());
    batch.extend_from_slice(&((HEADER_BYTES + RECORD.len() - 12) as i32).to_be_bytes());
    batch.extend_from_slice(&0i32.to_be_bytes());
    batch.push(2);
    batch.extend_from_slice(&[0; 4]);
    batch.extend_from_slice(&ATTRIBUTES.to_be_bytes());
    batch.extend_from_slice(&0i32.to_be_bytes());
    batch.extend_from_slice(&timestamp.to_be_bytes());
    batch.extend_from_slice(&timestamp.to_be_bytes());
    batch.extend_from_slice(&id.to_be_bytes());
    batch.extend_from_slice(&epoch.to_be_bytes());
    batch.extend_from_slice(&NO_SEQUENCE.to_be_bytes());
    batch.extend_from_slice(&1i32.to_be_bytes());
    batch.extend_from_slice(&RECORD);
    batch[TYPE_AT] = u8::from(commit);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Whether a control batch commits; `None` if it is none.
pub(crate) fn commits(header: &BatchHeader, batch: &[u8]) -> Option<bool> {
    header.is_control().then_some(())?;
    batch.get(TYPE_AT).map(|kind| *kind == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;

    #[test]
    fn a_marker_is_a_batch_of_one_record() {
        for commit in [true, false] {
            let batch = write((7, 3), commit, 1234);
            let header = BatchHeader::parse(&batch).unwrap();
            assert!(header.crc_matches(&batch) && header.is_transactional());
            assert_eq!(commits(&header, &batch), Some(commit));
            let records = records::read(&batch).unwrap();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].key.as_deref(), Some(&[0, 0, 0, u8::from(commit)][..]));
            assert_eq!(records[0].value.as_deref(), Some(&[0; 6][..]));
        }
    }
}
