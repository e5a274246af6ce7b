//! A few things in a row: a slice on its way out, checked bytes on their way in.

use core::fmt;

use crate::error::Field;
use crate::wire::{Reader, Writer};

/// What stands in a [`List`]; sealed.
pub trait Item<'a>: private::Item<'a> + Copy {}

impl<'a, T: private::Item<'a> + Copy> Item<'a> for T {}

pub(crate) mod private {
    use super::{Field, Reader, Writer};

    /// How an item is written and read.
    pub trait Item<'a>: Sized {
        /// How many there may be.
        const COUNT: Field;

        /// Reads one.
        fn read(reader: &mut Reader<'a>) -> Self;

        /// Appends it.
        fn write(&self, writer: &mut Writer<'_>);
    }
}

/// A list that is part of a frame. Reading one allocates nothing: its bytes were checked once, and
/// [`iter`](Self::iter) reads them again.
#[derive(Clone, Copy)]
pub struct List<'a, T>(Source<'a, T>);

#[derive(Clone, Copy)]
enum Source<'a, T> {
    Items(&'a [T]),
    Encoded { items: &'a [u8], count: u8 },
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// A list of these.
    #[must_use]
    pub fn new(items: &'a [T]) -> Self {
        Self(Source::Items(items))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Items(items) => items.len(),
            Source::Encoded { count, .. } => count.into(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each in turn.
    #[must_use]
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(self.0)
    }

    /// A count in one byte, then so many items, all of them checked.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Self {
        let count = reader.u8(T::COUNT);
        let items = reader.rest();
        for _ in 0..count {
            T::read(reader);
        }
        Self(Source::Encoded { items, count })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.count(T::COUNT, self.len());
        self.iter().for_each(|item| item.write(writer));
    }
}

impl<'a, T: Item<'a>> Default for List<'a, T> {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl<'a, T: Item<'a> + PartialEq> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Item<'a> + Eq> Eq for List<'a, T> {}

impl<'a, T: Item<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The items of a [`List`] in turn.
#[derive(Clone)]
pub struct ListIter<'a, T>(Source<'a, T>);

impl<'a, T: Item<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Source::Items(items) => {
                let (first, rest) = items.split_first()?;
                *items = rest;
                Some(*first)
            }
            Source::Encoded { items, count } => {
                *count = count.checked_sub(1)?;
                let mut reader = Reader::new(items);
                let item = T::read(&mut reader);
                *items = reader.rest();
                Some(item)
            }
        }
    }
}

impl<T> fmt::Debug for ListIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListIter")
    }
}
