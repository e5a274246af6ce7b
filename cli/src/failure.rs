//! How a command ends badly: one line for the person, one status for the shell.

use std::fmt;
use std::process::ExitCode;

use crate::plain::plain;
use crate::stderr;

/// Something failed: a record, a connection, a file (1).
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong (2).
pub(crate) const USAGE: u8 = 2;
/// Ctrl-C or a request to terminate (128 + SIGINT, as shells count).
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// The world did not play along.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: FAILED }
    }

    /// The person can fix it by other words.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: USAGE }
    }

    /// Prints `ottla: error: …` on one line and gives the status to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        stderr::line(&format!("ottla: error: {self}"));
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failure {
    /// On one line, whatever the message's origin put in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in plain(&self.message).lines().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(line.trim())?;
        }
        Ok(())
    }
}
