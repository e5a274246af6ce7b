//! An LZ4 block encoder (LZ4 block format, 2022-07-31): greedy, one probe per position, as LZ4's
//! own fast encoder.
//!
//! It finds more than that one, at no more time, because its table is of six bytes where that is
//! of four or five: text has many short repetitions, for which the longer ones are forgotten. For
//! the same reason only positions that were looked at are noted, none within a match. The table is
//! no larger than the block can fill.

use alloc::vec::Vec;
use core::ops::Range;

use super::lz4_table;

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
    /// Where bytes with this hash were last seen: the position's lower half, which is enough, as no
    /// match reaches back further.
    table: Vec<u16>,
}

impl BlockEncoder {
    /// Takes the table for blocks of up to `largest` bytes.
    pub(super) fn reserve(&mut self, largest: usize) {
        self.table.reserve_exact(lz4_table(largest) / size_of::<u16>());
    }

    /// Appends `block`, compressed, to `out`.
    pub(super) fn compress(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let entries = lz4_table(block.len()) / size_of::<u16>();
        self.table.clear();
        self.table.resize(entries, 0);
        let shift = u64::BITS - entries.ilog2();
        let (mut at, mut anchor) = (1, 0);
        while let Some((from, found)) = self.next_match(block, at, shift) {
            let before = common_suffix(&block[anchor..found], &block[..from]);
            let after = common_prefix(
                &block[found + MIN_MATCH..block.len() - LAST_LITERALS],
                &block[from + MIN_MATCH..],
            );
            let literals = anchor..found - before;
            put_sequence(out, block, literals, found - from, before + after);
            at = found + MIN_MATCH + after;
            anchor = at;
        }
        put_literals(out, 0, &block[anchor..]);
    }

    /// Where the next bytes are that were there before, from `at` on, and before.
    #[inline]
    fn next_match(&mut self, block: &[u8], mut at: usize, shift: u32) -> Option<(usize, usize)> {
        let mut patience = 1 << PATIENCE_BITS;
        while at + MATCH_FIND_LIMIT <= block.len() {
            let bytes = u64::from_le_bytes(*block[at..].first_chunk()?);
            let seen = self.table.get_mut(hash(bytes, shift))?;
            let back = usize::from((at as u16).wrapping_sub(*seen));
            *seen = at as u16;
            // Not before `at` where the table knows nothing.
            let from = at.wrapping_sub(back);
            if from < at && u32::from_le_bytes(*block[from..].first_chunk()?) == bytes as u32 {
                return Some((from, at));
            }
            at += patience >> PATIENCE_BITS;
            patience += 1;
        }
        None
    }
}

/// Of the first six bytes.
#[inline]
fn hash(bytes: u64, shift: u32) -> usize {
    ((bytes << 16).wrapping_mul(0x9e37_79b1_85eb_ca87) >> shift) as usize
}

#[inline]
fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The second is at least as long as the first.
#[inline]
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let (words, rest) = a.as_chunks::<8>();
    let mut len = 0;
    for (a, b) in words.iter().zip(b.as_chunks::<8>().0) {
        let different = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if different != 0 {
            return len + (different.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    len + rest.iter().zip(&b[len..]).take_while(|(a, b)| a == b).count()
}

/// Literals, and `beyond` more bytes than the shortest match from `offset` bytes before.
#[inline]
fn put_sequence(
    out: &mut Vec<u8>,
    block: &[u8],
    literals: Range<usize>,
    offset: usize,
    beyond: usize,
) {
    if literals.len() < IN_TOKEN
        && let Some(bytes) = block[literals.start..].first_chunk()
    {
        // Nearly always: the token and more literals than there are, at once.
        let token = literals.len() << 4 | beyond.min(IN_TOKEN);
        let end = out.len() + 1 + literals.len();
        let bytes = u128::from_le_bytes(*bytes) << 8 | token as u128;
        out.extend_from_slice(&bytes.to_le_bytes());
        out.truncate(end);
    } else {
        put_literals(out, beyond.min(IN_TOKEN), &block[literals]);
    }
    out.extend_from_slice(&(offset as u16).to_le_bytes());
    if beyond >= IN_TOKEN {
        put_length(out, beyond - IN_TOKEN);
    }
}

/// A token, whose lower half is given, and literals.
#[cold]
fn put_literals(out: &mut Vec<u8>, lower: usize, literals: &[u8]) {
    out.push((literals.len().min(IN_TOKEN) << 4 | lower) as u8);
    if literals.len() >= IN_TOKEN {
        put_length(out, literals.len() - IN_TOKEN);
    }
    out.extend_from_slice(literals);
}

/// What the token has no room for.
#[cold]
fn put_length(out: &mut Vec<u8>, mut rest: usize) {
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use core::fmt::Write;

    use lz4_flex::block::{decompress, get_maximum_output_size};
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    #[track_caller]
    fn round_trip(encoder: &mut BlockEncoder, block: &[u8]) -> usize {
        let mut out = Vec::new();
        encoder.compress(block, &mut out);
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
        assert!(len <= reference, "{len} bytes, {reference} with lz4_flex");
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
        let most = if cfg!(feature = "std") { 32_768 } else { 8_192 };
        assert_eq!([0, 100, 2_048, 4_096, 4 << 20].map(lz4_table), [512, 512, 2_048, 4_096, most]);
    }

    #[test]
    fn matches_reach_back_64_kib_and_no_further() {
        let mut rng = Rng::new(1);
        let noise: Vec<u8> = (0..65_536).map(|_| rng.below(256) as u8).collect();
        let mut encoder = BlockEncoder::default();
        for (distance, found) in [(65_535, true), (65_536, false)] {
            let block = [&noise[..distance], &noise[..1_000]].concat();
            let len = round_trip(&mut encoder, &block);
            assert_eq!(len < distance + 500, found, "{distance}: {len}");
        }
    }

    proptest! {
        /// Few different bytes, so that there is something to find.
        #[test]
        fn any_block_survives(block in prop::collection::vec(0u8..4, 0..5_000)) {
            round_trip(&mut BlockEncoder::default(), &block);
        }
    }
}
