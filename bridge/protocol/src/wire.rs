//! Numbers, bytes and text, big-endian, each held to its field's bounds when written and when read.

use alloc::vec::Vec;

use crate::error::{DecodeError, EncodeError, Field, Problem};
use crate::kind::FrameKind;

/// Reads a payload's fields in order.
///
/// From the first one on that can't be, all are read as 0 or as empty, and
/// [`finish`](Self::finish) says what was wrong: what was read is worth nothing before that.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    error: Option<(Field, Problem)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, error: None }
    }

    /// Ends the payload of a frame of this kind.
    pub(crate) fn finish(&self, kind: FrameKind) -> Result<(), DecodeError> {
        match (self.error, self.rest.len()) {
            (Some((field, problem)), _) => Err(DecodeError::Field { field, problem }),
            (None, 0) => Ok(()),
            (None, count) => Err(DecodeError::TrailingBytes { kind, count }),
        }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes as they are.
    pub(crate) fn array<const N: usize>(&mut self, field: Field) -> [u8; N] {
        self.take(field, N).first_chunk().map_or([0; N], |array| *array)
    }

    pub(crate) fn u8(&mut self, field: Field) -> u8 {
        let [byte] = self.array(field);
        self.bounded(field, byte.into());
        byte
    }

    pub(crate) fn u16(&mut self, field: Field) -> u16 {
        let number = u16::from_be_bytes(self.array(field));
        self.bounded(field, number.into());
        number
    }

    pub(crate) fn u32(&mut self, field: Field) -> u32 {
        let number = u32::from_be_bytes(self.array(field));
        self.bounded(field, number);
        number
    }

    /// An `int16` that is not negative.
    pub(crate) fn i16(&mut self, field: Field) -> i16 {
        self.u16(field) as i16
    }

    /// An `int64` that is not negative.
    pub(crate) fn i64(&mut self, field: Field) -> i64 {
        let number = i64::from_be_bytes(self.array(field));
        if number < 0 {
            self.fail(field, NEGATIVE);
        }
        number
    }

    /// A number of a closed set of codes, of which `any` stands for those that are none.
    pub(crate) fn code<T>(&mut self, known: fn(u8) -> Option<T>, any: T) -> T {
        let value = self.u8(Field::Code);
        known(value).unwrap_or_else(|| {
            self.fail(Field::Code, Problem::UnknownCode { value });
            any
        })
    }

    /// A length in one byte, then so many bytes.
    pub(crate) fn bytes8(&mut self, field: Field) -> &'a [u8] {
        let length = self.u8(field);
        self.take(field, length.into())
    }

    /// A length in two bytes, then so many bytes.
    pub(crate) fn bytes16(&mut self, field: Field) -> &'a [u8] {
        let length = self.u16(field);
        self.take(field, length.into())
    }

    /// A length in four bytes, then so many bytes.
    pub(crate) fn bytes32(&mut self, field: Field) -> &'a [u8] {
        let length = self.u32(field);
        self.take(field, length as usize)
    }

    pub(crate) fn text8(&mut self, field: Field) -> &'a str {
        let bytes = self.bytes8(field);
        self.text(field, bytes)
    }

    pub(crate) fn text16(&mut self, field: Field) -> &'a str {
        let bytes = self.bytes16(field);
        self.text(field, bytes)
    }

    /// All that is left.
    pub(crate) fn all(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    fn take(&mut self, field: Field, count: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            self.fail(field, Problem::Truncated);
            return &[];
        };
        self.rest = rest;
        taken
    }

    fn text(&mut self, field: Field, bytes: &'a [u8]) -> &'a str {
        core::str::from_utf8(bytes).unwrap_or_else(|_| {
            self.fail(field, Problem::Utf8);
            ""
        })
    }

    fn bounded(&mut self, field: Field, value: u32) {
        if !field.bounds().contains(&value) {
            self.fail(field, Problem::OutOfBounds { value });
        }
    }

    #[cold]
    fn fail(&mut self, field: Field, problem: Problem) {
        self.error.get_or_insert((field, problem));
        self.rest = &[];
    }
}

const NEGATIVE: Problem = Problem::OutOfBounds { value: u32::MAX };

/// Appends a payload's fields in order. One that is out of bounds is left out, and
/// [`finish`](Self::finish) says so.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    error: Option<EncodeError>,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, error: None }
    }

    pub(crate) fn finish(self) -> Result<(), EncodeError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, field: Field, number: u8) {
        self.bounded(field, number.into(), &[number]);
    }

    pub(crate) fn u32(&mut self, field: Field, number: u32) {
        self.bounded(field, number as usize, &number.to_be_bytes());
    }

    pub(crate) fn i16(&mut self, field: Field, number: i16) {
        // A negative one becomes too large.
        let bits = number.cast_unsigned();
        self.bounded(field, bits.into(), &bits.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, field: Field, number: i64) {
        if number < 0 {
            self.error.get_or_insert(EncodeError::Field { field, problem: NEGATIVE });
        }
        self.raw(&number.to_be_bytes());
    }

    /// A count in one byte.
    pub(crate) fn count(&mut self, field: Field, count: usize) {
        self.bounded(field, count, &[count as u8]);
    }

    pub(crate) fn bytes8(&mut self, field: Field, bytes: &[u8]) {
        self.count(field, bytes.len());
        self.bounded(field, bytes.len(), bytes);
    }

    pub(crate) fn bytes16(&mut self, field: Field, bytes: &[u8]) {
        self.bounded(field, bytes.len(), &(bytes.len() as u16).to_be_bytes());
        self.bounded(field, bytes.len(), bytes);
    }

    pub(crate) fn bytes32(&mut self, field: Field, bytes: &[u8]) {
        self.bounded(field, bytes.len(), &(bytes.len() as u32).to_be_bytes());
        self.bounded(field, bytes.len(), bytes);
    }

    /// Bytes that say `value`, or are so many. The bounds of every field fit the width in which
    /// its length stands.
    fn bounded(&mut self, field: Field, value: usize, bytes: &[u8]) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        if field.bounds().contains(&value) {
            self.raw(bytes);
        } else {
            let problem = Problem::OutOfBounds { value };
            self.error.get_or_insert(EncodeError::Field { field, problem });
        }
    }
}
