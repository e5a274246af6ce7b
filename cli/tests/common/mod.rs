//! Runs the `ottla` binary as a shell would, against a dev broker in this process.

#![allow(dead_code, reason = "every test binary uses another part of it")]
#![allow(unreachable_pub, reason = "a module shared by test binaries, not a library")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use ottla_sim::records::StoredRecord;
use serde_json::Value;

/// What a finished run said.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            status: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as one JSON object.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the run ended well.
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }

    /// The only line on standard error, without `ottla: error: `; the run must have ended with
    /// `status`.
    pub fn error(&self, status: i32) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        let errors: Vec<_> =
            self.stderr.lines().filter_map(|line| line.strip_prefix("ottla: error: ")).collect();
        let others = self.stderr.lines().filter(|line| !line.starts_with("ottla: warning: "));
        assert_eq!((errors.len(), others.count()), (1, 1), "{self:?}");
        errors[0]
    }
}

/// Runs `ottla` with `args` and `input`.
pub fn ottla_with(args: &[&str], input: &[u8]) -> Ran {
    let mut child = spawn(args);
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A command that ends early does not read it all.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = Ran::new(child.wait_with_output().expect("it runs"));
    writer.join().expect("no panic");
    ran
}

/// Runs `ottla` with `args` and no input.
pub fn ottla(args: &[&str]) -> Ran {
    ottla_with(args, b"")
}

/// Starts `ottla` with pipes on all sides.
pub fn spawn(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ottla"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built")
}

/// Waits for `child` to end.
pub fn finish(child: Child) -> Ran {
    Ran::new(child.wait_with_output().expect("it runs"))
}

/// A dev broker and where it listens.
#[derive(Debug)]
pub struct Broker {
    pub broker: DevBroker,
    pub address: String,
}

impl Broker {
    /// A broker whose topics have so many partitions.
    pub fn start(partitions_per_topic: i32) -> Self {
        let options = DevBrokerOptions { partitions_per_topic, ..DevBrokerOptions::default() };
        let broker = DevBroker::start(options).expect("a free port");
        let address = broker.address().to_string();
        Self { broker, address }
    }

    /// Runs `ottla produce` to `topic`.
    pub fn produce(&self, topic: &str, args: &[&str], input: &[u8]) -> Ran {
        let mut all = vec!["produce", "-b", &self.address, "-t", topic];
        all.extend(args);
        ottla_with(&all, input)
    }

    /// What is stored in a partition, by the simulator's own reader.
    pub fn records(&self, topic: &str, partition: i32) -> Vec<StoredRecord> {
        self.broker.cluster().records(topic, partition, 0, usize::MAX).expect("it can be read")
    }

    /// Keys and values of a partition as text; `None` is null.
    pub fn texts(&self, topic: &str, partition: i32) -> Vec<(Option<String>, Option<String>)> {
        let text = |bytes: Option<bytes::Bytes>| {
            bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let records = self.records(topic, partition).into_iter();
        records.map(|record| (text(record.key), text(record.value))).collect()
    }

    /// Just the values of a partition.
    pub fn values(&self, topic: &str, partition: i32) -> Vec<String> {
        self.texts(topic, partition).into_iter().filter_map(|(_, value)| value).collect()
    }

    /// Waits until a partition holds so many records.
    pub fn wait_for(&self, topic: &str, partition: i32, records: i64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let offsets = self.broker.cluster().offsets(topic, partition);
            if offsets.is_some_and(|(_, end)| end >= records) {
                return;
            }
            assert!(Instant::now() < deadline, "{offsets:?} instead of {records} records");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Files for one test, removed with this.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("ottla-cli-test-{}-{number}", process::id()));
        fs::create_dir(&folder).expect("a new folder");
        Self(folder)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("it can be written");
        path.to_str().expect("ASCII").to_owned()
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("ASCII").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
