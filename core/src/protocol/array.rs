//! Arrays that stay on the wire.

use core::fmt;
use core::marker::PhantomData;

use super::codec::Decoder;
use super::decode_error::DecodeError;

/// What an [`Array`] can hold.
pub trait Decode<'a>: Copy {
    /// The fewest bytes of one element, in any version; at least 1.
    const MIN_SIZE: usize;

    /// Reads one element.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the same bytes always give the same answer.
    fn decode(decoder: &mut Decoder<'a>) -> Result<Self, DecodeError>;
}

impl<'a> Decode<'a> for i32 {
    const MIN_SIZE: usize = 4;

    fn decode(decoder: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        decoder.i32()
    }
}

impl<'a> Decode<'a> for &'a str {
    const MIN_SIZE: usize = 1;

    fn decode(decoder: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        decoder.string()
    }
}

/// An array that stays on the wire. Its elements were checked when it was read, and are decoded
/// again, without fail, each time it is iterated.
#[derive(Clone, Copy)]
pub struct Array<'a, T> {
    elements: Decoder<'a>,
    len: usize,
    element: PhantomData<T>,
}

impl<'a, T: Decode<'a>> Array<'a, T> {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, in the order of the wire.
    #[must_use]
    pub fn iter(&self) -> ArrayIter<'a, T> {
        ArrayIter(*self)
    }

    /// The `len` elements that `elements` stands before, and that decode without fail.
    pub(super) fn new(elements: Decoder<'a>, len: usize) -> Self {
        Self { elements, len, element: PhantomData }
    }

    /// An array of no elements, for versions that lack the field.
    pub(super) fn empty() -> Self {
        Self::new(Decoder::new(&[], 0, false), 0)
    }
}

impl<'a, T: Decode<'a>> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = ArrayIter<'a, T>;

    fn into_iter(self) -> ArrayIter<'a, T> {
        ArrayIter(self)
    }
}

impl<'a, T: Decode<'a> + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// The elements of an [`Array`].
#[derive(Clone, Debug)]
pub struct ArrayIter<'a, T: Decode<'a>>(Array<'a, T>);

impl<'a, T: Decode<'a>> Iterator for ArrayIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.len = self.0.len.checked_sub(1)?;
        T::decode(&mut self.0.elements).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len, Some(self.0.len))
    }
}

impl<'a, T: Decode<'a>> ExactSizeIterator for ArrayIter<'a, T> {}
