//! Programs built from this workspace: the `ottla` command, and the example `lines`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Runs `ottla` with these arguments to its end, which must be a good one.
///
/// # Panics
/// If it can't be built, or fails: with what it wrote to standard error.
#[track_caller]
pub fn ottla<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) {
    let output = ottla_output(args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ottla failed ({}):\n{complaint}", output.status);
}

/// Runs `ottla` with these arguments to its end, whatever that is.
///
/// # Panics
/// If it can't be built.
pub fn ottla_output<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    Command::new(binary()).args(args).output().expect("it was built")
}

/// Builds the command in the profile that this test was built in, once, and says where it is.
///
/// # Panics
/// If it can't be built.
#[must_use]
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let profile = profile_dir();
        let mut build = cargo(&["build", "--quiet", "--locked", "--package", "ottla-cli"]);
        build.arg("--profile").arg(profile_or("dev"));
        succeed(&mut build, "cannot build the ottla command");
        profile.join("ottla").with_extension(env::consts::EXE_EXTENSION)
    })
}

/// Builds the example `lines`, optimised as users would, once, and says where it is.
///
/// # Panics
/// If it can't be built.
#[must_use]
pub fn lines() -> &'static PathBuf {
    static LINES: OnceLock<PathBuf> = OnceLock::new();
    LINES.get_or_init(|| {
        let mut build = cargo(&["build", "--quiet", "--release", "--locked"]);
        build.args(["--package", "ottla", "--example", "lines"]);
        // Without logins and TLS, which take long to compile and have no part in it.
        let features = "lz4,zstd-c,transactions";
        build.args(["--no-default-features", "--features", features]);
        succeed(&mut build, "cannot build the example lines");
        profile_dir().with_file_name("release").join("examples/lines")
    })
}

/// Builds the simulator's example `growth` in the profile that this test was built in, once, and
/// says where it is.
///
/// # Panics
/// If it can't be built.
#[must_use]
pub fn growth() -> &'static PathBuf {
    static GROWTH: OnceLock<PathBuf> = OnceLock::new();
    GROWTH.get_or_init(|| {
        let profile = profile_dir();
        // With what the whole workspace asks for, as its tests: then it is there already.
        let mut build = cargo(&["build", "--quiet", "--locked", "--workspace"]);
        build.args(["--example", "growth", "--profile"]).arg(profile_or("test"));
        succeed(&mut build, "cannot build the example growth");
        profile.join("examples/growth")
    })
}

/// The profile that this test was built in; `usual` in the folder that several share.
fn profile_or(usual: &str) -> OsString {
    let folder = profile_dir().file_name().filter(|name| *name != "debug").map(OsStr::to_owned);
    folder.unwrap_or_else(|| usual.into())
}

/// Where this test was built: `target/PROFILE`.
pub(crate) fn profile_dir() -> PathBuf {
    let me = env::current_exe().expect("a test knows its file");
    me.ancestors().nth(2).expect("tests are in target/PROFILE/deps").to_owned()
}

#[track_caller]
fn succeed(command: &mut Command, complaint: &str) {
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{complaint}");
}

/// The Cargo that runs the tests, in the workspace's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests has a parent");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).current_dir(root);
    cargo
}
