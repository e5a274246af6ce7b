//! Zstandard (RFC 8878) by `ruzstd`, whose encoder has one speed.

use alloc::vec::Vec;
use core::mem;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor, MatchGeneratorDriver};
use ruzstd::io::{Error, Read};

use super::{Codec, CompressionError, Encoder};

/// The window that every decoder should support (RFC 8878 section 3.1.1.1.2).
const MAX_WINDOW: u64 = 8 << 20;

pub(super) struct ZstdEncoder {
    frame: FrameCompressor<Input, Vec<u8>, MatchGeneratorDriver>,
    /// The copy of the last input, kept for its memory.
    input: Vec<u8>,
}

/// An input that owns its bytes: `ruzstd` keeps the reader, so a borrowed one couldn't be reused.
struct Input {
    bytes: Vec<u8>,
    position: usize,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.position += len;
        Ok(len)
    }
}

impl ZstdEncoder {
    pub(super) fn new() -> Self {
        Self { frame: FrameCompressor::new(CompressionLevel::Fastest), input: Vec::new() }
    }
}

impl Encoder for ZstdEncoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let mut bytes = mem::take(&mut self.input);
        bytes.clear();
        bytes.extend_from_slice(input);
        self.frame.set_source(Input { bytes, position: 0 });
        self.frame.set_drain(mem::take(out));
        self.frame.compress();
        self.input = self.frame.take_source().map(|input| input.bytes).unwrap_or_default();
        *out = self.frame.take_drain().unwrap_or_default();
        Ok(())
    }
}

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
