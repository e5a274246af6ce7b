//! What a person sees while a command works: a bar on a terminal, and lines that don't tear it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::stderr;

/// A bar on standard error, or nothing where that is no terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether only errors are told.
    quiet: bool,
}

impl Progress {
    /// Nothing but lines; those of errors alone where it is `quiet`.
    pub(crate) fn hidden(quiet: bool) -> Self {
        Self { bar: ProgressBar::hidden(), quiet }
    }

    /// A bar of `total` bytes, or a spinner where that is not known.
    pub(crate) fn new(total: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden(false);
        }
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{bar:30.cyan/dim} {percent:>3}% {binary_bytes_per_sec:>12}  {msg}  {eta:.dim}",
            ),
            None => (
                ProgressBar::no_length(),
                "{spinner:.cyan} {elapsed:>4} {binary_bytes_per_sec:>12}  {msg}",
            ),
        };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        Self { bar: bar.with_style(style), quiet: false }
    }

    /// Shows how far it is: bytes read, records acknowledged and failed.
    pub(crate) fn update(&self, read: u64, acknowledged: u64, failed: u64) {
        self.bar.set_position(read);
        let failed =
            if failed > 0 { format!(", {} failed", HumanCount(failed)) } else { String::new() };
        self.bar.set_message(format!("{}{failed}", counted(acknowledged, "record")));
    }

    /// `ottla: error: …` above the bar.
    pub(crate) fn error(&self, message: &str) {
        self.bar.suspend(|| stderr::line(&format!("ottla: error: {message}")));
    }

    /// `ottla: warning: …` above the bar.
    pub(crate) fn warning(&self, message: &str) {
        if !self.quiet {
            self.bar.suspend(|| stderr::line(&format!("ottla: warning: {message}")));
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// `1.2 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// `1,234`.
pub(crate) fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

/// `1 record`, `1,234 records`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", HumanCount(count))
}

/// `850 µs`, `3.2 ms`, `1.52 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        _ => format!("{:.2} s", duration.as_secs_f64()),
    }
}
