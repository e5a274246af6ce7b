//! A line on the terminal now and then while something takes long.

use std::io::{self, Write};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(10);

/// Says how far long work is, at most every ten seconds.
#[derive(Debug)]
pub struct Progress {
    what: String,
    start: Instant,
    next: Instant,
}

impl Progress {
    /// Starts the clock; nothing is printed before ten seconds have passed.
    pub fn new(what: impl Into<String>) -> Self {
        let start = Instant::now();
        Self { what: what.into(), start, next: start + INTERVAL }
    }

    /// Prints a line if it is time for one; `state` is only asked then.
    pub fn tick(&mut self, state: impl FnOnce() -> String) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        let seconds = (now - self.start).as_secs();
        say(&format!("{}: {} after {seconds} s", self.what, state()));
    }
}

/// Writes a line past the test harness, which would keep it until the test has failed.
pub(crate) fn say(line: &str) {
    // A closed stderr is no reason to fail a test.
    let _ = writeln!(io::stderr(), "  {line}");
}
