//! The checksum of a batch's records, computed piece by piece behind those who append them.
//!
//! A batch is sealed when it leaves, often on another processor and long after its first records
//! were written. To fetch them from memory then, only for the checksum, costs more than to compute
//! it.

use super::crc32c::crc32c_append;
#[cfg(feature = "std")]
use super::header::BATCH_OVERHEAD;

/// Pieces are as large as a hardware CRC likes them, and smaller than any cache of the second
/// level.
const PIECE: usize = 24 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct RunningCrc {
    crc: u32,
    /// Where in the batch the next piece begins.
    end: usize,
    /// There is none, and no code for it, where there is no hardware CRC: small processors have no
    /// cache to miss, and a page has one thread.
    #[cfg(not(feature = "std"))]
    _never: core::convert::Infallible,
}

impl RunningCrc {
    pub(super) fn new() -> Option<Self> {
        #[cfg(feature = "std")]
        return Some(Self { crc: 0, end: BATCH_OVERHEAD });
        #[cfg(not(feature = "std"))]
        None
    }

    /// Takes the next piece of `batch` if it is complete.
    #[inline]
    pub(super) fn follow(&mut self, batch: &[u8]) {
        if batch.len() - self.end >= PIECE {
            self.catch_up(batch);
        }
    }

    /// Takes the rest of `batch`.
    #[cold]
    pub(super) fn catch_up(&mut self, batch: &[u8]) {
        self.crc = crc32c_append(self.crc, &batch[self.end..]);
        self.end = batch.len();
    }

    /// The checksum of all records that were taken.
    pub(super) fn value(&self) -> u32 {
        self.crc
    }
}
