//! Where log lines go: to standard error, with `-vv` and more with `-vvv`.

use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};

use crate::stderr;

/// How often `-v` is given where there are log lines; less often, warnings are the watcher's.
pub(crate) const LOGS: u8 = 2;

struct Stderr {
    start: Instant,
}

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = record.level().as_str().to_lowercase();
        let seconds = self.start.elapsed().as_secs_f64();
        stderr::line(&format!("ottla: {level}: {seconds:.3} s: {}", record.args()));
    }

    fn flush(&self) {}
}

/// Begins to log what `verbosity` (how often `-v` was given) asks for.
pub(crate) fn start(verbosity: u8) {
    let level = match verbosity {
        0..LOGS => LevelFilter::Off,
        LOGS => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Only a second call fails, and it would set the same.
    let _ = log::set_boxed_logger(Box::new(Stderr { start: Instant::now() }));
    log::set_max_level(level);
}
