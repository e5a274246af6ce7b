//! An LZ4 block encoder for small memory (LZ4 block format, 2022-07-31): its hash table is no
//! larger than the block can fill.
//!
//! Greedy, one probe per position, as LZ4's own fast encoder. A block of 2 KiB is compressed with a
//! table of 2 KiB; `lz4_flex`, which is faster where there is memory, takes 16 KiB for any.

use alloc::vec::Vec;

use super::{CompressionError, small_lz4_table};

/// Shorter repetitions can't be written.
const MIN_MATCH: usize = 4;
/// The last bytes of a block are literals (end of block condition 2).
const LAST_LITERALS: usize = 5;
/// No match begins closer to the end (end of block condition 3).
const MATCH_FIND_LIMIT: usize = 12;
/// Up to this, a length is in the token.
const IN_TOKEN: usize = 15;
/// How many positions in a row may find nothing until every other is skipped, and so on.
const PATIENCE_BITS: usize = 6;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct BlockEncoder {
    /// Where bytes with this hash were last seen.
    table: Vec<u16>,
}

impl BlockEncoder {
    /// Takes the table for blocks of up to `largest` bytes.
    #[cfg(not(feature = "std"))]
    pub(super) fn reserve(&mut self, largest: usize) {
        self.table.reserve_exact(small_lz4_table(largest) / size_of::<u16>());
    }

    /// Appends `block`, which is shorter than 64 KiB, to `out`.
    ///
    /// # Errors
    /// None; other encoders of blocks have some.
    pub(super) fn compress(
        &mut self,
        block: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        debug_assert!(block.len() <= usize::from(u16::MAX));
        let bits = (small_lz4_table(block.len()) / size_of::<u16>()).ilog2();
        self.table.clear();
        self.table.resize(1 << bits, 0);
        let (mut at, mut anchor) = (1, 0);
        while at + MATCH_FIND_LIMIT <= block.len() {
            match self.look_up(block, at, bits) {
                Some(from) => {
                    let len = matching(block, from, at);
                    put_sequence(out, &block[anchor..at], at - from, len);
                    at += len;
                    anchor = at;
                }
                None => at += 1 + ((at - anchor) >> PATIENCE_BITS),
            }
        }
        put_last_literals(out, &block[anchor..]);
        Ok(())
    }

    /// An earlier place with the same four bytes, if the table knows one.
    fn look_up(&mut self, block: &[u8], at: usize, bits: u32) -> Option<usize> {
        let slot = hash(block.get(at..)?.first_chunk()?, bits);
        let from = usize::from(core::mem::replace(self.table.get_mut(slot)?, at as u16));
        (from < at && block[from..from + MIN_MATCH] == block[at..at + MIN_MATCH]).then_some(from)
    }
}

/// Of five bytes, as LZ4's own encoder for 64 bits: more of what it finds is worth a sequence, and
/// the table's few entries last longer.
fn hash(bytes: &[u8; 8], bits: u32) -> usize {
    ((u64::from_le_bytes(*bytes) << 24).wrapping_mul(889_523_592_379) >> (64 - bits)) as usize
}

/// How many bytes from `at` on repeat those from `from` on, at least four.
fn matching(block: &[u8], from: usize, at: usize) -> usize {
    let earlier = &block[from + MIN_MATCH..];
    let later = &block[at + MIN_MATCH..block.len() - LAST_LITERALS];
    MIN_MATCH + later.iter().zip(earlier).take_while(|(a, b)| a == b).count()
}

fn put_sequence(out: &mut Vec<u8>, literals: &[u8], offset: usize, len: usize) {
    let beyond = len - MIN_MATCH;
    out.push((literals.len().min(IN_TOKEN) << 4 | beyond.min(IN_TOKEN)) as u8);
    put_length(out, literals.len());
    out.extend_from_slice(literals);
    out.extend_from_slice(&(offset as u16).to_le_bytes());
    put_length(out, beyond);
}

fn put_last_literals(out: &mut Vec<u8>, literals: &[u8]) {
    out.push((literals.len().min(IN_TOKEN) << 4) as u8);
    put_length(out, literals.len());
    out.extend_from_slice(literals);
}

/// What the token has no room for.
fn put_length(out: &mut Vec<u8>, len: usize) {
    if let Some(mut rest) = len.checked_sub(IN_TOKEN) {
        while rest >= 255 {
            out.push(255);
            rest -= 255;
        }
        out.push(rest as u8);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use core::fmt::Write;

    use lz4_flex::block::{decompress, get_maximum_output_size};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn round_trip(encoder: &mut BlockEncoder, block: &[u8]) -> usize {
        let mut out = Vec::new();
        encoder.compress(block, &mut out).unwrap();
        assert_eq!(decompress(&out, block.len()).unwrap(), block);
        assert!(out.len() <= get_maximum_output_size(block.len()));
        out.len()
    }

    #[test]
    fn what_repeats_shrinks() {
        let mut text = String::new();
        for index in 0..60 {
            write!(text, "{{\"seq\":{index},\"reading\":{}}}", index * 7).unwrap();
        }
        let mut encoder = BlockEncoder::default();
        let len = round_trip(&mut encoder, text.as_bytes());
        let reference = lz4_flex::block::compress(text.as_bytes()).len();
        assert!(len * 10 <= reference * 11, "{len} bytes, {reference} with lz4_flex");
        assert!(round_trip(&mut encoder, &[7; 65_534]) < 300);
    }

    #[test]
    fn blocks_of_every_small_length_survive() {
        let mut encoder = BlockEncoder::default();
        for len in 0..64 {
            round_trip(&mut encoder, &vec![1; len]);
            round_trip(&mut encoder, &(0..len as u8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_table_follows_the_block() {
        assert_eq!(
            [0, 100, 2_048, 4_096, 65_534].map(small_lz4_table),
            [512, 512, 2048, 4096, 8192]
        );
    }

    proptest! {
        /// Few different bytes, so that there is something to find.
        #[test]
        fn any_block_survives(block in prop::collection::vec(0u8..4, 0..5_000)) {
            round_trip(&mut BlockEncoder::default(), &block);
        }
    }
}
