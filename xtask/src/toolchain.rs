//! A Rust that can compile for a target other than this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fmt, fs};

use crate::Outcome;
use crate::command::{cargo, exists, output, root, target_dir};
use crate::prerequisites::apt_install;

/// How to compile for a target.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The Rust in use has the target's `core`.
    Installed,
    /// The `rustc` at this path has the sources of `core` beside it.
    BuildStd(PathBuf),
}

/// Debian's newest Rust and its sources.
const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// What Cargo and rustup hand down, and what would send another toolchain astray.
const LEAKING: [&str; 8] = [
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

impl Toolchain {
    /// Finds one for `target`: what is installed, else what rustup can add, else a Rust with the
    /// sources of `core`, from Debian where that is possible.
    pub(crate) fn find(target: &str, build_std: bool) -> Outcome<Self> {
        if !build_std && (has_core(target)? || (add_target(target) && has_core(target)?)) {
            return Ok(Self::Installed);
        }
        if let Some(rustc) = with_sources()? {
            return Ok(Self::BuildStd(rustc));
        }
        apt_install(&DEBIAN, &format!("Rust's {target} (rustup target add {target})"))?;
        with_sources()?.map(Self::BuildStd).ok_or_else(|| format!("no Rust can build {target}"))
    }

    /// One that compiles `core` too, so that a program carries no more of it than it needs; else
    /// the one that [`find`](Self::find) finds.
    pub(crate) fn find_smallest(target: &str) -> Outcome<Self> {
        if with_sources()?.is_none() {
            rustup_add(&["component", "add", "rust-src"]);
        }
        with_sources()?.map_or_else(|| Self::find(target, false), |rustc| Ok(Self::BuildStd(rustc)))
    }

    /// `cargo SUBCOMMAND` for `target`, in a target directory of its own.
    pub(crate) fn cargo(&self, subcommand: &str, target: &str) -> Command {
        let (mut command, dir) = match self {
            Self::Installed => (cargo(&[subcommand]), "gates"),
            Self::BuildStd(rustc) => {
                (build_std_cargo(rustc, subcommand, target), "gates-build-std")
            }
        };
        command.args(["--target", target]).env("CARGO_TARGET_DIR", target_dir(dir));
        command
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed => f.write_str("the installed target"),
            Self::BuildStd(rustc) => write!(f, "core built from source by {}", rustc.display()),
        }
    }
}

/// The linker that comes with the Rust in use, for targets for which Debian's Rust has none.
pub(crate) fn rust_lld() -> Outcome<PathBuf> {
    let libdir = output(&mut rustc(&["--print", "target-libdir"]))?;
    Ok(PathBuf::from(libdir).with_file_name("bin").join("rust-lld"))
}

fn has_core(target: &str) -> Outcome<bool> {
    let dir = output(&mut rustc(&["--print", "target-libdir", "--target", target]))?;
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    Ok(files.map(|file| file.file_name()).any(|name| is_libcore(&name)))
}

fn is_libcore(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("libcore-"))
}

fn add_target(target: &str) -> bool {
    rustup_add(&["target", "add", target])
}

/// Asks rustup for something; a machine without rustup or its server says no.
fn rustup_add(what: &[&str]) -> bool {
    if !exists("rustup") {
        return false;
    }
    println!("rustup {}", what.join(" "));
    let mut add = Command::new("rustup");
    add.args(what).stdin(Stdio::null());
    add.status().is_ok_and(|status| status.success())
}

/// The first `rustc` that has the standard library's sources.
fn with_sources() -> Outcome<Option<PathBuf>> {
    let sysroot = PathBuf::from(output(&mut rustc(&["--print", "sysroot"]))?);
    if has_sources(&sysroot) {
        return Ok(Some(sysroot.join("bin/rustc")));
    }
    let debian = Path::new(DEBIAN_RUSTC);
    Ok((debian.exists() && has_sources(Path::new("/usr"))).then(|| debian.into()))
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").exists()
}

fn rustc(args: &[&str]) -> Command {
    let mut command = Command::new("rustc");
    command.args(args);
    command
}

/// Stable Rust builds `core` from source only when told that it may.
fn build_std_cargo(rustc: &Path, subcommand: &str, target: &str) -> Command {
    let mut command = Command::new(rustc.with_file_name("cargo"));
    command.current_dir(root());
    for name in LEAKING {
        command.env_remove(name);
    }
    command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
    let has_std = target.contains("linux");
    let crates = if has_std { "std,panic_abort" } else { "core,alloc" };
    command.args([subcommand, &format!("-Zbuild-std={crates}")]);
    command
}
