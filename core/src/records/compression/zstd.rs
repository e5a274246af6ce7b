//! Zstandard (RFC 8878), read by `ruzstd`.

use alloc::vec::Vec;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Codec, CompressionError};

/// The window that every decoder should support (RFC 8878 section 3.1.1.1.2).
const MAX_WINDOW: u64 = 8 << 20;

/// One frame after the other. Keeps at most a window of 8 MiB, or `max_len` if that is more.
pub(super) fn decompress(
    mut input: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    while !input.is_empty() {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW.max(max_len as u64));
        frame.init(&mut input).map_err(|error| decoder_error(&error))?;
        while !frame.is_finished() {
            if has_reserved_bits(input) {
                return Err(corrupt("a block's reserved bits are set"));
            }
            frame
                .decode_blocks(&mut input, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| decoder_error(&error))?;
            if frame.can_collect() > max_len - out.len() {
                return Err(CompressionError::TooLarge { max_len });
            }
            frame.collect_to_writer(&mut *out).map_err(|_| corrupt("a block is broken"))?;
        }
        let stored = frame.get_checksum_from_data();
        if stored.is_some() && stored != frame.get_calculated_checksum() {
            return Err(corrupt("wrong checksum"));
        }
    }
    Ok(())
}

/// Whether the block that begins here is compressed and sets bits that have to be zero (RFC 8878
/// section 3.1.1.3.2.1): the C library refuses that, and with it Java, where `ruzstd` does not
/// look.
fn has_reserved_bits(block: &[u8]) -> bool {
    const COMPRESSED: u8 = 2;
    let is_compressed = block.first().is_some_and(|first| first >> 1 & 3 == COMPRESSED);
    let modes = || {
        let body = block.get(3..)?;
        let sequences = body.get(literals_len(body)..)?;
        match *sequences.first()? {
            0 => None,
            1..128 => sequences.get(1),
            128..255 => sequences.get(2),
            255 => sequences.get(3),
        }
    };
    is_compressed && modes().is_some_and(|modes| modes & 3 != 0)
}

/// The size of a compressed block's literals, with their header (section 3.1.1.3.1.1).
fn literals_len(body: &[u8]) -> usize {
    const RAW: u8 = 0;
    const RLE: u8 = 1;
    let mut header = [0; 8];
    let len = body.len().min(5);
    header[..len].copy_from_slice(&body[..len]);
    let (first, bits) = (header[0], u64::from_le_bytes(header));
    let field = |from: u32, bits_of_it: u32| (bits >> from & ((1 << bits_of_it) - 1)) as usize;
    let (kind, format) = (first & 3, first >> 2 & 3);
    match (kind, format) {
        (RAW | RLE, _) => {
            let (header_len, size) = match format {
                1 => (2, field(4, 12)),
                3 => (3, field(4, 20)),
                _ => (1, field(3, 5)),
            };
            header_len + if kind == RAW { size } else { 1 }
        }
        (_, 0 | 1) => 3 + field(14, 10),
        (_, 2) => 4 + field(18, 14),
        _ => 5 + field(22, 18),
    }
}

const fn corrupt(how: &'static str) -> CompressionError {
    CompressionError::Corrupt(Codec::Zstd, how)
}

fn decoder_error(error: &FrameDecoderError) -> CompressionError {
    corrupt(match error {
        FrameDecoderError::ReadFrameHeaderError(_) => "the frame's header is broken",
        FrameDecoderError::WindowSizeTooBig { .. } => "the frame's window is too large",
        FrameDecoderError::DictNotProvided { .. } => "dictionaries are not supported",
        _ => "a block is broken",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloc::vec;

    /// The records of a batch, by the C library: one compressed block with raw literals.
    #[rustfmt::skip]
    const FRAME: [u8; 110] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x2d, 0x03, 0x00, 0x44, 0x04, 0x8e, 0x01, 0x00, 0x00, 0x00, 0x01, 0x80, 0x01,
        0x76, 0x61, 0x6c, 0x75, 0x65, 0x20, 0x30, 0x20, 0x00, 0xae, 0x01, 0x00, 0x02, 0x02, 0x0a, 0x6b, 0x65, 0x79, 0x20,
        0x31, 0x31, 0x02, 0x08, 0x70, 0x61, 0x67, 0x65, 0x0a, 0x2f, 0x68, 0x6f, 0x6d, 0x65, 0x98, 0x01, 0x00, 0x04, 0x04,
        0x32, 0x32, 0x00, 0xae, 0x01, 0x00, 0x06, 0x06, 0x33, 0x33, 0x16, 0x00, 0x08, 0x08, 0x0a, 0x6b, 0x65, 0x79, 0x20,
        0x34, 0x01, 0x00, 0x0d, 0x00, 0x2a, 0xc3, 0xc1, 0x20, 0x02, 0xc8, 0x07, 0xc4, 0xa2, 0x70, 0xc1, 0x20, 0x2e, 0x90,
        0x05, 0xe8, 0xe6, 0xc2, 0xb5, 0x83, 0x08, 0x90, 0x6f, 0x14, 0x88, 0xa4, 0x3b, 0xcb, 0x12,
    ];
    /// Where the modes of the block's sequences stand.
    const MODES: usize = 80;

    #[test]
    fn a_block_with_reserved_bits_is_refused() {
        let mut out = Vec::new();
        assert_eq!(decompress(&FRAME, &mut out, 1000), Ok(()));
        assert!(out.len() == 341 && out.ends_with(b"key 4\x01\0"), "{out:?}");
        for bits in 1..4 {
            let mut frame = FRAME;
            frame[MODES] |= bits;
            let refused = decompress(&frame, &mut vec![], 1000);
            assert_eq!(refused, Err(corrupt("a block's reserved bits are set")));
        }
    }

    #[test]
    fn the_literals_of_every_kind_of_block_are_passed_over() {
        let sizes: [(&[u8], usize); 7] = [
            (&[5 << 3], 1 + 5),
            (&[0x14, 0x10], 2 + 0x101),
            (&[0x1c, 0x10, 0x01], 3 + 0x1101),
            (&[5 << 3 | 1], 1 + 1),
            (&[2, 0x40, 0x01], 3 + 5),
            (&[2 | 2 << 2, 0, 0x14, 0], 4 + 5),
            (&[3 | 3 << 2, 0, 0x40, 0x01, 0], 5 + 5),
        ];
        for (header, size) in sizes {
            assert_eq!(literals_len(header), size, "{header:x?}");
        }
    }
}
