//! Where log lines go: to standard error, with `-v` and more with `-vv`.

use log::{LevelFilter, Log, Metadata, Record};

use crate::stderr;

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = record.level().as_str().to_lowercase();
        stderr::line(&format!("ottla: {level}: {}", record.args()));
    }

    fn flush(&self) {}
}

/// Begins to log what `verbosity` (how often `-v` was given) asks for.
pub(crate) fn start(verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Only a second call fails, and it would set the same.
    let _ = log::set_logger(&Stderr);
    log::set_max_level(level);
}
