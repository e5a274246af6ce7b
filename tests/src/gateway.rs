//! The command as a gateway on a small Linux machine: built, started, watched.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::cargo;
use crate::process::Guarded;
use crate::scratch::Scratch;

const PATIENCE: Duration = Duration::from_secs(300);

/// `ottla produce --listen`, running.
#[derive(Debug)]
pub struct Gateway {
    process: Guarded,
    scratch: Scratch,
}

impl Gateway {
    /// Builds the command as `cargo xtask gateway` does, for this machine where there is no
    /// `target`.
    ///
    /// # Panics
    /// If it can't be built; Cargo says why.
    #[must_use]
    pub fn build(target: Option<&str>) -> PathBuf {
        let words = ["run", "--quiet", "--package", "xtask", "--", "gateway", "--peak-heap"];
        let mut xtask = cargo(&words);
        let output =
            xtask.args(target).stderr(Stdio::inherit()).output().expect("cargo can be started");
        assert!(output.status.success(), "the gateway can't be built");
        let text = String::from_utf8(output.stdout).expect("cargo prints text");
        text.lines().last().expect("the last line is a path").into()
    }

    /// Starts `program`, the command and whatever it needs to run here, with the small profile.
    ///
    /// # Panics
    /// If `sh` can't be started.
    #[must_use]
    pub fn start(program: &[OsString], bootstrap: &str, topic: &str) -> Self {
        let scratch = Scratch::new("gateway");
        let listen = format!("unix:{}", scratch.path().join("socket").display());
        let mut argv = program.to_vec();
        let words = ["produce", "--profile", "small", "-q", "-K", ":", "-z", "lz4", "-t", topic];
        argv.extend(words.map(Into::into));
        argv.extend(["-b", bootstrap, "--listen", &listen].map(Into::into));
        let console = File::create(scratch.path().join("console")).expect("scratch is writable");
        let process = Guarded::spawn(&argv, None, Stdio::null(), console.into());
        Self { process: process.expect("sh can be started"), scratch }
    }

    /// Connects to it, as soon as it listens.
    ///
    /// # Panics
    /// If it never does.
    #[must_use]
    pub fn connect(&mut self) -> UnixStream {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(line) = UnixStream::connect(self.scratch.path().join("socket")) {
                return line;
            }
            assert!(Instant::now() < deadline && self.process.is_running(), "{}", self.console());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has said so far.
    #[must_use]
    pub fn console(&self) -> String {
        fs::read_to_string(self.scratch.path().join("console")).unwrap_or_default()
    }

    /// The most of its memory that was resident.
    ///
    /// # Panics
    /// If it is gone.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.pid());
        let status = fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("Linux tells");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// Ends it with Ctrl-C; returns the most bytes of heap that it used.
    ///
    /// # Panics
    /// If something was not delivered.
    #[must_use]
    pub fn interrupt(self) -> u64 {
        const INTERRUPTED: i32 = 130;
        let Self { process, scratch } = self;
        process.signal(Signal::INT);
        let status = process.wait().expect("it ends");
        let said = fs::read_to_string(scratch.path().join("console")).unwrap_or_default();
        assert_eq!(status.code(), Some(INTERRUPTED), "{said}");
        let peak = said.lines().find_map(|line| line.strip_prefix("heap peak: "));
        peak.and_then(|peak| peak.parse().ok()).expect("it was built to tell")
    }
}
