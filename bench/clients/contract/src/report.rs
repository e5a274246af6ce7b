//! The one line that a program prints.

use serde_json::json;

use crate::meter::peak_memory;
use crate::{Latencies, Used};

/// What was measured.
#[derive(Debug)]
pub struct Report {
    /// The client's version.
    pub version: String,
    /// Records acknowledged after the warm-up.
    pub acknowledged: u64,
    /// From the first record after the warm-up to the last acknowledgement.
    pub used: Used,
    /// Where the task asks for them.
    pub latencies: Latencies,
}

impl Report {
    /// Prints it.
    pub fn print(&self) {
        let line = json!({
            "version": self.version,
            "acknowledged": self.acknowledged,
            "seconds": self.used.time.as_secs_f64(),
            "cpu_user_s": self.used.user.as_secs_f64(),
            "cpu_system_s": self.used.system.as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
            "latency_us": self.latencies.to_json(),
        });
        println!("{line}");
    }
}
