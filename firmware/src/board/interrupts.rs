//! The vector table beyond the processor's own exceptions.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use super::{ethernet, uart};

#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    Uart0Receive = 0,
    Ethernet = 13,
}

// SAFETY: the numbers are the board's.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

type Handler = unsafe extern "C" fn();

/// Those without a handler are never enabled.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [Option<Handler>; 14] = {
    let mut table: [Option<Handler>; 14] = [None; 14];
    table[Interrupt::Uart0Receive as usize] = Some(uart::on_interrupt);
    table[Interrupt::Ethernet as usize] = Some(ethernet::on_interrupt);
    table
};

pub(super) fn enable() {
    // SAFETY: the drivers behind the handlers are set up.
    unsafe {
        NVIC::unmask(Interrupt::Uart0Receive);
        NVIC::unmask(Interrupt::Ethernet);
    }
}
