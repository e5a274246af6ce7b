//! What it was measured on, and when.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

/// The machine, its system, the compilers, the commit, the day.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) rust: String,
    pub(crate) go: String,
    pub(crate) java: String,
    pub(crate) commit: String,
    pub(crate) date: String,
    /// One-minute load average when it began: others on the machine slow all clients.
    pub(crate) load: String,
}

impl Machine {
    /// This one, now.
    pub(crate) fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = memory.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: model.map_or_else(
                || "?".into(),
                |model| model.trim_start_matches([' ', '\t', ':']).to_owned(),
            ),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.map_or(0, |kib| kib.div_ceil(1 << 20)),
            kernel: first_line("uname", &["-sr"]),
            rust: first_line("rustc", &["--version"]),
            go: first_line("go", &["version"]),
            java: first_line("java", &["--version"]),
            commit: first_line("git", &["rev-parse", "--short", "HEAD"]),
            date: first_line("date", &["-u", "+%Y-%m-%d"]),
            load: load.split(' ').next().unwrap_or("?").to_owned(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "memory_gib": self.memory_gib,
            "kernel": self.kernel,
            "rust": self.rust,
            "go": self.go,
            "java": self.java,
            "commit": self.commit,
            "date": self.date,
            "load_average_at_start": self.load,
        })
    }

    /// In one sentence.
    pub(crate) fn sentence(&self) -> String {
        let Self { processor, cores, memory_gib, kernel, date, commit, load, .. } = self;
        format!(
            "Measured on {date} at commit {commit}: {processor}, {cores} cores (virtual machine), \
             {memory_gib} GiB, {kernel}, everything on loopback; load average at the start {load}."
        )
    }
}

fn first_line(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(Into::into)).unwrap_or_else(|| "?".into())
}
