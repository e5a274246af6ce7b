//! What the threads of `ottla produce` look at together.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// Flags and counters, each written by one thread.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Set on Ctrl-C: take no more input.
    pub(crate) stop: AtomicBool,
    /// Set while the reading thread works on what it has read, clear while it waits for more.
    pub(crate) busy: AtomicBool,
    /// Bytes of input read.
    pub(crate) read: AtomicU64,
    /// Empty pieces of the input, which are not sent.
    pub(crate) skipped: AtomicU64,
    /// Records acknowledged.
    pub(crate) acknowledged: AtomicU64,
    /// Records refused or not acknowledged.
    pub(crate) failed: AtomicU64,
}
