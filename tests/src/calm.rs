//! The end of the faults, for threads that go on as long as there may be more.

use std::sync::atomic::{AtomicBool, Ordering};

/// Does `faults`, then says by `calm` that nothing more is to come, even when that is because of a
/// panic.
pub fn calm_after(calm: &AtomicBool, faults: impl FnOnce()) {
    let _calm = Calm(calm);
    faults();
}

struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
