//! Tables of a checksum that are computed when they are first needed: for a page, which would
//! download all of them, as they don't compress.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::crc::{Entry, Tables, shift_byte};

/// See the [module](self).
pub(super) struct LateTables<const N: usize> {
    polynomial: u32,
    tables: Tables<N, AtomicU32>,
    filled: AtomicBool,
}

impl<const N: usize> LateTables<N> {
    /// Meant for a `static`.
    pub(super) const fn new(polynomial: u32) -> Self {
        let tables = Tables([const { [const { AtomicU32::new(0) }; 256] }; N]);
        Self { polynomial, tables, filled: AtomicBool::new(false) }
    }

    /// As [`Tables::append`].
    pub(super) fn append(&self, crc: u32, bytes: &[u8]) -> u32 {
        if !self.filled.load(Ordering::Acquire) {
            self.fill();
            self.filled.store(true, Ordering::Release);
        }
        self.tables.append(crc, bytes)
    }

    /// Threads that do so at once write the same.
    fn fill(&self) {
        let [first, others @ ..] = &self.tables.0[..] else { return };
        for (byte, entry) in first.iter().enumerate() {
            let mut value = shift_byte(self.polynomial, byte as u32);
            entry.store(value, Ordering::Relaxed);
            for table in others {
                value = shift_byte(self.polynomial, value & 0xff) ^ value >> 8;
                table[byte].store(value, Ordering::Relaxed);
            }
        }
    }
}

impl Entry for AtomicU32 {
    fn get(&self) -> u32 {
        self.load(Ordering::Relaxed)
    }
}
