//! The workspace's test programs, run side by side: most of them wait for brokers and browsers.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use crate::Outcome;
use crate::command::{cargo, execute, output};
use crate::steps::seconds;

/// Each has two threads for its tests on the machine with two cores that this is meant for.
const AT_A_TIME: usize = 2;

/// A test program that Cargo has built.
#[derive(Debug, PartialEq, Eq)]
struct Suite {
    name: String,
    program: PathBuf,
    /// Where Cargo would run it: its package's folder.
    folder: PathBuf,
}

/// Builds all of them, runs them, and then the examples in the documentation.
pub(crate) fn run() -> Outcome {
    // One command, so that Cargo settles on one set of features and compiles nothing twice.
    let build = ["test", "--workspace", "--locked", "--no-run"];
    let json = "--message-format=json-render-diagnostics";
    let mut suites: VecDeque<_> =
        output(cargo(&build).arg(json))?.lines().filter_map(suite).collect();
    // Those on real brokers take longest, so they begin.
    suites.make_contiguous().sort_by_key(|suite| !suite.folder.ends_with("tests"));
    all(suites)?;
    execute(&mut cargo(&["test", "--workspace", "--locked", "--doc"]))
}

/// The test program that one of Cargo's messages tells of.
fn suite(message: &str) -> Option<Suite> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    let package = folder.file_name()?.to_str()?;
    let name = format!("{package}/{}", message["target"]["name"].as_str()?);
    Some(Suite { name, program: message["executable"].as_str()?.into(), folder })
}

/// Runs them until one fails; what has begun by then comes to its end.
fn all(suites: VecDeque<Suite>) -> Outcome {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = now.map_err(|e| format!("the clock is wrong: {e}"))?.as_nanos().to_string();
    let waiting = Mutex::new(suites);
    let next = || waiting.lock().ok()?.pop_front();
    let worker = || {
        while let Some(suite) = next() {
            if let Err(reason) = one(&suite, &run) {
                waiting.lock().map_err(|e| e.to_string())?.clear();
                return Err(reason);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(worker)).collect();
        let outcomes: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        outcomes.into_iter().try_for_each(|outcome| outcome.map_err(|_| "a panic".to_owned())?)
    })
}

/// Runs one; only if it fails, what it printed is of interest. What several need in a run, the
/// first of them builds; `run` is its name.
fn one(suite: &Suite, run: &str) -> Outcome {
    let Suite { name, program, folder } = suite;
    println!("{name}: begins");
    let start = Instant::now();
    let mut command = Command::new(program);
    command.env("OTTLA_RUN", run);
    let output = command.current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("cannot run {}: {e}", program.display()))?;
    let elapsed = seconds(start.elapsed());
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        println!("{name}: {} after {elapsed}", summary(&printed));
        return Ok(());
    }
    println!("{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    Err(format!("{name} failed after {elapsed} ({})", output.status))
}

/// `ok. 12 passed; 0 failed; …` of what the test harness printed.
fn summary(printed: &str) -> &str {
    let last = printed.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    last.and_then(|line| line.split(" finished").next()).unwrap_or("ok").trim_end_matches(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_are_run() {
        let test = r#"{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml",
            "target":{"name":"order"},"profile":{"test":true},"executable":"/w/target/order-1"}"#;
        let found = suite(&test.replace('\n', "")).unwrap();
        assert_eq!(
            (found.name.as_str(), found.folder.as_path()),
            ("tests/order", Path::new("/w/tests"))
        );
        assert_eq!(suite(&test.replace('\n', "").replace("true", "false")), None);
        assert_eq!(suite("Finished"), None);
    }

    #[test]
    fn a_summary_is_the_harness_own() {
        let printed = "running 2 tests\n\ntest result: ok. 2 passed; 0 failed; finished in 0.1s\n";
        assert_eq!(summary(printed), "ok. 2 passed; 0 failed");
    }

    #[test]
    fn one_that_fails_ends_the_run_and_is_named() {
        let suite = |program: &str| Suite {
            name: program.into(),
            program: program.into(),
            folder: "/".into(),
        };
        let suites: VecDeque<_> = ["true", "true", "false"].map(suite).into();
        let reason = all(suites).unwrap_err();
        assert!(reason.starts_with("false failed"), "{reason}");
        assert_eq!(all(["true", "true"].map(suite).into()), Ok(()));
    }
}
