//! The board that QEMU calls `mps2-an386`: a Cortex-M4 at 25 MHz with a LAN9118 Ethernet chip and
//! CMSDK UARTs. The debugger (semihosting) is its console, its settings, its calendar and its
//! flash.
//!
//! A port to another board replaces this folder: a HAL's network driver, UART and time driver, and
//! whatever stands for the debugger.

mod calendar;
mod debugger;
mod ethernet;
mod executor;
mod flash;
mod interrupts;
mod register;
mod time;
mod uart;

use core::fmt;

pub(crate) use calendar::Calendar;
pub(crate) use debugger::{exit, print};
pub(crate) use ethernet::Nic;
pub(crate) use executor::{busy_micros, run};
pub(crate) use flash::Flash;
pub(crate) use uart::Uart;

/// What the board has, set up.
pub(crate) struct Board {
    pub(crate) command_line: &'static str,
    pub(crate) calendar: Calendar,
    /// Differs from start to start.
    pub(crate) seed: u64,
    pub(crate) nic: &'static mut Nic,
    pub(crate) uart: Uart,
    pub(crate) flash: Flash,
}

impl Board {
    /// Sets everything up. The second call panics.
    pub(crate) fn take() -> Self {
        time::start();
        let board = Self {
            command_line: debugger::command_line(),
            calendar: Calendar::start(),
            seed: debugger::elapsed() ^ u64::from(debugger::unix_seconds()) << 32,
            nic: Nic::take(),
            uart: Uart::take(),
            flash: Flash::take(),
        };
        interrupts::enable();
        board
    }
}

/// Tells why the gateway can't work here, and stops.
pub(crate) fn refuse(why: fmt::Arguments<'_>) -> ! {
    print(format_args!("refused: {why}"));
    exit(2)
}
