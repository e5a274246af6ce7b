//! The receiving half of a CMSDK UART, behind a small pipe that the interrupt fills.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;

use super::register::Register;

const BASE: usize = 0x4000_4000;
// SAFETY: UART 0, which only this driver uses.
const DATA: Register = unsafe { Register::at(BASE) };
// SAFETY: as above.
const STATE: Register = unsafe { Register::at(BASE + 0x04) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(BASE + 0x08) };
// SAFETY: as above.
const INTERRUPT: Register = unsafe { Register::at(BASE + 0x0c) };
// SAFETY: as above.
const BAUD_DIVISOR: Register = unsafe { Register::at(BASE + 0x10) };

const RECEIVED: u32 = 1 << 1;
const RECEIVE_ENABLE: u32 = 1 << 1;
const RECEIVE_INTERRUPT: u32 = 1 << 3;
const INTERRUPT_RECEIVED: u32 = 1 << 1;

static PIPE: Pipe<CriticalSectionRawMutex, 128> = Pipe::new();

/// Bytes that sensors sent.
pub(crate) struct Uart(());

impl Uart {
    pub(super) fn take() -> Self {
        BAUD_DIVISOR.write(16);
        CONTROL.write(RECEIVE_ENABLE | RECEIVE_INTERRUPT);
        Self(())
    }

    /// At least one byte. While nobody reads, the pipe fills and the sender is held up.
    pub(crate) async fn read(&mut self, bytes: &mut [u8]) -> usize {
        let count = PIPE.read(bytes).await;
        // A byte that found the pipe full has had its interrupt.
        critical_section::with(|_| drain());
        count
    }
}

/// Moves what was received into the pipe. The receiver holds one byte and takes no other before
/// that is read.
fn drain() {
    while STATE.read() & RECEIVED != 0 && !PIPE.is_full() {
        let _ = PIPE.try_write(&[DATA.read() as u8]);
    }
}

pub(super) unsafe extern "C" fn on_interrupt() {
    INTERRUPT.write(INTERRUPT_RECEIVED);
    drain();
}
