//! What a JavaScript runtime supplies to the core: one thread and two clocks.

use core::cell::RefCell;

use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
}

/// One thread, so its locks are cells.
#[derive(Debug)]
pub(crate) struct Web;

impl Platform for Web {
    type Lock<T> = RefCell<T>;
    type Clock = WebClock;
}

/// `performance.now()` and `Date.now()`. Their steps are coarse in browsers, up to 1 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebClock;

impl Clock for WebClock {
    fn now(&self) -> Instant {
        Instant::from_micros((performance_now() * 1000.0) as u64)
    }

    fn unix_millis(&self) -> i64 {
        date_now() as i64
    }
}
