//! Embassy's executor, asleep while there is nothing to do.
//!
//! `embassy-executor`'s own Cortex-M platform sleeps with WFE, which QEMU takes for "don't sleep";
//! on silicon either serves.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use critical_section::Mutex;
use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

use super::time;

static WOKEN: AtomicBool = AtomicBool::new(false);
static IDLE_MICROS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    WOKEN.store(true, Ordering::Release);
}

/// Runs the tasks that `init` spawns, and those that they spawn.
pub(crate) fn run(init: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor: &'static raw::Executor = EXECUTOR.init(raw::Executor::new(ptr::null_mut()));
    init(executor.spawner());
    loop {
        // SAFETY: not called from a task.
        unsafe { executor.poll() };
        critical_section::with(|cs| {
            // An interrupt that comes now stays pending, and WFI returns at once.
            if !WOKEN.swap(false, Ordering::Acquire) {
                let start = time::micros(cs);
                cortex_m::asm::wfi();
                let idle = IDLE_MICROS.borrow(cs);
                idle.set(idle.get() + time::micros(cs).saturating_sub(start));
            }
        });
    }
}

/// Microseconds since the start in which there was something to do.
pub(crate) fn busy_micros() -> u64 {
    critical_section::with(|cs| time::micros(cs).saturating_sub(IDLE_MICROS.borrow(cs).get()))
}
