//! Flash for batches: a file of the debugger's, `flash` in the directory where it runs, that
//! behaves as NOR flash does. On silicon this is a HAL's driver of the part that the program
//! doesn't use, or of a chip beside it.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

use super::debugger::File;

const SIZE: usize = 64 * 1024;
/// Bytes that are copied at a time.
const CHUNK: usize = 64;

pub(crate) struct Flash(File);

impl Flash {
    pub(super) fn take() -> Self {
        Self(File::open(c"flash"))
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        // Where the file ends, nothing was ever written.
        bytes.fill(0xff);
        self.0.read(offset, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        for offset in (from..to).step_by(CHUNK) {
            self.write_file(offset, &[0xff; CHUNK])?;
        }
        Ok(())
    }

    /// Bits become zero, never one.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        for (offset, bytes) in (offset..).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
            let mut cells = [0; CHUNK];
            self.read(offset, &mut cells[..bytes.len()])?;
            for (cell, byte) in cells.iter_mut().zip(bytes) {
                *cell &= byte;
            }
            self.write_file(offset, &cells[..bytes.len()])?;
        }
        Ok(())
    }
}

impl Flash {
    fn write_file(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        if self.0.write(offset, bytes) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }
}
