//! Zstandard written by `ruzstd`, which needs no C compiler and has one speed.

use alloc::vec::Vec;
use core::mem;

use ruzstd::encoding::{CompressionLevel, FrameCompressor, MatchGeneratorDriver};
use ruzstd::io::{Error, Read};

use super::{CompressionError, Encoder};

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
