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
