//! `cargo xtask gateway`: builds the command for a small Linux machine.

use std::process::Command;

use crate::Outcome;
use crate::command::{execute, exists, output, target_dir};
use crate::prerequisites::apt_install;
use crate::toolchain::Toolchain;

/// A foreign target, its linker, the Debian packages with the linker and the C library, and what
/// runs its programs here.
const FOREIGN: [(&str, &str, [&str; 2], &str); 2] = [
    (
        "armv7-unknown-linux-gnueabihf",
        "arm-linux-gnueabihf-gcc",
        ["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
        "qemu-arm",
    ),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        "qemu-aarch64",
    ),
];

/// Builds it for `target`, this machine's own where that is `None`, and prints last where it is.
/// Without what only servers need; with a count of the heap's bytes where `peak_heap` says so.
pub(crate) fn run(target: Option<&str>, peak_heap: bool) -> Outcome {
    let host = output(Command::new("rustc").arg("--print=host-tuple"))?;
    let target = target.unwrap_or(&host);
    let toolchain = Toolchain::find(target, false)?;
    println!("{target} with {toolchain}");
    let mut build = toolchain.cargo("build", target);
    build.args(["--locked", "--package", "ottla-cli", "--profile", "gateway"]);
    build.arg("--no-default-features");
    if peak_heap {
        build.args(["--features", "peak-heap"]);
    }
    if let Some((_, linker, packages, emulator)) = FOREIGN.iter().find(|row| row.0 == target) {
        if !exists(linker) || !exists(emulator) {
            let packages = [packages[0], packages[1], "qemu-user"];
            apt_install(&packages, &format!("a C compiler for {target} and qemu-user"))?;
        }
        let name = target.to_uppercase().replace('-', "_");
        build.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
    }
    let dir = target_dir("gateway");
    execute(build.env("CARGO_TARGET_DIR", &dir))?;
    println!("{}", dir.join(target).join("gateway/ottla").display());
    Ok(())
}
