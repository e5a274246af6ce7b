//! Results go to standard output, where the reader may have left (`| head`): that is no panic.

use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Prints a line; what a closed pipe misses is nobody's loss.
pub(crate) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// `Ok(false)` if the reader has left, an error for anything else.
#[cfg_attr(not(feature = "broker"), expect(dead_code, reason = "only `ottla read` needs it"))]
pub(crate) fn check(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("cannot write to standard output: {error}"))),
    }
}
