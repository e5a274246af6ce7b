//! Where fetched tools are kept from run to run.

use std::env;
use std::fs;
use std::path::PathBuf;

/// The user's cache for this project.
///
/// # Panics
/// If it can't be created.
#[must_use]
pub fn dir() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache"))
    });
    let dir = base.expect("neither XDG_CACHE_HOME nor HOME is set").join("ottla");
    fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("cannot create {}: {e}", dir.display()));
    dir
}
