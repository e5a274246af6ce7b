//! Reading a record batch back: for splitting one, and for whoever receives batches. No byte is
//! trusted; nothing here panics, and no size that is read drives an allocation.

use alloc::vec::Vec;
use core::{fmt, str};

use super::compression::{self, Codec, CompressionError};
use super::crc32c::crc32c;
use super::header::{Attributes, BATCH_OVERHEAD, BatchHeader, CRC_START, LOG_OVERHEAD, MAGIC};
use super::record::Header;
use super::varint::{VarintError, take_varint, take_varlong};

/// Bytes that are no valid record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordBatchError {
    /// The bytes end before the batch does.
    Truncated {
        /// The size that the batch has, as far as the bytes tell.
        needed: usize,
        /// The size of what is there.
        available: usize,
    },
    /// The batch's length field is less than a header takes, or negative.
    InvalidLength(i32),
    /// A message format other than v2.
    UnsupportedMagic(u8),
    /// The checksum isn't that of the bytes.
    WrongChecksum {
        /// What the header says.
        stored: u32,
        /// What the bytes come to.
        computed: u32,
    },
    /// The number of records is negative.
    InvalidCount(i32),
    /// The attributes name a codec that doesn't exist.
    UnknownCodec(u8),
    /// The records can't be decompressed.
    Compression(CompressionError),
    /// A record breaks the format; says how.
    InvalidRecord {
        /// The record's index in the batch.
        index: u32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Bytes follow the last record.
    TrailingBytes {
        /// How many.
        len: usize,
    },
}

impl fmt::Display for RecordBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "a record batch of {needed} bytes ends after {available}")
            }
            Self::InvalidLength(len) => write!(f, "a record batch can't have a length of {len}"),
            Self::UnsupportedMagic(magic) => {
                write!(f, "record batch of message format {magic}; only {MAGIC} is supported")
            }
            Self::WrongChecksum { stored, computed } => {
                write!(f, "corrupt record batch: checksum {stored:08x} but {computed:08x} expected")
            }
            Self::InvalidCount(count) => write!(f, "a record batch can't have {count} records"),
            Self::UnknownCodec(id) => write!(f, "record batch of unknown compression codec {id}"),
            Self::Compression(error) => error.fmt(f),
            Self::InvalidRecord { index, reason } => {
                write!(f, "record {index} of a batch is invalid: {reason}")
            }
            Self::TrailingBytes { len } => {
                write!(f, "{len} bytes follow the last record of a batch")
            }
        }
    }
}

impl core::error::Error for RecordBatchError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Compression(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CompressionError> for RecordBatchError {
    fn from(error: CompressionError) -> Self {
        Self::Compression(error)
    }
}

/// A complete record batch whose header and checksum are right.
#[derive(Clone, Copy)]
pub struct RecordBatchView<'a> {
    bytes: &'a [u8],
    header: BatchHeader,
    codec: Codec,
}

impl<'a> RecordBatchView<'a> {
    /// Checks the batch at the front of `bytes`. Others may follow it:
    /// [`bytes`](Self::bytes) tells where it ends.
    ///
    /// # Errors
    /// [`RecordBatchError`], except for what only the records themselves can show.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordBatchError> {
        let bytes = batch_at_front(bytes)?;
        let Some(head) = bytes.first_chunk::<BATCH_OVERHEAD>() else {
            return Err(truncated(BATCH_OVERHEAD, bytes));
        };
        if head[16] != MAGIC {
            return Err(RecordBatchError::UnsupportedMagic(head[16]));
        }
        let stored = u32::from_be_bytes(field(head, 17));
        let computed = crc32c(&bytes[CRC_START..]);
        if stored != computed {
            return Err(RecordBatchError::WrongChecksum { stored, computed });
        }
        let header = parse_header(head);
        let codec = header.attributes.codec().ok_or_else(|| {
            RecordBatchError::UnknownCodec((header.attributes.bits() & 0b111) as u8)
        })?;
        if header.record_count < 0 {
            return Err(RecordBatchError::InvalidCount(header.record_count));
        }
        Ok(Self { bytes, header, codec })
    }

    /// The batch's bytes, header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the header says.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// How the records are compressed.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The records, as they are where they aren't compressed, and else decompressed into `scratch`,
    /// up to `max_len` bytes.
    ///
    /// # Errors
    /// [`RecordBatchError::Compression`].
    pub fn records<'b>(
        &self,
        scratch: &'b mut Vec<u8>,
        max_len: usize,
    ) -> Result<Records<'b>, RecordBatchError>
    where
        'a: 'b,
    {
        let bytes = match self.codec {
            Codec::None => self.stored_records(),
            _ => {
                self.decompress_into(scratch, max_len)?;
                scratch
            }
        };
        Ok(Records { rest: bytes, index: 0, header: self.header })
    }

    /// Replaces the contents of `out` with the records' bytes, decompressed, if they are at most
    /// `max_len`.
    ///
    /// # Errors
    /// [`CompressionError`].
    pub fn decompress_into(
        &self,
        out: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<(), CompressionError> {
        compression::decompress(self.codec, self.stored_records(), out, max_len)
    }

    fn stored_records(&self) -> &'a [u8] {
        self.bytes.get(BATCH_OVERHEAD..).unwrap_or_default()
    }
}

impl fmt::Debug for RecordBatchView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatchView")
            .field("header", &self.header)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

fn batch_at_front(bytes: &[u8]) -> Result<&[u8], RecordBatchError> {
    let Some(log_overhead) = bytes.first_chunk::<LOG_OVERHEAD>() else {
        return Err(truncated(BATCH_OVERHEAD, bytes));
    };
    let length = i32::from_be_bytes(field(log_overhead, 8));
    // A message of format v0 or v1 may be shorter than this, and is told apart by its magic, which
    // is at the same place.
    if let Some(&magic) = bytes.get(16).filter(|magic| **magic != MAGIC) {
        return Err(RecordBatchError::UnsupportedMagic(magic));
    }
    let needed = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(LOG_OVERHEAD))
        .filter(|needed| *needed >= BATCH_OVERHEAD)
        .ok_or(RecordBatchError::InvalidLength(length))?;
    bytes.get(..needed).ok_or_else(|| truncated(needed, bytes))
}

const fn truncated(needed: usize, bytes: &[u8]) -> RecordBatchError {
    RecordBatchError::Truncated { needed, available: bytes.len() }
}

fn parse_header(head: &[u8; BATCH_OVERHEAD]) -> BatchHeader {
    BatchHeader {
        base_offset: i64::from_be_bytes(field(head, 0)),
        partition_leader_epoch: i32::from_be_bytes(field(head, 12)),
        attributes: Attributes::from_bits(i16::from_be_bytes(field(head, 21))),
        last_offset_delta: i32::from_be_bytes(field(head, 23)),
        base_timestamp: i64::from_be_bytes(field(head, 27)),
        max_timestamp: i64::from_be_bytes(field(head, 35)),
        producer_id: i64::from_be_bytes(field(head, 43)),
        producer_epoch: i16::from_be_bytes(field(head, 51)),
        base_sequence: i32::from_be_bytes(field(head, 53)),
        record_count: i32::from_be_bytes(field(head, 57)),
    }
}

/// The bytes at index `at`, which the caller knows to be there.
fn field<const N: usize>(head: &[u8], at: usize) -> [u8; N] {
    head.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// One record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// The record's offset less the batch's base offset.
    pub offset_delta: u32,
    /// Milliseconds since 1970: the record's, or the batch's where the broker set it.
    pub timestamp: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// The headers of a record, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // The record's parser has been through them already.
        take_header(&mut self.rest).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The records of a batch, in order. After an error come no more.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    index: u32,
    header: BatchHeader,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordBatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        let count = self.header.record_count as u32;
        if index < count {
            let record = take_record(&mut self.rest, &self.header)
                .map_err(|reason| RecordBatchError::InvalidRecord { index, reason });
            self.index = if record.is_ok() { index + 1 } else { count };
            if record.is_err() {
                self.rest = &[];
            }
            return Some(record);
        }
        let len = core::mem::take(&mut self.rest).len();
        (len > 0).then_some(Err(RecordBatchError::TrailingBytes { len }))
    }
}

/// What is wrong with a record.
type Reason = &'static str;

const TOO_LONG: Reason = "a length is more than what is left";

fn take_record<'a>(rest: &mut &'a [u8], batch: &BatchHeader) -> Result<RecordView<'a>, Reason> {
    let mut body = take_nullable(rest)?.ok_or("its length is negative")?;
    take(&mut body, 1)?;
    let timestamp_delta = take_varlong(&mut body).map_err(varint_reason)?;
    let offset_delta = take_varint(&mut body).map_err(varint_reason)?;
    let record = RecordView {
        offset_delta: u32::try_from(offset_delta).map_err(|_| "its offset delta is negative")?,
        timestamp: if batch.attributes.is_log_append_time() {
            batch.max_timestamp
        } else {
            batch.base_timestamp.wrapping_add(timestamp_delta)
        },
        key: take_nullable(&mut body)?,
        value: take_nullable(&mut body)?,
        headers: take_headers(&mut body)?,
    };
    if body.is_empty() { Ok(record) } else { Err("bytes follow its last header") }
}

fn take_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, Reason> {
    let count = take_varint(body).map_err(varint_reason)?;
    let left = u32::try_from(count).map_err(|_| "its header count is negative")?;
    let headers = Headers { rest: body, left };
    for _ in 0..left {
        take_header(body)?;
    }
    Ok(headers)
}

fn take_header<'a>(body: &mut &'a [u8]) -> Result<Header<'a>, Reason> {
    let key = take_nullable(body)?.ok_or("a header's key is null")?;
    let key = str::from_utf8(key).map_err(|_| "a header's key isn't UTF-8")?;
    Ok(Header { key, value: take_nullable(body)? })
}

/// A length and as many bytes; `None` for a negative length.
fn take_nullable<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Reason> {
    match usize::try_from(take_varint(input).map_err(varint_reason)?) {
        Ok(len) => take(input, len).map(Some),
        Err(_) => Ok(None),
    }
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], Reason> {
    let (taken, rest) = input.split_at_checked(len).ok_or(TOO_LONG)?;
    *input = rest;
    Ok(taken)
}

const fn varint_reason(error: VarintError) -> Reason {
    match error {
        VarintError::Truncated => "it ends inside a number",
        VarintError::TooLong => "a number is longer than its type allows",
    }
}
