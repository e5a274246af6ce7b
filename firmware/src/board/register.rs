//! One 32-bit register of a peripheral.

use core::ptr;

#[derive(Clone, Copy)]
pub(super) struct Register(*mut u32);

impl Register {
    /// # Safety
    /// `address` must be that of a register which the caller's driver owns.
    pub(super) const unsafe fn at(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub(super) fn read(self) -> u32 {
        // SAFETY: a register, by the promise at its creation.
        unsafe { ptr::read_volatile(self.0) }
    }

    pub(super) fn write(self, value: u32) {
        // SAFETY: a register, by the promise at its creation.
        unsafe { ptr::write_volatile(self.0, value) }
    }
}
