//! Errors in words, which take a good part of a small program.

use alloc::string::{String, ToString};
use core::fmt::Display;

/// Whether errors are told in words.
pub(crate) const TEXTS: bool = cfg!(feature = "texts");

/// What an error says; nothing where none is told in words.
pub(crate) fn text_of(error: &(impl Display + ?Sized)) -> String {
    if TEXTS { error.to_string() } else { String::new() }
}
