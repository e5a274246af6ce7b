//! Taking a changed configuration while running. What is wrong is said, and the former goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Duration, interval};

use crate::bridge::Bridge;
use crate::config::{Config, ConfigError};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Follows the configuration file and the file with keys. Without a configuration file only the
/// keys are followed.
pub(crate) async fn follow(bridge: Arc<Bridge>, file: Option<PathBuf>) {
    let mut ticks = interval(LOOK);
    let mut seen = changed(&bridge, file.as_deref());
    loop {
        ticks.tick().await;
        let now = changed(&bridge, file.as_deref());
        if now != seen {
            seen = now;
            reload(&bridge, file.as_deref());
        }
    }
}

/// Reads the files again.
pub(crate) fn reload(bridge: &Bridge, file: Option<&Path>) {
    match try_reload(bridge, file) {
        Ok(()) => tracing::info!("configuration and keys were read again"),
        Err(error) => tracing::error!(%error, "the new configuration is wrong, the former stays"),
    }
}

fn try_reload(bridge: &Bridge, file: Option<&Path>) -> Result<(), ConfigError> {
    let config = match file {
        Some(file) => Config::load(file)?,
        None => (*bridge.config()).clone(),
    };
    bridge.replace(config)
}

/// When the files were changed last.
fn changed(bridge: &Bridge, file: Option<&Path>) -> [Option<SystemTime>; 2] {
    let config = bridge.config();
    let modified = |file: Option<&Path>| std::fs::metadata(file?).ok()?.modified().ok();
    [modified(file), modified(config.auth.jwks.as_deref())]
}
