//! A run in named steps, each with its time.

use std::time::{Duration, Instant};

use crate::Outcome;

/// The steps done so far.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    done: Vec<(&'static str, Duration)>,
    start: Instant,
}

impl Steps {
    /// A run of so many steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: Vec::new(), start: Instant::now() }
    }

    /// Does one step under a heading.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) -> Outcome {
        println!("\n== {}/{} {name}", self.done.len() + 1, self.total);
        let start = Instant::now();
        work().map_err(|reason| format!("{name}: {reason}"))?;
        let elapsed = start.elapsed();
        println!("-- {name}: ok after {}", seconds(elapsed));
        self.done.push((name, elapsed));
        Ok(())
    }

    /// Prints all steps with their times.
    pub(crate) fn finish(self) {
        println!("\n== all passed");
        for (name, elapsed) in &self.done {
            println!("{:>8}  {name}", seconds(*elapsed));
        }
        println!("{:>8}  in total", seconds(self.start.elapsed()));
    }
}

/// A duration as people read it: `12 s` or `3 min 20 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {} s", seconds % 60),
    }
}
