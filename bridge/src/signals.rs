//! What the system says to the process.

use std::io;

/// Waits until the process is asked to end; calls `reload` at each SIGHUP.
#[cfg(unix)]
pub(crate) async fn wait(reload: impl Fn()) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => reload(),
        }
    }
}

/// Waits until the process is asked to end.
#[cfg(not(unix))]
pub(crate) async fn wait(_reload: impl Fn()) -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
