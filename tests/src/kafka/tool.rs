//! Runs one of Kafka's own command-line tools.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use super::jars::Jars;
use crate::process::Guarded;

/// A tool's command line, built and then run.
#[derive(Debug)]
pub(super) struct Tool<'a> {
    class: &'static str,
    argv: Vec<OsString>,
    input: Option<&'a Path>,
    scratch: &'a Path,
}

impl<'a> Tool<'a> {
    pub(super) fn new(jars: &Jars, class: &'static str, scratch: &'a Path) -> Self {
        // Tools live for seconds: start fast rather than run fast.
        let flags = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        let argv = jars.java(scratch, &flags.map(OsString::from), class);
        Self { class, argv, input: None, scratch }
    }

    pub(super) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.argv.push(arg.into());
        self
    }

    pub(super) fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds `flag key=value` for each of `properties`.
    pub(super) fn properties(mut self, flag: &str, properties: &[(&str, &str)]) -> Self {
        for (key, value) in properties {
            self.argv.extend([flag.into(), format!("{key}={value}").into()]);
        }
        self
    }

    /// Reads its standard input from a file.
    pub(super) fn input(mut self, file: &'a Path) -> Self {
        self.input = Some(file);
        self
    }

    /// Runs it to its end and forgets what it prints.
    #[track_caller]
    pub(super) fn run(self) {
        self.for_each_line(|_| {});
    }

    /// Runs it to its end; `line` gets each line of its output, without the newline.
    ///
    /// Panics if it fails, with what it wrote to standard error.
    #[track_caller]
    pub(super) fn for_each_line(self, mut line: impl FnMut(&[u8])) {
        let errors = self.errors();
        let stderr = File::create(&errors).expect("cannot create a file for errors");
        let mut child = Guarded::spawn(&self.argv, self.input, Stdio::piped(), stderr.into())
            .expect("cannot run sh");
        let mut output = BufReader::with_capacity(1 << 16, child.stdout().expect("it was piped"));
        let mut buffer = Vec::new();
        while output.read_until(b'\n', &mut buffer).expect("cannot read its output") > 0 {
            line(buffer.strip_suffix(b"\n").unwrap_or(&buffer));
            buffer.clear();
        }
        let status = child.wait().expect("cannot wait for it");
        let complaint = || fs::read_to_string(&errors).unwrap_or_default();
        assert!(status.success(), "{} failed ({status}):\n{}", self.class, complaint());
    }

    fn errors(&self) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = self.class.rsplit('.').next().unwrap_or(self.class);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        self.scratch.join(format!("{name}-{serial}.log"))
    }
}
