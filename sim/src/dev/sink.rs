//! A broker's Produce without the broker: counts records by the batches' headers and discards
//! them, for benchmarks that must not measure the server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::batch::{BatchHeader, HEADER_BYTES};

/// First Produce version with compact lengths and tags, and first with topic ids.
const FLEXIBLE: i16 = 9;
const TOPIC_IDS: i16 = 13;
const VERSIONS: std::ops::RangeInclusive<i16> = 3..=TOPIC_IDS;
const TOPIC_ID_BYTES: usize = 16;

/// A topic's name, or its id's 16 bytes where a client sent that, and a partition.
type Key = (Vec<u8>, i32);

/// What arrived, by topic and partition.
#[derive(Debug)]
pub struct Sink {
    arrived: Mutex<BTreeMap<Key, Arrived>>,
    late: Option<(i32, Duration)>,
}

/// What arrived in a partition, as the batches' headers say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arrived {
    /// Records.
    pub records: u64,
    /// Batches.
    pub batches: u64,
    /// The batches' bytes, their headers included.
    pub bytes: u64,
}

impl Sink {
    pub(super) fn new(late: Option<(i32, Duration)>) -> Self {
        Self { arrived: Mutex::default(), late }
    }

    /// Records that arrived in all.
    pub fn count(&self) -> u64 {
        self.arrived().values().map(|arrived| arrived.records).sum()
    }

    /// What arrived for each topic (its name, or its id's 16 bytes) and partition.
    pub fn arrived(&self) -> BTreeMap<(Vec<u8>, i32), Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much later than usual a node answers, if it does.
    pub(super) fn lateness(&self, node: i32) -> Option<Duration> {
        self.late.filter(|(late, _)| *late == node).map(|(_, by)| by)
    }

    pub(super) fn connect(&self) -> SinkConnection<'_> {
        SinkConnection { sink: self, response: Vec::new() }
    }

    /// Adds to what arrived in a partition and says how many records that were before.
    fn add(&self, topic: &[u8], partition: i32, new: Arrived) -> u64 {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = arrived.entry((topic.to_vec(), partition)).or_default();
        let before = sum.records;
        sum.records = before.saturating_add(new.records);
        sum.batches += new.batches;
        sum.bytes += new.bytes;
        before
    }
}

/// Whether a request frame is a Produce.
pub(super) fn is_produce(frame: &[u8]) -> bool {
    frame.starts_with(&[0, 0])
}

/// Answers one connection's Produce requests, in a buffer that is used again.
#[derive(Debug)]
pub(super) struct SinkConnection<'a> {
    sink: &'a Sink,
    response: Vec<u8>,
}

impl SinkConnection<'_> {
    /// The response frame, empty for acks=0; `None` if the request is no valid Produce.
    pub(super) fn answer(&mut self, frame: &[u8]) -> Option<&[u8]> {
        let mut from = Reader { rest: frame, flexible: false };
        let [_, _] = from.take()?;
        let version = i16::from_be_bytes(from.take()?);
        if !VERSIONS.contains(&version) {
            return None;
        }
        let correlation_id: [u8; 4] = from.take()?;
        from.nullable_string()?;
        from.flexible = version >= FLEXIBLE;
        from.tags()?;
        from.nullable_string()?;
        let acks = i16::from_be_bytes(from.take()?);
        let _timeout: [u8; 4] = from.take()?;

        self.response.clear();
        self.response.extend_from_slice(&[0; 4]);
        self.response.extend_from_slice(&correlation_id);
        self.put_tags(version);
        self.topics(&mut from, version)?;
        self.response.extend_from_slice(&0i32.to_be_bytes()); // throttle time
        self.put_tags(version);
        if acks == 0 {
            return Some(&[]);
        }
        let size = u32::try_from(self.response.len() - 4).ok()?;
        self.response[..4].copy_from_slice(&size.to_be_bytes());
        Some(&self.response)
    }

    fn topics(&mut self, from: &mut Reader<'_>, version: i16) -> Option<()> {
        let topics = from.array_length()?;
        self.put_array_length(version, topics);
        for _ in 0..topics {
            let start = from.rest;
            let topic = match version {
                TOPIC_IDS.. => from.bytes(TOPIC_ID_BYTES)?,
                _ => from.nullable_string()?,
            };
            // A name goes back as it came, its length included.
            self.response.extend_from_slice(&start[..start.len() - from.rest.len()]);
            self.partitions(from, version, topic)?;
            from.tags()?;
            self.put_tags(version);
        }
        Some(())
    }

    fn partitions(&mut self, from: &mut Reader<'_>, version: i16, topic: &[u8]) -> Option<()> {
        let partitions = from.array_length()?;
        self.put_array_length(version, partitions);
        for _ in 0..partitions {
            let index = i32::from_be_bytes(from.take()?);
            let new = arrived_in(from.nullable_bytes()?);
            from.tags()?;
            let base_offset = self.sink.add(topic, index, new);
            self.put_partition(version, index, base_offset as i64);
        }
        Some(())
    }

    fn put_partition(&mut self, version: i16, index: i32, base_offset: i64) {
        self.response.extend_from_slice(&index.to_be_bytes());
        self.response.extend_from_slice(&0i16.to_be_bytes()); // error code
        self.response.extend_from_slice(&base_offset.to_be_bytes());
        self.response.extend_from_slice(&(-1i64).to_be_bytes()); // log append time
        if version >= 5 {
            self.response.extend_from_slice(&0i64.to_be_bytes()); // log start offset
        }
        match version {
            FLEXIBLE.. => self.response.extend_from_slice(&[1, 0, 0]), // no errors, message, tags
            8 => self.response.extend_from_slice(&[0, 0, 0, 0, 0xff, 0xff]), // no errors, message
            _ => {}
        }
    }

    fn put_array_length(&mut self, version: i16, length: u32) {
        if version < FLEXIBLE {
            self.response.extend_from_slice(&length.to_be_bytes());
            return;
        }
        let mut value = length + 1;
        while value >= 0x80 {
            self.response.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.response.push(value as u8);
    }

    fn put_tags(&mut self, version: i16) {
        if version >= FLEXIBLE {
            self.response.push(0);
        }
    }
}

/// The sum over batches that stand end to end.
fn arrived_in(mut batches: &[u8]) -> Arrived {
    let mut arrived = Arrived::default();
    while batches.len() >= HEADER_BYTES
        && let Some(header) = BatchHeader::parse(batches)
    {
        arrived.records += u64::try_from(header.record_count).unwrap_or(0);
        arrived.batches += 1;
        arrived.bytes += header.size as u64;
        batches = batches.get(header.size..).unwrap_or_default();
    }
    arrived
}

/// Steps over a request; every step is `None` where the bytes end too early.
struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn bytes(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(taken)
    }

    fn nullable_string(&mut self) -> Option<&'a [u8]> {
        let size = if self.flexible {
            self.varint()?.saturating_sub(1)
        } else {
            u32::try_from(i16::from_be_bytes(self.take()?)).unwrap_or(0)
        };
        self.bytes(size as usize)
    }

    fn nullable_bytes(&mut self) -> Option<&'a [u8]> {
        let size = self.array_length()?;
        self.bytes(size as usize)
    }

    /// Number of elements, at most as many as there are bytes left.
    fn array_length(&mut self) -> Option<u32> {
        let length = if self.flexible {
            self.varint()?.saturating_sub(1)
        } else {
            u32::try_from(i32::from_be_bytes(self.take()?)).unwrap_or(0)
        };
        (length as usize <= self.rest.len()).then_some(length)
    }

    fn tags(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.bytes(size as usize)?;
        }
        Some(())
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}
