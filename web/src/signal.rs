//! What has been woken since it was last looked at. Everything runs on one thread, but wakers must
//! be shareable.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;

/// Whether one waker was woken.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    set: AtomicBool,
    /// Is set together with this.
    also: Option<Arc<Self>>,
}

impl Signal {
    /// A signal and what sets it.
    pub(crate) fn new(also: Option<Arc<Self>>) -> (Arc<Self>, Waker) {
        let signal = Arc::new(Self { set: AtomicBool::new(false), also });
        let waker = Waker::from(signal.clone());
        (signal, waker)
    }

    /// Whether it was set since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.set.swap(false, Ordering::Relaxed)
    }

    /// Sets it.
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::Relaxed);
        if let Some(also) = &self.also {
            also.set();
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}
