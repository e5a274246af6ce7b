//! `cargo xtask gates`: the core, what it says to a bridge, and the transports to that and to
//! firmware's sockets, must compile where there is no operating system.

use crate::Outcome;
use crate::command::execute;
use crate::toolchain::Toolchain;

/// A browser tab, a Cortex-M4, a Cortex-M0 without compare-and-swap, a RISC-V without atomics.
const TARGETS: [&str; 4] = [
    "wasm32-unknown-unknown",
    "thumbv7em-none-eabihf",
    "thumbv6m-none-eabi",
    "riscv32imc-unknown-none-elf",
];

/// What a page has, the smallest core for brokers, the codecs that fit in 64 KiB, everything.
const FEATURES: [&str; 4] =
    ["", "brokers", "brokers,lz4,snappy", "gzip,lz4,snappy,zstd,scram,aws-msk-iam"];

/// Compiles for every target, the core with every set of features; a warning is an error.
pub(crate) fn run(build_std: bool) -> Outcome {
    for target in TARGETS {
        let toolchain = Toolchain::find(target, build_std)?;
        for features in FEATURES {
            check(&toolchain, target, "ottla-core", features)?;
        }
        check(&toolchain, target, "ottla-bridge-protocol", "")?;
        check(&toolchain, target, "ottla-transport-ws", "")?;
        check(&toolchain, target, "ottla-transport-embedded", "")?;
    }
    Ok(())
}

fn check(toolchain: &Toolchain, target: &str, package: &str, features: &str) -> Outcome {
    println!("{target} {package} [{features}] with {toolchain}");
    let mut check = toolchain.cargo("check", target);
    check.args(["--quiet", "--locked", "--package", package]);
    check.args(["--no-default-features", "--features", features]);
    check.env("RUSTFLAGS", "--deny warnings");
    execute(&mut check)
}
