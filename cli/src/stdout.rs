//! Results go to standard output, where the reader may have left (`| head`): that is no panic. What
//! is lost for another reason, as where the disk is full, is told when the command ends.

use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use crate::failure::Failure;
use crate::plain::reason;

static LOST: OnceLock<String> = OnceLock::new();

/// Prints a line.
pub(crate) fn line(text: &str) {
    write(format!("{text}\n").as_bytes());
}

/// Prints `bytes`; what a closed pipe misses is nobody's loss.
pub(crate) fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if let Err(failure) = check(written) {
        // Another has come first.
        let _ = LOST.set(failure.to_string());
    }
}

/// Why something that was printed went nowhere, if so.
pub(crate) fn lost() -> Option<Failure> {
    LOST.get().map(Failure::new)
}

/// `Ok(false)` if the reader has left, an error for anything else.
pub(crate) fn check(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(cannot_write(&error)),
    }
}

/// Why the output ends here.
pub(crate) fn cannot_write(error: &io::Error) -> Failure {
    Failure::new(format!("cannot write to standard output: {}", reason(error)))
}
