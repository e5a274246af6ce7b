//! Records as JavaScript writes them into this module's memory, little endian, one after another.
//!
//! | offset | type | |
//! | --- | --- | --- |
//! | 0 | `u32` | bytes of the whole record, these included |
//! | 4 | `u32` | slot: which promise hears of it |
//! | 8 | `u32` | its place among that promise's records |
//! | 12 | `u32` | topic: its number, from [`Engine::topic`](crate::Engine::topic) |
//! | 16 | `i32` | partition; −1 lets the partitioner choose |
//! | 20 | `i32` | bytes of the key; −1 is null |
//! | 24 | `i32` | bytes of the value; −1 is null |
//! | 28 | `u32` | number of headers |
//! | 32 | `f64` | timestamp, in milliseconds since 1970 |
//! | 40 | `f64` | since when it waits, in microseconds of the producer's clock; written here |
//! | 48 | | key, value, then each header: `u32` bytes of its key, `i32` bytes of its value, both |
//!
//! With 0xffffffff headers it is a whole batch, the value, that was stored under the key that
//! stands in place of the timestamp; with 0xfffffffe one that is to get another sequence.

use alloc::vec::Vec;

use ottla_core::time::Instant;
use ottla_core::{Header, Record};

/// Where things stand in a staged record.
#[derive(Debug)]
pub struct Layout;

impl Layout {
    /// Bytes before the key.
    pub const HEAD: usize = 48;
    const SINCE: usize = 40;
}

/// Most records have no more headers than fit without an allocation.
const FEW_HEADERS: usize = 8;

/// The records in a run of bytes. Ends at the first that is damaged, which none is unless the
/// JavaScript beside this module is of another version.
#[derive(Clone, Debug)]
pub struct StagedRecords<'a>(&'a [u8]);

impl<'a> StagedRecords<'a> {
    /// The records in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for StagedRecords<'a> {
    type Item = StagedRecord<'a>;

    fn next(&mut self) -> Option<StagedRecord<'a>> {
        let size = u32::from_le_bytes(*self.0.first_chunk()?) as usize;
        let (record, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        StagedRecord::new(record)
    }
}

/// Numbers of headers that no record has.
const STORED: u32 = u32::MAX;
const STORED_ANEW: u32 = u32::MAX - 1;

/// A batch that an earlier producer stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredBatch<'a> {
    /// What it is stored under.
    pub key: u64,
    /// Header and records.
    pub bytes: &'a [u8],
    /// It is to get another sequence.
    pub anew: bool,
}

/// One record, borrowed from where it is staged.
#[derive(Clone, Copy, Debug)]
pub struct StagedRecord<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// Which promise hears of it.
    pub slot: u32,
    /// Its place among that promise's records.
    pub index: u32,
    /// Its topic's number.
    pub topic: u32,
    partition: i32,
    timestamp: f64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    header_count: u32,
    headers: &'a [u8],
}

impl<'a> StagedRecord<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.get(Layout::HEAD..)?;
        let word =
            |at: usize| bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk));
        let timestamp = f64::from_le_bytes(*bytes.get(32..)?.first_chunk()?);
        let key = take(&mut rest, word(20)? as i32)?;
        let value = take(&mut rest, word(24)? as i32)?;
        Some(Self {
            bytes,
            slot: word(4)?,
            index: word(8)?,
            topic: word(12)?,
            partition: word(16)? as i32,
            timestamp,
            key,
            value,
            header_count: word(28)?,
            headers: rest,
        })
    }

    /// Since when it waits; zero before `set_since`.
    #[must_use]
    pub fn since(&self) -> Instant {
        let since = self.bytes.get(Layout::SINCE..).and_then(<[u8]>::first_chunk);
        Instant::from_micros(since.map_or(0.0, |bytes| f64::from_le_bytes(*bytes)) as u64)
    }

    /// The partition that was asked for.
    #[must_use]
    pub fn partition(&self) -> Option<i32> {
        (self.partition >= 0).then_some(self.partition)
    }

    /// The batch that it is, if it is one.
    #[must_use]
    pub fn batch(&self) -> Option<StoredBatch<'a>> {
        let anew = self.header_count == STORED_ANEW;
        let is_batch = anew || self.header_count == STORED;
        let bytes = self.value.filter(|_| is_batch)?;
        Some(StoredBatch { key: self.timestamp as u64, bytes, anew })
    }

    /// Gives it to `send` as the core takes it.
    pub fn with<R>(&self, send: impl FnOnce(Record<'_>) -> R) -> R {
        let record = Record {
            key: self.key,
            value: self.value,
            timestamp: Some(self.timestamp as i64),
            partition: self.partition(),
            ..Record::default()
        };
        let count = self.header_count as usize;
        if count == 0 {
            return send(record);
        }
        if count <= FEW_HEADERS {
            let mut few = [Header { key: "", value: None }; FEW_HEADERS];
            let mut written = 0;
            for (place, header) in few.iter_mut().zip(self.headers()) {
                *place = header;
                written += 1;
            }
            return send(record.headers(&few[..written]));
        }
        let many: Vec<Header<'_>> = self.headers().collect();
        send(record.headers(&many))
    }

    fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut rest = self.headers;
        (0..self.header_count).map_while(move |_| header(&mut rest))
    }
}

/// Notes since when a staged record waits.
pub(crate) fn set_since(record: &mut [u8], since: Instant) {
    if let Some(place) = record.get_mut(Layout::SINCE..).and_then(<[u8]>::first_chunk_mut) {
        *place = (since.as_micros() as f64).to_le_bytes();
    }
}

fn header<'a>(rest: &mut &'a [u8]) -> Option<Header<'a>> {
    let (head, tail) = rest.split_first_chunk::<8>()?;
    let [a, b, c, d, e, f, g, h] = *head;
    *rest = tail;
    let key = take(rest, i32::from_le_bytes([a, b, c, d]))??;
    let value = take(rest, i32::from_le_bytes([e, f, g, h]))?;
    Some(Header { key: core::str::from_utf8(key).ok()?, value })
}

/// Takes a field of so many bytes; −1 is null.
fn take<'a>(rest: &mut &'a [u8], size: i32) -> Option<Option<&'a [u8]>> {
    let Ok(size) = usize::try_from(size) else { return Some(None) };
    let (field, tail) = rest.split_at_checked(size)?;
    *rest = tail;
    Some(Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `staging.js` writes it, from a run of that in Node.
    const RECORD: [u8; 63] = [
        63, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 89, 64, 0, 0, 0, 0, 0, 0, 0, 0, 107, 118, 97, 108, 117, 101, 1, 0,
        0, 0, 255, 255, 255, 255, 104,
    ];

    #[test]
    fn a_record_of_javascript_is_read() {
        let mut records = StagedRecords::new(&RECORD);
        let record = records.next().unwrap();
        assert_eq!((record.slot, record.index, record.topic), (7, 1, 2));
        record.with(|record| {
            assert_eq!(record.key, Some(&b"k"[..]));
            assert_eq!(record.value, Some(&b"value"[..]));
            assert_eq!((record.partition, record.timestamp), (Some(3), Some(100)));
            let [Header { key: "h", value: None }] = record.headers else {
                panic!("{:?}", record.headers)
            };
        });
        assert!(records.next().is_none());
    }

    #[test]
    fn a_stored_batch_is_none_of_a_record() {
        let mut bytes = RECORD;
        bytes[20..24].copy_from_slice(&(-1_i32).to_le_bytes());
        bytes[24..28].copy_from_slice(&6_i32.to_le_bytes());
        for (count, anew) in [(u32::MAX, false), (u32::MAX - 1, true)] {
            bytes[28..32].copy_from_slice(&count.to_le_bytes());
            let batch = StagedRecords::new(&bytes).next().unwrap().batch().unwrap();
            assert_eq!((batch.key, batch.bytes, batch.anew), (100, &b"kvalue"[..], anew));
        }
        assert!(StagedRecords::new(&RECORD).next().unwrap().batch().is_none());
    }

    #[test]
    fn nothing_is_read_from_damaged_records() {
        for cut in 0..63 {
            let mut bytes = RECORD[..cut].to_vec();
            assert!(StagedRecords::new(&bytes).next().is_none(), "{cut}");
            if let Some(size) = bytes.first_mut() {
                *size = cut as u8;
            }
            let record = StagedRecords::new(&bytes).next();
            assert!(record.is_none_or(|record| record.with(|record| record.headers.is_empty())));
        }
    }
}
