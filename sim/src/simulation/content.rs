//! The records of the simulated application. Each can be made again from a few numbers, and says
//! itself which one it is.

use ottla_core::{Header, Record};

use super::dice::Dice;
use crate::records::StoredRecord;

/// Which record.
pub(crate) type RecordId = u32;

/// A record to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    pub(crate) id: RecordId,
    key: Option<u8>,
    /// `None`: a tombstone, whose key says which record it is.
    value_len: Option<u16>,
    repetitive: bool,
    headers: u8,
    timestamp: Option<i64>,
}

/// A content's bytes.
#[derive(Debug)]
pub(crate) struct Bytes {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
}

impl Content {
    pub(crate) fn random(id: RecordId, dice: &mut Dice, largest: u32) -> Self {
        let len = if dice.percent(3) { dice.between(4, largest) } else { dice.skewed(8).max(4) };
        Self {
            id,
            key: dice.percent(40).then(|| dice.below(6) as u8),
            value_len: (!dice.percent(4)).then_some(len as u16),
            repetitive: dice.percent(60),
            headers: if dice.percent(20) { dice.between(1, 3) as u8 } else { 0 },
            timestamp: dice.percent(20).then(|| i64::from(dice.below(1_000_000))),
        }
    }

    /// Which record a stored one is.
    pub(crate) fn identify(stored: &StoredRecord) -> Option<RecordId> {
        let bytes = match (&stored.value, &stored.key) {
            (Some(value), _) => value,
            (None, Some(key)) => key,
            (None, None) => return None,
        };
        Some(RecordId::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let id = self.id.to_be_bytes();
        let filler = |at: u32| {
            if self.repetitive {
                id[3]
            } else {
                (self.id ^ (at * 0x9E37)).wrapping_mul(0x85EB_CA6B).to_be_bytes()[0]
            }
        };
        let value = self
            .value_len
            .map(|len| id.into_iter().chain((4..u32::from(len)).map(filler)).collect());
        let key = match (self.key, &value) {
            (_, None) => Some(id.to_vec()),
            (Some(0), _) => Some(Vec::new()),
            (Some(key), _) => Some(vec![b'k', key]),
            (None, _) => None,
        };
        let header = |n: u8| (format!("h{}", n % 2), (n != 2).then(|| vec![n; usize::from(n)]));
        let headers = (0..self.headers).map(header).collect();
        Bytes { key, value, headers, timestamp: self.timestamp }
    }

    /// Whether a stored record is this one, byte for byte.
    pub(crate) fn is(&self, stored: &StoredRecord) -> bool {
        let bytes = self.bytes();
        let headers = stored.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        bytes.key.as_deref() == stored.key.as_deref()
            && bytes.value.as_deref() == stored.value.as_deref()
            && headers.eq(bytes.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())))
            && self.timestamp.is_none_or(|timestamp| timestamp == stored.timestamp)
    }
}

impl Bytes {
    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
    }

    pub(crate) fn record<'a>(&'a self, headers: &'a [Header<'a>]) -> Record<'a> {
        let (key, value, timestamp) = (self.key.as_deref(), self.value.as_deref(), self.timestamp);
        Record { key, value, headers, timestamp, ..Record::default() }
    }
}
