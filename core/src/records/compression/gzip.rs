//! gzip (RFC 1952) around `miniz_oxide`'s deflate.

use alloc::boxed::Box;
use alloc::vec::Vec;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress as inflate};

use super::{Codec, CompressionError, Encoder};
use crate::records::crc::Tables;

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A member gets room for so many bytes at first, and then for as many as it has.
const FIRST_ROOM: usize = 16 << 10;
/// zlib's level where -1 is asked for.
const DEFAULT_LEVEL: u8 = 6;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

/// CRC-32 (ISO HDLC), the polynomial 0x04C11DB7 with its bits reversed.
static CRC32: Tables<BYTES_PER_STEP> = Tables::new(0xedb8_8320);
/// As for CRC-32C: 8 KiB of tables where memory is no concern, else 1 KiB.
const BYTES_PER_STEP: usize =
    if cfg!(any(target_pointer_width = "64", target_family = "wasm")) { 8 } else { 1 };

pub(super) struct GzipEncoder {
    deflate: Box<CompressorOxide>,
}

impl GzipEncoder {
    pub(super) fn new(level: Option<i32>) -> Self {
        let level = level.and_then(|level| u8::try_from(level).ok()).unwrap_or(DEFAULT_LEVEL);
        let mut deflate = Box::<CompressorOxide>::default();
        deflate.set_format_and_level(DataFormat::Raw, level);
        Self { deflate }
    }
}

impl Encoder for GzipEncoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        self.deflate.reset();
        out.extend_from_slice(&HEADER);
        let (status, _) =
            compress_to_output(&mut self.deflate, input, TDEFLFlush::Finish, |bytes| {
                out.extend_from_slice(bytes);
                true
            });
        if status != TDEFLStatus::Done {
            return Err(CompressionError::Encoder(Codec::Gzip));
        }
        out.extend_from_slice(&CRC32.append(0, input).to_le_bytes());
        out.extend_from_slice(&(input.len() as u32).to_le_bytes());
        Ok(())
    }
}

/// One member after the other (RFC 1952 section 2.2).
pub(super) fn decompress(
    mut input: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    let mut state = Box::<DecompressorOxide>::default();
    loop {
        skip_header(&mut input).ok_or_else(|| corrupt("no gzip header"))?;
        let start = out.len();
        state.init();
        inflate_member(&mut state, &mut input, out, max_len)?;
        check_trailer(&mut input, out.get(start..).unwrap_or_default())?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

const fn corrupt(how: &'static str) -> CompressionError {
    CompressionError::Corrupt(Codec::Gzip, how)
}

fn skip_header(input: &mut &[u8]) -> Option<()> {
    let (header, mut rest) = input.split_first_chunk::<10>()?;
    let flags = header[3];
    if header[..3] != HEADER[..3] || flags >= COMMENT << 1 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (len, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    *input = rest;
    Some(())
}

fn inflate_member(
    state: &mut DecompressorOxide,
    input: &mut &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<(), CompressionError> {
    let start = out.len();
    let mut end = start;
    loop {
        let more = (end - start).max((2 * input.len()).clamp(256, FIRST_ROOM));
        out.resize(end.saturating_add(more).min(max_len), 0);
        let (status, read, written) = inflate(
            state,
            input,
            &mut out[start..],
            end - start,
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        *input = input.get(read..).unwrap_or_default();
        end += written;
        match status {
            TINFLStatus::Done => {
                out.truncate(end);
                return Ok(());
            }
            TINFLStatus::HasMoreOutput if end < max_len => {}
            TINFLStatus::HasMoreOutput => return Err(CompressionError::TooLarge { max_len }),
            _ => return Err(corrupt("the deflate stream is broken")),
        }
    }
}

fn check_trailer(input: &mut &[u8], member: &[u8]) -> Result<(), CompressionError> {
    let (crc, rest) = input.split_first_chunk().ok_or_else(|| corrupt("no trailer"))?;
    let (len, rest) = rest.split_first_chunk().ok_or_else(|| corrupt("no trailer"))?;
    if u32::from_le_bytes(*crc) != CRC32.append(0, member) {
        return Err(corrupt("wrong checksum"));
    }
    if u32::from_le_bytes(*len) != member.len() as u32 {
        return Err(corrupt("wrong length"));
    }
    *input = rest;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Their number costs what it must: memory is not cleared for each by the size of all.
    #[test]
    fn many_members_take_no_more_memory_than_their_contents() {
        let mut empty = HEADER.to_vec();
        empty.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut out = Vec::new();
        assert_eq!(decompress(&empty.repeat(10_000), &mut out, 1 << 20), Ok(()));
        assert!(out.is_empty() && out.capacity() <= 2 * FIRST_ROOM, "{}", out.capacity());
    }
}
