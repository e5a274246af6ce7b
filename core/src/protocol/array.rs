//! Arrays that stay on the wire.

use core::fmt;
use core::marker::PhantomData;

use super::codec::Decoder;

/// What an [`Array`] can hold.
pub trait Decode<'a>: Copy {
    /// The fewest bytes of one element, in any version; at least 1.
    const MIN_SIZE: usize;

    /// Reads one element; the same bytes always give the same answer.
    fn decode(decoder: &mut Decoder<'a>) -> Self;
}

impl<'a> Decode<'a> for i32 {
    const MIN_SIZE: usize = 4;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        decoder.i32()
    }
}

impl<'a> Decode<'a> for &'a str {
    const MIN_SIZE: usize = 1;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        decoder.string()
    }
}

/// An array that stays on the wire. Its elements were checked when it was read, and are decoded
/// again, without fail, each time it is iterated.
#[derive(Clone, Copy)]
pub struct Array<'a, T> {
    bytes: &'a [u8],
    len: usize,
    version: i16,
    flexible: bool,
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
        let elements = Decoder::new(self.bytes, self.version, self.flexible);
        ArrayIter { elements, left: self.len, element: PhantomData }
    }

    /// The `len` elements that `decoder` stands before.
    pub(super) fn new(decoder: &Decoder<'a>, len: usize) -> Self {
        let (version, flexible) = (decoder.version(), decoder.is_flexible());
        Self { bytes: decoder.remaining(), len, version, flexible, element: PhantomData }
    }

    /// An array of no elements, for versions that lack the field.
    pub(super) fn empty() -> Self {
        Self::new(&Decoder::new(&[], 0, false), 0)
    }
}

impl<'a, T: Decode<'a>> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = ArrayIter<'a, T>;

    fn into_iter(self) -> ArrayIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Decode<'a> + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// The elements of an [`Array`].
#[derive(Clone, Debug)]
pub struct ArrayIter<'a, T: Decode<'a>> {
    elements: Decoder<'a>,
    left: usize,
    element: PhantomData<T>,
}

impl<'a, T: Decode<'a>> Iterator for ArrayIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        Some(T::decode(&mut self.elements))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T: Decode<'a>> ExactSizeIterator for ArrayIter<'a, T> {}
