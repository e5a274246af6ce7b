//! The timeline of a run, kept only where somebody reads it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use ottla_core::time::Clock;

use super::clock::VirtualClock;

/// Takes down what happens and when. Clones write the same timeline.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    clock: VirtualClock,
    lines: Option<Rc<RefCell<Vec<String>>>>,
}

impl Trace {
    pub(crate) fn new(clock: VirtualClock, kept: bool) -> Self {
        Self { clock, lines: kept.then(Rc::default) }
    }

    /// Whether there is a timeline.
    pub(crate) fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Writes a line, if there is a timeline.
    pub(crate) fn note(&self, who: impl fmt::Display, what: fmt::Arguments<'_>) {
        if let Some(lines) = &self.lines {
            let micros = self.clock.now().as_micros();
            let (millis, micros) = (micros / 1000, micros % 1000);
            lines.borrow_mut().push(format!("{millis:>7}.{micros:03} ms  {who:<9} {what}"));
        }
    }

    /// Takes the lines out.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.as_ref().map(|lines| lines.take()).unwrap_or_default()
    }
}
