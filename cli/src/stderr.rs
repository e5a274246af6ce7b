//! Messages go to standard error, which may be closed or full: what it misses ends nobody's work.
//! `eprintln!` panics there, and takes the thread with it that has to stop everything.

use std::io::{self, Write};

use crate::plain::plain;

/// Prints a line.
pub(crate) fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Prints `text`, which brings its own line feeds.
pub(crate) fn print(text: &str) {
    let _ = io::stderr().lock().write_all(plain(text).as_bytes());
}
