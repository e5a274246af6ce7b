//! From a program's values to the bytes of a record (Kafka's `Serializer`).
//!
//! The ready ones write what the classes of the same name in
//! `org.apache.kafka.common.serialization` write, so that their deserializers read it.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::Display;

use crate::records::Header;

/// Writes values of `T` as the key or the value of a record.
///
/// A closure or function `Fn(&T, &mut Vec<u8>) -> Result<(), E>` is a serializer too.
pub trait Serializer<T: ?Sized> {
    /// Why a value cannot be written, said in words.
    type Error: Display;

    /// Appends `value`'s bytes to `out`, which is empty. Of a record without key or value (a
    /// tombstone) nothing is asked.
    ///
    /// # Errors
    /// When the value has no representation; the record is then not sent.
    fn serialize(
        &self,
        topic: &str,
        headers: &[Header<'_>],
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Self::Error>;
}

impl<T, E, F> Serializer<T> for F
where
    T: ?Sized,
    E: Display,
    F: Fn(&T, &mut Vec<u8>) -> Result<(), E>,
{
    type Error = E;

    fn serialize(
        &self,
        _topic: &str,
        _headers: &[Header<'_>],
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), E> {
        self(value, out)
    }
}

/// Bytes as they are (`ByteArraySerializer`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BytesSerializer;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for BytesSerializer {
    type Error = Infallible;

    fn serialize(
        &self,
        _topic: &str,
        _headers: &[Header<'_>],
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Infallible> {
        out.extend_from_slice(value.as_ref());
        Ok(())
    }
}

/// Text in UTF-8 (`StringSerializer`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StringSerializer;

impl<T: AsRef<str> + ?Sized> Serializer<T> for StringSerializer {
    type Error = Infallible;

    fn serialize(
        &self,
        _topic: &str,
        _headers: &[Header<'_>],
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Infallible> {
        out.extend_from_slice(value.as_ref().as_bytes());
        Ok(())
    }
}

macro_rules! big_endian_serializers {
    ($($(#[$doc:meta])* $name:ident: $number:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $name;

        impl Serializer<$number> for $name {
            type Error = Infallible;

            fn serialize(
                &self,
                _topic: &str,
                _headers: &[Header<'_>],
                value: &$number,
                out: &mut Vec<u8>,
            ) -> Result<(), Infallible> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

big_endian_serializers! {
    /// 2 bytes, big endian (`ShortSerializer`).
    ShortSerializer: i16;
    /// 4 bytes, big endian (`IntegerSerializer`).
    IntegerSerializer: i32;
    /// 8 bytes, big endian (`LongSerializer`).
    LongSerializer: i64;
    /// IEEE 754 single precision, big endian (`FloatSerializer`).
    FloatSerializer: f32;
    /// IEEE 754 double precision, big endian (`DoubleSerializer`).
    DoubleSerializer: f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<T: ?Sized, S: Serializer<T>>(serializer: S, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(serializer.serialize("topic", &[], value, &mut out).is_ok());
        out
    }

    #[test]
    fn numbers_are_written_as_kafkas_serializers_write_them() {
        assert_eq!(bytes(ShortSerializer, &-2), [0xff, 0xfe]);
        assert_eq!(bytes(IntegerSerializer, &258), [0, 0, 1, 2]);
        assert_eq!(bytes(LongSerializer, &i64::MIN), [0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(FloatSerializer, &1.0), [0x3f, 0x80, 0, 0]);
        assert_eq!(bytes(DoubleSerializer, &-2.0), [0xc0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn text_and_bytes_are_written_as_they_are() {
        assert_eq!(bytes(StringSerializer, "zażółć"), "zażółć".as_bytes());
        assert_eq!(bytes(BytesSerializer, &[0, 255][..]), [0, 255]);
        assert_eq!(bytes(BytesSerializer, &Vec::<u8>::new()), []);
    }

    #[test]
    fn a_closure_is_a_serializer_that_may_refuse() {
        let even = |number: &u8, out: &mut Vec<u8>| match number % 2 {
            0 => {
                out.push(*number);
                Ok(())
            }
            _ => Err("odd"),
        };
        assert_eq!(bytes(even, &4), [4]);
        assert_eq!(even.serialize("topic", &[], &3, &mut Vec::new()), Err("odd"));
    }
}
