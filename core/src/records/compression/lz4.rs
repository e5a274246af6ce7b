//! The LZ4 frame format (version 1.6.x of its specification) as Kafka's readers expect it:
//! independent blocks, no content size and no checksums but the header's.

use alloc::vec::Vec;
use core::fmt;

use lz4_flex::block::decompress_into;

use super::lz4_block::BlockEncoder;
use super::xxh32::xxh32;
use super::{Codec, CompressionError, Encoder, append};

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// Version 1 with independent blocks.
const FLAGS: u8 = 0x60;
/// How large the blocks of a frame may be, how its header says so, and its checksum.
const BLOCK_SIZES: [(usize, u8, u8); 4] =
    [(64 << 10, 0x40, 0x82), (256 << 10, 0x50, 0xfb), (1 << 20, 0x60, 0x51), (4 << 20, 0x70, 0x73)];
const END_MARK: [u8; 4] = [0; 4];
/// The flag in a block's size that says that the block isn't compressed.
const STORED: u32 = 1 << 31;
/// No compressed byte stands for more than 255 bytes.
const MAX_EXPANSION: usize = 255;

#[derive(Default)]
pub(super) struct Lz4Encoder {
    blocks: BlockEncoder,
}

impl fmt::Debug for Lz4Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lz4Encoder")
    }
}

impl Encoder for Lz4Encoder {
    /// One block, if the largest can hold `input`: no match reaches from one into another.
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let [smaller @ .., largest] = BLOCK_SIZES;
        let fits = |(len, ..): &(usize, u8, u8)| input.len() <= *len;
        let (block_len, size, checksum) = smaller.into_iter().find(fits).unwrap_or(largest);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[FLAGS, size, checksum]);
        for block in input.chunks(block_len) {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            self.blocks.compress(block, out);
            let mut size = (out.len() - start - 4) as u32;
            if size as usize >= block.len() {
                out.truncate(start + 4);
                out.extend_from_slice(block);
                size = block.len() as u32 | STORED;
            }
            out[start..start + 4].copy_from_slice(&size.to_le_bytes());
        }
        out.extend_from_slice(&END_MARK);
        Ok(())
    }

    fn reserve(&mut self, largest: usize) {
        self.blocks.reserve(largest);
    }
}

/// See [`break_lz4_checksum`](super::break_lz4_checksum).
#[cfg(feature = "legacy-formats")]
pub(super) fn break_checksum(frame: &mut [u8]) {
    const HEADER_LEN: usize = MAGIC.len() + 3;
    if let Some((checksum, before)) = frame.get_mut(..HEADER_LEN).and_then(<[u8]>::split_last_mut) {
        *checksum = (xxh32(before) >> 8) as u8;
    }
}

/// One frame. Linked blocks and dictionaries are refused, as Kafka's own reader does.
pub(super) fn decompress(
    mut input: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    let frame = Frame::parse(&mut input)?;
    loop {
        let size = take_u32(&mut input)?;
        if size == 0 {
            break;
        }
        let len = (size & !STORED) as usize;
        let (block, rest) = input.split_at_checked(len).ok_or(TRUNCATED)?;
        if len > frame.max_block_len {
            return Err(corrupt("a block is larger than its frame allows"));
        }
        input = rest;
        if frame.block_checksums && take_u32(&mut input)? != xxh32(block) {
            return Err(corrupt("wrong block checksum"));
        }
        if size & STORED != 0 {
            append(block, out, max_len)?;
        } else {
            decompress_block(block, out, frame.max_block_len, max_len)?;
        }
    }
    if frame.content_checksum && take_u32(&mut input)? != xxh32(out) {
        return Err(corrupt("wrong content checksum"));
    }
    if input.is_empty() { Ok(()) } else { Err(corrupt("bytes follow the frame")) }
}

fn decompress_block(
    block: &[u8],
    out: &mut Vec<u8>,
    max_block_len: usize,
    max_len: usize,
) -> Result<(), CompressionError> {
    let start = out.len();
    let largest = max_block_len.min(block.len() * MAX_EXPANSION);
    let room = max_len - start;
    out.resize(start + largest.min(room), 0);
    match decompress_into(block, &mut out[start..]) {
        Ok(len) => {
            out.truncate(start + len);
            Ok(())
        }
        Err(_) if room < largest => Err(CompressionError::TooLarge { max_len }),
        Err(_) => Err(corrupt("a block is broken")),
    }
}

const TRUNCATED: CompressionError = corrupt("the frame ends early");

const fn corrupt(how: &'static str) -> CompressionError {
    CompressionError::Corrupt(Codec::Lz4, how)
}

fn take_u32(input: &mut &[u8]) -> Result<u32, CompressionError> {
    let (bytes, rest) = input.split_first_chunk().ok_or(TRUNCATED)?;
    *input = rest;
    Ok(u32::from_le_bytes(*bytes))
}

/// What a frame's header says.
struct Frame {
    max_block_len: usize,
    block_checksums: bool,
    content_checksum: bool,
}

impl Frame {
    const DICTIONARY: u8 = 1;
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    const CONTENT_SIZE: u8 = 1 << 3;
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    const INDEPENDENT_BLOCKS: u8 = 1 << 5;

    fn parse(input: &mut &[u8]) -> Result<Self, CompressionError> {
        let rest = input.strip_prefix(&MAGIC).ok_or_else(|| corrupt("no LZ4 frame magic"))?;
        let &[flags, block_size, ..] = rest else { return Err(TRUNCATED) };
        if flags >> 6 != 1 {
            return Err(corrupt("unknown version of the LZ4 frame format"));
        }
        if flags & Self::DICTIONARY != 0 || flags & Self::INDEPENDENT_BLOCKS == 0 {
            return Err(corrupt("linked blocks and dictionaries are not supported"));
        }
        let descriptor_len = if flags & Self::CONTENT_SIZE != 0 { 10 } else { 2 };
        let (descriptor, rest) = rest.split_at_checked(descriptor_len).ok_or(TRUNCATED)?;
        let (checksum, rest) = rest.split_first().ok_or(TRUNCATED)?;
        if *checksum != (xxh32(descriptor) >> 8) as u8 {
            return Err(corrupt("wrong header checksum"));
        }
        *input = rest;
        Ok(Self {
            max_block_len: match block_size >> 4 {
                size @ 4..=7 => 1 << (8 + 2 * size),
                _ => return Err(corrupt("unknown block size")),
            },
            block_checksums: flags & Self::BLOCK_CHECKSUMS != 0,
            content_checksum: flags & Self::CONTENT_CHECKSUM != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_headers_have_their_checksums() {
        for (_, size, checksum) in BLOCK_SIZES {
            assert_eq!((xxh32(&[FLAGS, size]) >> 8) as u8, checksum);
        }
    }

    #[test]
    fn a_frame_announces_no_larger_blocks_than_it_has() {
        for (len, largest) in [(1, 64 << 10), (64 << 10, 64 << 10), (65_537, 256 << 10)] {
            let mut frame = Vec::new();
            Lz4Encoder::default().compress(&alloc::vec![0; len], &mut frame).unwrap();
            assert_eq!(Frame::parse(&mut &frame[..]).unwrap().max_block_len, largest);
        }
    }
}
