//! Compression of a batch's records, in the framings that Kafka's own clients read and write.
//!
//! Each codec is behind the Cargo feature of its name, works without std and decodes within a bound
//! that the caller sets. A façade with a faster encoder puts it behind the same codec with
//! [`Compressor::with_encoder`].
//!
//! Working memory per [`Compressor`], beside its output: snappy 32 KiB (2 KiB where a word has less
//! than 64 bits), lz4 about as much as a batch, at most 32 KiB (8 KiB without the
//! feature `std`),
//! gzip 310 KiB, zstd 400 KiB while it works (about 1 MiB with the feature `zstd-c`, kept). All but
//! `ruzstd` allocate nothing once they are warm.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

mod codec;
mod error;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "lz4")]
mod lz4_block;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "lz4")]
mod xxh32;
#[cfg(feature = "zstd")]
mod zstd;
#[cfg(feature = "zstd-c")]
mod zstd_c;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
mod zstd_rust;

pub use codec::{Codec, Compression, UnknownCodec};
pub use error::CompressionError;

/// In a frame of message format v0 the header's checksum is of the frame's magic as well: a mistake
/// that became part of the format (KIP-57).
#[cfg(feature = "legacy-formats")]
pub(super) fn break_lz4_checksum(frame: &mut [u8]) {
    #[cfg(feature = "lz4")]
    lz4::break_checksum(frame);
    #[cfg(not(feature = "lz4"))]
    let _ = frame;
}

/// Compresses whole inputs, one after the other, keeping its working memory in between.
pub trait Encoder {
    /// Writes `input`, compressed in its codec's framing, to `out`, which is empty.
    ///
    /// # Errors
    /// [`CompressionError::Encoder`]; what was written is then meaningless.
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError>;

    /// Takes the working memory for inputs of up to `largest` bytes now, where that depends on it.
    fn reserve(&mut self, largest: usize) {
        let _ = largest;
    }
}

/// Compresses the records of one batch after the other, in memory of its own that it keeps.
pub struct Compressor {
    codec: Codec,
    encoder: Option<Box<dyn Encoder + Send>>,
    scratch: Vec<u8>,
}

impl Compressor {
    /// A compressor with this crate's own encoder of the codec.
    ///
    /// # Errors
    /// [`CompressionError::NotCompiledIn`].
    pub fn new(compression: Compression) -> Result<Self, CompressionError> {
        let encoder = encoder(compression)?;
        Ok(Self { codec: compression.codec(), encoder, scratch: Vec::new() })
    }

    /// A compressor with another encoder, which must write what Kafka reads under `codec`.
    pub fn with_encoder(codec: Codec, encoder: Box<dyn Encoder + Send>) -> Self {
        Self { codec, encoder: Some(encoder), scratch: Vec::new() }
    }

    /// Takes all memory for inputs of up to `largest` bytes now: memory that grows step by step
    /// leaves holes in a small heap.
    pub fn reserve(&mut self, largest: usize) {
        if let Some(encoder) = &mut self.encoder {
            encoder.reserve(largest);
            self.scratch.reserve_exact(worst_case(largest));
        }
    }

    /// The codec.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The compressed `input` where that is smaller; `None` where it isn't.
    ///
    /// # Errors
    /// [`CompressionError::Encoder`].
    pub fn compress(&mut self, input: &[u8]) -> Result<Option<&[u8]>, CompressionError> {
        let Some(encoder) = &mut self.encoder else { return Ok(None) };
        self.scratch.clear();
        encoder.compress(input, &mut self.scratch)?;
        Ok(Some(self.scratch.as_slice()).filter(|compressed| compressed.len() < input.len()))
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// The most that an encoder makes of `len` bytes that don't shrink.
pub(crate) const fn worst_case(len: usize) -> usize {
    len.saturating_add(len / 8).saturating_add(64)
}

/// This crate's own encoder.
fn encoder(compression: Compression) -> Result<Option<Box<dyn Encoder + Send>>, CompressionError> {
    match compression.codec() {
        Codec::None => Ok(None),
        #[cfg(feature = "gzip")]
        Codec::Gzip => Ok(Some(Box::new(gzip::GzipEncoder::new(compression.level())))),
        #[cfg(feature = "snappy")]
        Codec::Snappy => Ok(Some(Box::new(snappy::SnappyEncoder::new()))),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => Ok(Some(Box::new(lz4::Lz4Encoder::default()))),
        #[cfg(feature = "zstd-c")]
        Codec::Zstd => Ok(Some(Box::new(zstd_c::ZstdEncoder::new(compression.level())?))),
        #[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
        Codec::Zstd => Ok(Some(Box::new(zstd_rust::ZstdEncoder::new()))),
        #[allow(unreachable_patterns, reason = "with every codec compiled in")]
        codec => Err(CompressionError::NotCompiledIn(codec)),
    }
}

/// Bytes of the LZ4 encoder's table for blocks of up to `len` bytes: as many two-byte entries as
/// half a block has bytes, and a power of two. A larger table would leave the processor's nearest
/// cache.
pub(crate) const fn lz4_table(len: usize) -> usize {
    const LEAST: usize = 512;
    const MOST: usize = if cfg!(feature = "std") { 32 * 1024 } else { 8 * 1024 };
    let size = if len < MOST { len.next_power_of_two() } else { MOST };
    if size < LEAST { LEAST } else { size }
}

/// Bytes of the snappy encoder's table: few on small machines.
pub(crate) const SNAPPY_TABLE: usize =
    if cfg!(any(target_pointer_width = "64", target_family = "wasm")) {
        32 * 1024
    } else {
        2 * 1024
    };

/// Replaces the contents of `out` with `input` decompressed, if that is at most `max_len` bytes.
///
/// `out` grows as bytes are produced, never by what the input claims.
///
/// # Errors
/// [`CompressionError`]; the contents of `out` are then meaningless.
pub fn decompress(
    codec: Codec,
    input: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    out.clear();
    match codec {
        Codec::None => append(input, out, max_len),
        #[cfg(feature = "gzip")]
        Codec::Gzip => gzip::decompress(input, out, max_len),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy::decompress(input, out, max_len),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4::decompress(input, out, max_len),
        #[cfg(feature = "zstd")]
        Codec::Zstd => zstd::decompress(input, out, max_len),
        #[allow(unreachable_patterns, reason = "with every codec compiled in")]
        codec => Err(CompressionError::NotCompiledIn(codec)),
    }
}

/// Appends bytes that need no decompression.
fn append(bytes: &[u8], out: &mut Vec<u8>, max_len: usize) -> Result<(), CompressionError> {
    if bytes.len() > max_len.saturating_sub(out.len()) {
        return Err(CompressionError::TooLarge { max_len });
    }
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_isnt_compiled_in_is_named() {
        for codec in Codec::ALL {
            let missing = CompressionError::NotCompiledIn(codec);
            let expected = if codec.is_available() { None } else { Some(missing) };
            assert_eq!(Compressor::new(Compression::from(codec)).err(), expected);
            let decompressed = decompress(codec, &[], &mut Vec::new(), 100);
            assert_eq!(decompressed == Err(missing), !codec.is_available());
        }
    }

    #[test]
    fn what_needs_no_decompression_is_bounded_as_well() {
        let mut out = alloc::vec![9; 50];
        assert_eq!(decompress(Codec::None, &[1; 10], &mut out, 10), Ok(()));
        assert_eq!(out, [1; 10]);
        let too_large = Err(CompressionError::TooLarge { max_len: 9 });
        assert_eq!(decompress(Codec::None, &[1; 10], &mut out, 9), too_large);
    }
}
