//! A partition's log: batches in offset order, and what can be asked of them.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::segments::{Place, Segments};
use crate::batch::{self, BatchHeader};

/// What is known of a batch in the log without reading it.
#[derive(Debug, Clone)]
struct Entry {
    header: BatchHeader,
    stored: Stored,
}

#[derive(Debug, Clone)]
enum Stored {
    Memory(Bytes),
    Disk(Place),
}

/// The log of one partition, in memory or in Kafka's segment files.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    entries: VecDeque<Entry>,
    start_offset: i64,
    end_offset: i64,
    memory_bytes: usize,
    segments: Option<Segments>,
}

impl PartitionLog {
    /// An empty log that lives as long as this value.
    pub(crate) fn in_memory() -> Self {
        Self {
            entries: VecDeque::new(),
            start_offset: 0,
            end_offset: 0,
            memory_bytes: 0,
            segments: None,
        }
    }

    /// The log in a directory, with whatever valid batches it holds; the directory is made if it
    /// isn't there.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let mut log = Self::in_memory();
        let (segments, found) = Segments::open(directory)?;
        for (header, place) in found {
            if log.entries.is_empty() {
                log.start_offset = header.base_offset;
            }
            log.end_offset = header.last_offset() + 1;
            log.entries.push_back(Entry { header, stored: Stored::Disk(place) });
        }
        log.segments = Some(segments);
        Ok(log)
    }

    /// First offset that can be read.
    pub(crate) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset of the next record.
    pub(crate) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Headers of all batches, oldest first.
    pub(crate) fn headers(&self) -> impl DoubleEndedIterator<Item = &BatchHeader> {
        self.entries.iter().map(|entry| &entry.header)
    }

    /// Appends a batch already judged valid, giving it its offset and leader epoch.
    pub(crate) fn append(&mut self, batch: &[u8], leader_epoch: i32) -> io::Result<BatchHeader> {
        let mut bytes = batch.to_vec();
        batch::stamp(&mut bytes, self.end_offset, leader_epoch);
        let header = BatchHeader::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let stored = match &mut self.segments {
            Some(segments) => Stored::Disk(segments.append(header.base_offset, &bytes)?),
            None => {
                self.memory_bytes += bytes.len();
                Stored::Memory(bytes.into())
            }
        };
        self.end_offset = header.last_offset() + 1;
        self.entries.push_back(Entry { header, stored });
        Ok(header)
    }

    /// Whole batches from the one that holds `offset` on, below `limit`: the first always, more
    /// while they fit in `max_bytes`.
    pub(crate) fn read(&self, offset: i64, limit: i64, max_bytes: usize) -> io::Result<Vec<Bytes>> {
        let first = self.entries.partition_point(|entry| entry.header.last_offset() < offset);
        let mut batches = Vec::new();
        let mut size = 0usize;
        for entry in self.entries.range(first..) {
            size = size.saturating_add(entry.header.size);
            if entry.header.last_offset() >= limit || (size > max_bytes && !batches.is_empty()) {
                break;
            }
            batches.push(self.load(entry)?);
        }
        Ok(batches)
    }

    /// Drops the oldest batches held in memory above `retention_bytes`, never the newest.
    pub(crate) fn retain(&mut self, retention_bytes: usize) {
        while self.memory_bytes > retention_bytes && self.entries.len() > 1 {
            let Some(entry) = self.entries.pop_front() else { return };
            self.memory_bytes = self.memory_bytes.saturating_sub(entry.header.size);
            self.start_offset = entry.header.last_offset() + 1;
        }
    }

    /// Cuts off every batch that reaches `offset` or beyond.
    pub(crate) fn truncate(&mut self, offset: i64) -> io::Result<()> {
        while self.entries.back().is_some_and(|last| last.header.last_offset() >= offset) {
            let Some(entry) = self.entries.pop_back() else { break };
            match entry.stored {
                Stored::Memory(bytes) => self.memory_bytes -= bytes.len(),
                Stored::Disk(place) => self.truncate_file(place)?,
            }
            self.end_offset = entry.header.base_offset;
        }
        Ok(())
    }

    fn truncate_file(&mut self, place: Place) -> io::Result<()> {
        self.segments.as_mut().map_or(Ok(()), |segments| segments.truncate(place))
    }

    fn load(&self, entry: &Entry) -> io::Result<Bytes> {
        match (&entry.stored, &self.segments) {
            (Stored::Memory(bytes), _) => Ok(bytes.clone()),
            (Stored::Disk(place), Some(segments)) => segments.read(*place, entry.header.size),
            (Stored::Disk(_), None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
