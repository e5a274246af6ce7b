//! Zstandard written by its own C library, at any level: several times as fast as `ruzstd`, and its
//! frames are smaller.

use alloc::vec::Vec;
use core::fmt;

use zstd_safe::{CCtx, CParameter, compress_bound};

use super::{Codec, CompressionError, Encoder};

/// Keeps its working memory from batch to batch.
pub(super) struct ZstdEncoder {
    context: CCtx<'static>,
}

impl fmt::Debug for ZstdEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ZstdEncoder")
    }
}

impl ZstdEncoder {
    /// # Errors
    /// [`CompressionError::Encoder`] without memory for it.
    pub(super) fn new(level: Option<i32>) -> Result<Self, CompressionError> {
        let mut context = CCtx::try_create().ok_or(FAILED)?;
        let level = level.or(Codec::Zstd.default_level()).unwrap_or_default();
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(|_| FAILED)?;
        if Some(level) == Codec::Zstd.default_level() {
            context.set_parameter(CParameter::MinMatch(MIN_MATCH)).map_err(|_| FAILED)?;
        }
        Ok(Self { context })
    }
}

impl Encoder for ZstdEncoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        out.reserve(compress_bound(input.len()));
        self.context.compress2(out, input).map(drop).map_err(|_| FAILED)
    }
}

/// The shortest match, at the default level. The library itself looks for four bytes where there
/// are 128 to 256 KiB, and for five where there are fewer or more: with four, batches of log lines
/// are 2 % larger and take 3 to 6 % longer.
const MIN_MATCH: u32 = 5;

const FAILED: CompressionError = CompressionError::Encoder(Codec::Zstd);

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::records::compression::{Compression, Compressor, decompress};

    #[test]
    fn a_higher_level_makes_smaller_frames_that_can_be_read() {
        let line = |number: u32| format!("{{\"id\":{},\"of\":\"order\"}}", number * number % 9973);
        let text: String = (0..2_000).map(line).collect();
        let compressed = |level: i32| {
            let compression = Compression::new(Codec::Zstd, Some(level)).unwrap();
            let mut compressor = Compressor::new(compression).unwrap();
            // The second frame shows that the first left nothing behind.
            compressor.compress(b"something else, something else").unwrap();
            let frame = compressor.compress(text.as_bytes()).unwrap().expect("it shrinks").to_vec();
            let mut out = Vec::new();
            decompress(Codec::Zstd, &frame, &mut out, text.len()).unwrap();
            assert!(out == text.as_bytes());
            frame.len()
        };
        assert!(compressed(19) < compressed(1), "{} {}", compressed(19), compressed(1));
    }
}
