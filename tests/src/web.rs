//! The npm package as a user installs it, and the JavaScript runtimes that it is for.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::cache;
use crate::command::{cargo, profile_dir};
use crate::progress::say;
use crate::scratch::Scratch;

/// An npm package that brings a program.
#[derive(Clone, Copy, Debug)]
pub struct Runtime {
    /// Package and exact version, as npm takes them.
    package: &'static str,
    /// The program below `node_modules/.bin`, and what goes before a script's name.
    command: &'static [&'static str],
}

impl Runtime {
    /// The oldest Node that the package supports.
    pub const NODE_20: Self = Self { package: "node@20.20.2", command: &["node"] };
    /// The Node of today.
    pub const NODE_24: Self = Self { package: "node@24.21.0", command: &["node"] };
    /// Bun.
    pub const BUN: Self = Self { package: "bun@1.4.5", command: &["bun"] };
    /// Deno, with no more permissions than the script needs.
    pub const DENO: Self = Self {
        package: "deno@2.9.6",
        command: &["deno", "run", "--allow-read", "--allow-net", "--allow-env"],
    };

    /// Where its package is, installed by npm if need be.
    fn install(self) -> PathBuf {
        npm_install(self.package)
    }
}

/// The packages that a worker in workerd needs: its runtime, and what packs it.
const WORKERD: [&str; 2] = ["workerd@1.20261117.1", "esbuild@0.28.2"];

/// A project of a user's that has the package, packed as it would be published.
#[derive(Debug)]
pub struct App {
    scratch: Scratch,
}

impl App {
    /// The project that all tests of this process share.
    ///
    /// # Panics
    /// If the package can't be built or installed.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<App> = OnceLock::new();
        SHARED.get_or_init(Self::install)
    }

    fn install() -> Self {
        let app = Self { scratch: Scratch::new("app") };
        let tarball = packed(app.dir());
        let tarball = tarball.lines().last().expect("npm says what it packed").to_owned();
        fs::write(app.dir().join("package.json"), "{\"private\": true, \"type\": \"module\"}\n")
            .expect("scratch is writable");
        let mut install = npm("install");
        run(install.args(["--offline", &tarball]).current_dir(app.dir()));
        for script in fs::read_dir(root().join("tests/web")).expect("the scripts are there") {
            let script = script.expect("the scripts can be listed").path();
            let name = script.file_name().expect("a file has a name");
            fs::copy(&script, app.dir().join(name)).expect("scratch is writable");
        }
        app
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Runs one of its scripts to its end, which must be a good one; returns what it printed.
    ///
    /// # Panics
    /// If it fails: with what it wrote to standard error.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(
        &self,
        runtime: Runtime,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        self.run_with(runtime, &[], script, arguments)
    }

    /// Runs a program of an npm package, as [`App::run`] does a script.
    ///
    /// # Panics
    /// As [`App::run`].
    #[track_caller]
    pub fn run_package<A: AsRef<OsStr>>(
        &self,
        runtime: Runtime,
        package: &str,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        let program = npm_install(package).join("node_modules/.bin").join(program);
        self.run(runtime, program.to_str().expect("a plain path"), arguments)
    }

    /// Has a worker in workerd produce, where `query` says, the lines of a file; the arguments are
    /// those of `workerd.mjs`.
    ///
    /// # Panics
    /// As [`App::run`].
    #[track_caller]
    pub fn run_in_workerd<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        self.run_with(Runtime::NODE_20, &WORKERD, "workerd.mjs", arguments)
    }

    /// The same as [`App::run`] with the programs of npm packages in its `PATH`.
    ///
    /// # Panics
    /// As [`App::run`].
    #[track_caller]
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        runtime: Runtime,
        packages: &[&str],
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        let [program, options @ ..] = runtime.command else { panic!("a runtime has a program") };
        let path = env::var_os("PATH").unwrap_or_default();
        let own = runtime.install().join("node_modules/.bin");
        let bins = packages.iter().map(|package| npm_install(package).join("node_modules/.bin"));
        let bins = iter::once(own.clone()).chain(bins);
        let path = env::join_paths(bins.chain(env::split_paths(&path)));
        let mut command = Command::new(own.join(program));
        command.env("PATH", path.expect("the cache's path has no separator"));
        command.env("TMPDIR", self.dir()); // a browser that is killed leaves things there
        command.args(options).arg(script).args(arguments).current_dir(self.dir());
        run(&mut command)
    }
}

/// The package, built and packed into `dir`; what npm says of it. Test programs run side by side,
/// and all build into the same place, so one at a time; and once a run of the test command, which
/// has a name in `OTTLA_RUN`.
fn packed(dir: &Path) -> String {
    let _turn = turn("web");
    let built = profile_dir().join("web-built-in");
    let this = env::var("OTTLA_RUN").ok();
    if this.is_none() || fs::read_to_string(&built).ok() != this {
        run(&mut cargo(&["run", "--quiet", "--package", "xtask", "--", "web"]));
        fs::write(&built, this.unwrap_or_default()).expect("target is writable");
    }
    run(npm("pack").arg("--pack-destination").arg(dir).arg("./web"))
}

/// Until it's dropped, no other process does what has this name.
fn turn(name: &str) -> File {
    let lock = cache::dir().join(format!("{name}.lock"));
    let lock = File::create(lock).expect("cannot create the cache's lock");
    lock.lock().expect("cannot lock the cache");
    lock
}

/// The folder of an npm package, or of several with a blank between, and of their dependencies, in
/// the user's cache.
fn npm_install(package: &str) -> PathBuf {
    let cache = cache::dir();
    let dir = cache.join(package.replace(['/', ' '], "-"));
    // One npm at a time, and each package once.
    let _turn = turn("npm");
    if !dir.join("node_modules/.bin").is_dir() {
        say(&format!("fetching {package} from npm"));
        fs::create_dir_all(&dir).expect("the cache is writable");
        run(npm("install").arg("--prefix").arg(&dir).args(package.split(' ')));
    }
    dir
}

fn npm(subcommand: &str) -> Command {
    let mut command = Command::new("npm");
    command.arg(subcommand).args(["--loglevel=error", "--no-audit", "--no-fund"]);
    command
}

#[track_caller]
fn run(command: &mut Command) -> String {
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("cannot run {command:?} ({e}): install Node"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{complaint}", output.status);
    stdout
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests has a parent")
}
