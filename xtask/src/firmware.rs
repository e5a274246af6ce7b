//! `cargo xtask firmware`: builds the example for microcontrollers.

use crate::Outcome;
use crate::command::{execute, root, target_dir};
use crate::toolchain::{Toolchain, rust_lld};

const TARGET: &str = "thumbv7em-none-eabihf";

/// Builds it, for a chip with `ram_kib` of RAM where that is said, and prints last where it is.
pub(crate) fn run(build_std: bool, ram_kib: Option<u32>) -> Outcome {
    let toolchain = Toolchain::find(TARGET, build_std)?;
    println!("{TARGET} with {toolchain}");
    let mut build = toolchain.cargo("build", TARGET);
    build.args(["--release", "--locked"]).current_dir(root().join("firmware"));
    // Beside that for the usual chip, which tests may be running.
    let of_chip = if ram_kib.is_some() { "firmware-other" } else { "firmware" };
    if let Some(kib) = ram_kib {
        build.env("FIRMWARE_RAM_KIB", kib.to_string());
    }
    let dir = match toolchain {
        Toolchain::Installed => target_dir(of_chip),
        Toolchain::BuildStd(_) => {
            // Debian's Rust has no linker for bare metal; that of the Rust in use will do.
            build.env("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER", rust_lld()?);
            target_dir(&format!("{of_chip}-build-std"))
        }
    };
    build.env("CARGO_TARGET_DIR", &dir);
    execute(&mut build)?;
    println!("{}", dir.join(TARGET).join("release/ottla-firmware").display());
    Ok(())
}
