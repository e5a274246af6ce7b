//! Embassy's executor, asleep while there is nothing to do.
//!
//! `embassy-executor`'s own Cortex-M platform sleeps with WFE, which QEMU takes for "don't sleep";
//! on silicon either serves.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

static WOKEN: AtomicBool = AtomicBool::new(false);

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
        critical_section::with(|_| {
            // An interrupt that comes now stays pending, and WFI returns at once.
            if !WOKEN.swap(false, Ordering::Acquire) {
                cortex_m::asm::wfi();
            }
        });
    }
}
