//! Numbers, bytes and text, big-endian, each held to its field's bounds when written and when read.

use alloc::vec::Vec;

use crate::error::{DecodeError, EncodeError, Field, Problem};

/// Reads a payload's fields in order.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Bytes as they are.
    pub(crate) fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| truncated(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: Field) -> Result<u8, DecodeError> {
        let [byte] = self.array(field)?;
        bounded(field, byte.into())?;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self, field: Field) -> Result<u16, DecodeError> {
        let number = u16::from_be_bytes(self.array(field)?);
        bounded(field, number.into())?;
        Ok(number)
    }

    pub(crate) fn u32(&mut self, field: Field) -> Result<u32, DecodeError> {
        let number = u32::from_be_bytes(self.array(field)?);
        bounded(field, number)?;
        Ok(number)
    }

    /// An `int16` that is not negative.
    pub(crate) fn i16(&mut self, field: Field) -> Result<i16, DecodeError> {
        self.u16(field).map(|number| number as i16)
    }

    /// An `int64` that is not negative.
    pub(crate) fn i64(&mut self, field: Field) -> Result<i64, DecodeError> {
        let number = i64::from_be_bytes(self.array(field)?);
        if number < 0 {
            return Err(DecodeError::Field { field, problem: NEGATIVE });
        }
        Ok(number)
    }

    /// A length in one byte, then so many bytes.
    pub(crate) fn bytes8(&mut self, field: Field) -> Result<&'a [u8], DecodeError> {
        let length = self.u8(field)?;
        self.take(field, length.into())
    }

    /// A length in two bytes, then so many bytes.
    pub(crate) fn bytes16(&mut self, field: Field) -> Result<&'a [u8], DecodeError> {
        let length = self.u16(field)?;
        self.take(field, length.into())
    }

    /// A length in four bytes, then so many bytes.
    pub(crate) fn bytes32(&mut self, field: Field) -> Result<&'a [u8], DecodeError> {
        let length = self.u32(field)?;
        self.take(field, length as usize)
    }

    pub(crate) fn text8(&mut self, field: Field) -> Result<&'a str, DecodeError> {
        text(field, self.bytes8(field)?)
    }

    pub(crate) fn text16(&mut self, field: Field) -> Result<&'a str, DecodeError> {
        text(field, self.bytes16(field)?)
    }

    /// All that is left.
    pub(crate) fn all(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    fn take(&mut self, field: Field, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| truncated(field))?;
        self.rest = rest;
        Ok(taken)
    }
}

const NEGATIVE: Problem = Problem::OutOfBounds { value: u32::MAX };

fn text(field: Field, bytes: &[u8]) -> Result<&str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|_| DecodeError::Field { field, problem: Problem::Utf8 })
}

fn truncated(field: Field) -> DecodeError {
    DecodeError::Field { field, problem: Problem::Truncated }
}

/// A number of a closed set of codes that is none of them.
pub(crate) fn unknown_code(value: u8) -> DecodeError {
    DecodeError::Field { field: Field::Code, problem: Problem::UnknownCode { value } }
}

fn bounded(field: Field, value: u32) -> Result<(), DecodeError> {
    check(field, value).map_err(|problem| DecodeError::Field { field, problem })
}

fn check(field: Field, value: u32) -> Result<(), Problem> {
    if field.bounds().contains(&value) { Ok(()) } else { Err(Problem::OutOfBounds { value }) }
}

/// Appends a payload's fields in order.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, field: Field, number: u8) -> Result<(), EncodeError> {
        allowed(field, number as usize)?;
        self.raw(&[number]);
        Ok(())
    }

    pub(crate) fn u32(&mut self, field: Field, number: u32) -> Result<(), EncodeError> {
        allowed(field, number as usize)?;
        self.raw(&number.to_be_bytes());
        Ok(())
    }

    pub(crate) fn i16(&mut self, field: Field, number: i16) -> Result<(), EncodeError> {
        // A negative one becomes too large.
        let bits = number.cast_unsigned();
        allowed(field, bits.into())?;
        self.raw(&bits.to_be_bytes());
        Ok(())
    }

    pub(crate) fn i64(&mut self, field: Field, number: i64) -> Result<(), EncodeError> {
        if number < 0 {
            return Err(EncodeError::Field { field, problem: NEGATIVE });
        }
        self.raw(&number.to_be_bytes());
        Ok(())
    }

    /// A count in one byte.
    pub(crate) fn count(&mut self, field: Field, count: usize) -> Result<(), EncodeError> {
        allowed(field, count)?;
        self.raw(&[count as u8]);
        Ok(())
    }

    pub(crate) fn bytes8(&mut self, field: Field, bytes: &[u8]) -> Result<(), EncodeError> {
        self.count(field, bytes.len())?;
        self.raw(bytes);
        Ok(())
    }

    pub(crate) fn bytes16(&mut self, field: Field, bytes: &[u8]) -> Result<(), EncodeError> {
        allowed(field, bytes.len())?;
        self.raw(&(bytes.len() as u16).to_be_bytes());
        self.raw(bytes);
        Ok(())
    }

    pub(crate) fn bytes32(&mut self, field: Field, bytes: &[u8]) -> Result<(), EncodeError> {
        allowed(field, bytes.len())?;
        self.raw(&(bytes.len() as u32).to_be_bytes());
        self.raw(bytes);
        Ok(())
    }
}

/// The bounds of every field fit the width in which its length stands.
fn allowed(field: Field, value: usize) -> Result<(), EncodeError> {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    check(field, value).map_err(|problem| EncodeError::Field { field, problem })
}
