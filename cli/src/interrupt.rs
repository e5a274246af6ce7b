//! Ctrl-C and requests to terminate: the first asks a command to end well, the second to give up.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::failure::Failure;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// How often the person has asked.
pub(crate) fn count() -> u32 {
    COUNT.load(SeqCst)
}

/// Whether the person has asked at all.
pub(crate) fn requested() -> bool {
    count() > 0
}

/// Calls `act` with 1, 2, … on its own thread; a call may take its time, later ones run beside it.
pub(crate) fn listen(act: impl Fn(u32) + Send + Sync + Clone + 'static) -> Result<(), Failure> {
    let handler = move || {
        let count = COUNT.fetch_add(1, SeqCst) + 1;
        let act = act.clone();
        std::thread::spawn(move || act(count));
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}")))
}
