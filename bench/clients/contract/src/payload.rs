//! What is sent: the records of a file, over and over.

use std::fs;
use std::sync::Arc;

use crate::Task;

/// The records of the task's file; clones share them.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: Arc<[u8]>,
    record: usize,
    at: usize,
}

impl Payload {
    /// Reads the file.
    ///
    /// # Panics
    /// If it can't be read or holds no record.
    #[must_use]
    pub fn read(task: &Task) -> Self {
        let bytes = fs::read(&task.payload).expect("the payload file is there");
        assert!(bytes.len() >= task.record_bytes, "the payload file holds no record");
        Self { bytes: bytes.into(), record: task.record_bytes, at: 0 }
    }

    /// The records of the file.
    #[must_use]
    pub fn records(&self) -> usize {
        self.bytes.len() / self.record
    }

    /// The record at this place, less than [`records`](Self::records).
    #[must_use]
    pub fn record(&self, place: usize) -> &[u8] {
        let start = place * self.record;
        &self.bytes[start..start + self.record]
    }

    /// The next record; after the last the first again.
    #[must_use]
    pub fn next_record(&mut self) -> &[u8] {
        if self.at + self.record > self.bytes.len() {
            self.at = 0;
        }
        let start = self.at;
        self.at += self.record;
        &self.bytes[start..self.at]
    }
}
