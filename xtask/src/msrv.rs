//! `cargo xtask msrv`: the oldest Rust that the published crates promise.

use std::process::Command;

use crate::Outcome;
use crate::command::{execute, output, root, target_dir};

/// The workspace's `rust-version`, which this crate inherits as the published ones do.
const VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// Compiles everything that is published with it.
pub(crate) fn run() -> Outcome {
    let toolchain = format!("+{VERSION}");
    let probe = output(Command::new("cargo").args([&toolchain, "--version"]));
    probe.map_err(|_| format!("install Rust {VERSION}: rustup toolchain install {VERSION}"))?;
    let mut check = Command::new("cargo");
    check.args([&toolchain, "check", "--workspace", "--locked"]);
    check.args(["--exclude", "ottla-tests", "--exclude", "xtask"]);
    check.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    execute(check.current_dir(root()).env("CARGO_TARGET_DIR", target_dir("msrv")))
}
