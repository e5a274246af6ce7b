//! One Produce request (version 7) with one batch, made once, in as many copies as are kept.

use std::ops::Range;

use contract::{Payload, Task};
use crc_fast::{CrcAlgorithm, checksum};

const BATCH_HEADER: usize = 61;
/// Where in the batch: its CRC, what that covers from, and the number of records.
const CRC: usize = 17;
const CRC_FROM: usize = 21;
const COUNT: usize = 57;

pub(crate) struct Request {
    /// They are written in turn.
    copies: Vec<Vec<u8>>,
    turn: usize,
    /// Where the batch begins.
    batch: usize,
    values: Vec<Range<usize>>,
    checksum: fn(&[u8]) -> u32,
}

impl Request {
    /// A full batch for one partition.
    pub(crate) fn new(task: &Task, partition: u32, payload: &mut Payload) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend([0, 0, 0, 7, 0, 0, 0, 0, 0xff, 0xff]); // Produce, version, id, no client
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0x75, 0x30]); // no transaction, acks, 30 s
        bytes.extend(1u32.to_be_bytes());
        bytes.extend((task.topic.len() as u16).to_be_bytes());
        bytes.extend(task.topic.as_bytes());
        bytes.extend(1u32.to_be_bytes());
        bytes.extend(partition.to_be_bytes());
        let size_at = bytes.len();
        bytes.extend([0; 4]);
        let batch = bytes.len();
        bytes.extend([0; BATCH_HEADER]);
        bytes[batch + 16] = 2;
        let mut values = Vec::new();
        while bytes.len() - batch + task.record_bytes + 16 <= task.batch_bytes || values.is_empty()
        {
            values.push(put_record(&mut bytes, values.len(), payload.next_record()));
        }
        let size = (bytes.len() - batch) as u32;
        bytes[size_at..batch].copy_from_slice(&size.to_be_bytes());
        bytes[batch + 8..batch + 12].copy_from_slice(&(size - 12).to_be_bytes());
        let frame = (bytes.len() - 4) as u32;
        bytes[..4].copy_from_slice(&frame.to_be_bytes());
        let kept = if task.way == "keep" { task.buffer_bytes / task.batch_bytes } else { 1 };
        let checksum = if task.way == "copy" { crc32c::crc32c } else { crc_fast };
        Self { copies: vec![bytes; kept.max(1)], turn: 0, batch, values, checksum }
    }

    pub(crate) fn records(&self) -> u64 {
        self.values.len() as u64
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.copies[self.turn]
    }

    /// The next copy, with what it says that it holds: who discards the batch believes that.
    pub(crate) fn begin(&mut self, count: u64) {
        self.turn = (self.turn + 1) % self.copies.len();
        let at = self.batch + COUNT;
        self.copies[self.turn][at..at + 4].copy_from_slice(&(count as u32).to_be_bytes());
    }

    /// Copies the next records into it and computes the checksum.
    pub(crate) fn copy(&mut self, payload: &mut Payload) {
        let bytes = &mut self.copies[self.turn];
        for value in &self.values {
            bytes[value.clone()].copy_from_slice(payload.next_record());
        }
        let crc = (self.checksum)(&bytes[self.batch + CRC_FROM..]);
        let at = self.batch + CRC;
        bytes[at..at + 4].copy_from_slice(&crc.to_be_bytes());
    }
}

/// As ottla computes it.
fn crc_fast(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// Appends a record and says where its value is.
fn put_record(bytes: &mut Vec<u8>, index: usize, value: &[u8]) -> Range<usize> {
    let mut head = vec![0, 0];
    put_varint(&mut head, index as i64);
    put_varint(&mut head, -1);
    put_varint(&mut head, value.len() as i64);
    put_varint(bytes, (head.len() + value.len() + 1) as i64);
    bytes.extend(head);
    let start = bytes.len();
    bytes.extend(value);
    bytes.push(0);
    start..start + value.len()
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
