//! Snappy in the framing of xerial's snappy-java, which Kafka's clients write: a header, then
//! blocks of at most 32 KiB, each with its compressed length in front.
//!
//! A block is Snappy's raw format (`format_description.txt` of google/snappy): the uncompressed
//! length as a little-endian varint, then literals and copies of earlier bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Codec, CompressionError, Encoder, SNAPPY_TABLE, append};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The magic, version 1, and version 1 as the oldest that can read it.
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// xerial's default, which keeps positions within 16 bits.
const BLOCK_LEN: usize = 32 * 1024;

/// The positions that the encoder remembers, as a power of two.
const TABLE_BITS: u32 = (SNAPPY_TABLE / size_of::<u16>()).ilog2();
/// Copies shorter than this don't pay.
const MIN_MATCH: usize = 4;
/// Bytes at the end of a block that are not searched for matches.
const MARGIN: usize = 15;

const LITERAL: u8 = 0b00;
const COPY_1: u8 = 0b01;
const COPY_2: u8 = 0b10;

pub(super) struct SnappyEncoder {
    /// The last position in the block at which four bytes of each hash were seen.
    table: Box<[u16]>,
}

impl SnappyEncoder {
    pub(super) fn new() -> Self {
        Self { table: alloc::vec![0; 1 << TABLE_BITS].into_boxed_slice() }
    }
}

impl Encoder for SnappyEncoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        out.extend_from_slice(&HEADER);
        for block in input.chunks(BLOCK_LEN) {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            put_len(block.len(), out);
            self.compress_block(block, out);
            let len = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }
}

impl SnappyEncoder {
    /// Greedy: takes the first match it finds and looks at fewer positions the longer it finds
    /// none.
    fn compress_block(&mut self, block: &[u8], out: &mut Vec<u8>) {
        self.table.fill(0);
        let end = block.len().saturating_sub(MARGIN);
        let mut emitted = 0;
        let mut at = 1;
        let mut misses = 32;
        while at < end {
            let bytes = read_u32(block, at);
            let earlier = self.replace(bytes, at);
            if read_u32(block, earlier) != bytes {
                at += misses >> 5;
                misses += 1;
                continue;
            }
            put_literal(&block[emitted..at], out);
            let len = MIN_MATCH + common_prefix(block, earlier + MIN_MATCH, at + MIN_MATCH);
            put_copy(at - earlier, len, out);
            at += len;
            emitted = at;
            misses = 32;
            if at < end {
                self.replace(read_u32(block, at - 1), at - 1);
            }
        }
        put_literal(&block[emitted..], out);
    }

    /// Remembers where `bytes` were seen; returns where bytes of the same hash were seen before.
    #[inline]
    fn replace(&mut self, bytes: u32, at: usize) -> usize {
        let hash = bytes.wrapping_mul(0x1e35_a7bd) >> (32 - TABLE_BITS);
        usize::from(core::mem::replace(&mut self.table[hash as usize], at as u16))
    }
}

#[inline]
fn read_u32(block: &[u8], at: usize) -> u32 {
    block.get(at..at + 4).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}

/// How many bytes from `a` on equal those from `b` on, where `a < b`.
#[inline]
fn common_prefix(block: &[u8], a: usize, b: usize) -> usize {
    let (earlier, later) = (&block[a..], &block[b..]);
    let mut len = 0;
    for (x, y) in earlier.chunks_exact(8).zip(later.chunks_exact(8)) {
        let difference = read_u64(x) ^ read_u64(y);
        if difference != 0 {
            return len + difference.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    len + earlier[len..].iter().zip(&later[len..]).take_while(|(x, y)| x == y).count()
}

#[inline]
fn read_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn put_len(mut len: usize, out: &mut Vec<u8>) {
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

/// A literal of at most [`BLOCK_LEN`] bytes.
fn put_literal(bytes: &[u8], out: &mut Vec<u8>) {
    let Some(last) = bytes.len().checked_sub(1) else { return };
    match last {
        0..60 => out.push((last as u8) << 2 | LITERAL),
        60..256 => out.extend_from_slice(&[60 << 2 | LITERAL, last as u8]),
        _ => out.extend_from_slice(&[61 << 2 | LITERAL, last as u8, (last >> 8) as u8]),
    }
    out.extend_from_slice(bytes);
}

/// A copy of `len` bytes, at least 4, from `offset` bytes back.
fn put_copy(offset: usize, mut len: usize, out: &mut Vec<u8>) {
    while len > 64 {
        // Leaves at least four bytes, which the shorter form may take.
        let part = if len < 68 { 60 } else { 64 };
        put_copy_2(offset, part, out);
        len -= part;
    }
    if len < 12 && offset < 2048 {
        let high = (offset >> 8) as u8;
        out.extend_from_slice(&[high << 5 | (len as u8 - 4) << 2 | COPY_1, offset as u8]);
    } else {
        put_copy_2(offset, len, out);
    }
}

fn put_copy_2(offset: usize, len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[(len as u8 - 1) << 2 | COPY_2, offset as u8, (offset >> 8) as u8]);
}

const fn corrupt(how: &'static str) -> CompressionError {
    CompressionError::Corrupt(Codec::Snappy, how)
}

const TRUNCATED: CompressionError = corrupt("the data ends early");

/// xerial's framing, or a raw block where its magic is missing, as snappy-java reads both.
pub(super) fn decompress(
    mut input: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    if !input.starts_with(&MAGIC) {
        return decompress_block(input, out, max_len);
    }
    while !input.is_empty() {
        // Streams may follow each other, each with its header.
        if input.starts_with(&MAGIC) {
            input = input.get(HEADER.len()..).ok_or(TRUNCATED)?;
            continue;
        }
        let (len, rest) = input.split_first_chunk().ok_or(TRUNCATED)?;
        let len = u32::from_be_bytes(*len) as usize;
        let (block, rest) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
        input = rest;
        decompress_block(block, out, max_len)?;
    }
    Ok(())
}

fn decompress_block(
    mut block: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    let len = take_len(&mut block)?;
    let start = out.len();
    if len > max_len.saturating_sub(start) {
        return Err(CompressionError::TooLarge { max_len });
    }
    let written = start..start + len;
    while let Some((&tag, rest)) = block.split_first() {
        block = rest;
        match tag & 0b11 {
            LITERAL => take_literal(tag, &mut block, out, written.end)?,
            COPY_1 => {
                let offset = usize::from(tag >> 5) << 8 | take_le(&mut block, 1)?;
                copy(offset, usize::from(tag >> 2 & 0b111) + 4, out, &written)?;
            }
            kind => {
                let offset = take_le(&mut block, if kind == COPY_2 { 2 } else { 4 })?;
                copy(offset, usize::from(tag >> 2) + 1, out, &written)?;
            }
        }
    }
    if out.len() == written.end { Ok(()) } else { Err(TRUNCATED) }
}

fn take_literal(
    tag: u8,
    block: &mut &[u8],
    out: &mut Vec<u8>,
    end: usize,
) -> Result<(), CompressionError> {
    let last = match usize::from(tag >> 2) {
        last @ 0..60 => last,
        long => take_le(block, long - 59)?,
    };
    let (bytes, rest) = block.split_at_checked(last.saturating_add(1)).ok_or(TRUNCATED)?;
    *block = rest;
    append(bytes, out, end).map_err(|_| corrupt("a block is longer than it says"))
}

/// Copies `len` bytes from `offset` bytes back, which may be among those that it appends.
fn copy(
    offset: usize,
    len: usize,
    out: &mut Vec<u8>,
    written: &Range<usize>,
) -> Result<(), CompressionError> {
    if offset == 0 || offset > out.len() - written.start {
        return Err(corrupt("a copy from outside of its block"));
    }
    if len > written.end - out.len() {
        return Err(corrupt("a block is longer than it says"));
    }
    let from = out.len() - offset;
    let mut left = len;
    while left > 0 {
        let part = left.min(out.len() - from);
        out.extend_from_within(from..from + part);
        left -= part;
    }
    Ok(())
}

fn take_len(block: &mut &[u8]) -> Result<usize, CompressionError> {
    let mut len = 0;
    for i in 0..5 {
        let (&byte, rest) = block.split_first().ok_or(TRUNCATED)?;
        *block = rest;
        len |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return u32::try_from(len).map(|len| len as usize).map_err(|_| LEN_TOO_LONG);
        }
    }
    Err(LEN_TOO_LONG)
}

const LEN_TOO_LONG: CompressionError = corrupt("a length of more than 32 bits");

fn take_le(block: &mut &[u8], len: usize) -> Result<usize, CompressionError> {
    let (bytes, rest) = block.split_at_checked(len).ok_or(TRUNCATED)?;
    *block = rest;
    Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProducerConfig;

    #[test]
    fn the_memory_budget_has_the_table_that_there_is() {
        let config =
            ProducerConfig { compression: Codec::Snappy.into(), ..ProducerConfig::small() };
        let table = SnappyEncoder::new().table;
        assert_eq!(config.memory(1).codec_tables, size_of_val(&*table));
    }
}
