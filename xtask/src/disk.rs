//! Whether there is room for what a run builds: linkers that find none end without a reason.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::command::{output, target_dir};

/// What a first run takes, with the logs of its brokers, and one that finds all of it built.
const FIRST_GIB: u64 = 10;
const NEXT_GIB: u64 = 3;

/// An error where too little is free.
pub(crate) fn check() -> Outcome {
    let target = target_dir("");
    let needed = if target_dir("doc").exists() { NEXT_GIB } else { FIRST_GIB };
    fs::create_dir_all(&target).map_err(|e| format!("cannot make {}: {e}", target.display()))?;
    suffices(&target, needed, free_kib(&target)?)
}

fn suffices(folder: &Path, needed: u64, free_kib: u64) -> Outcome {
    let free = free_kib / (1024 * 1024);
    if free >= needed {
        return Ok(());
    }
    let folder = folder.display();
    Err(format!(
        "{folder} has {free} GiB free, and {needed} are needed: make room, or set CARGO_TARGET_DIR"
    ))
}

fn free_kib(folder: &Path) -> Outcome<u64> {
    let table = output(Command::new("df").arg("-Pk").arg(folder))?;
    let free = table.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    free.and_then(|free| free.parse().ok()).ok_or_else(|| format!("df printed no sizes: {table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_said_before_anything_is_built() {
        let folder = Path::new("/w/target");
        assert_eq!(suffices(folder, 3, 3 * 1024 * 1024), Ok(()));
        let reason = suffices(folder, 3, 3 * 1024 * 1024 - 1).unwrap_err();
        assert!(reason.contains("/w/target has 2 GiB free, and 3 are needed"), "{reason}");
    }

    #[test]
    fn what_is_free_is_read_from_df() {
        assert!(free_kib(Path::new("/")).is_ok());
    }
}
