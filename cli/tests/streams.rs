//! Standard output and standard error that nobody reads, or that are full.
#![cfg(unix)]

mod common;

use std::fs::File;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Broker, Ran, finish};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has left.
fn left() -> Stdio {
    io::pipe().unwrap().1.into()
}

fn spawn(args: &[&str], stdout: Stdio, stderr: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(args).stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().unwrap()
}

fn with_stdout(args: &[&str], input: &[u8], stdout: Stdio) -> Ran {
    let mut child = spawn(args, stdout, Stdio::piped());
    // Not every command reads it.
    let _ = child.stdin.take().unwrap().write_all(input);
    finish(child)
}

#[test]
fn a_request_to_terminate_is_heard_without_standard_error() {
    for stderr in [left, full] {
        let broker = Broker::start(1);
        let args = ["produce", "-b", &broker.address, "-t", "t", "-X", "linger.ms=0"];
        let mut child = spawn(&args, Stdio::piped(), stderr());
        child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
        broker.wait_for("t", 0, 1);
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(130));
    }
}

#[test]
fn errors_that_cannot_be_told_keep_their_status() {
    for stderr in [left, full] {
        let unusable = spawn(&["produce", "-t", "t"], Stdio::piped(), stderr());
        assert_eq!(finish(unusable).status, 2);
        let broker = Broker::start(1);
        let small = ["-X", "max.request.size=100", "-v"];
        let args = [&["produce", "-b", &broker.address, "-t", "t"], &small[..]].concat();
        let mut child = spawn(&args, Stdio::piped(), stderr());
        child.stdin.take().unwrap().write_all(&[b'x'; 1000]).unwrap();
        assert_eq!(finish(child).status, 1);
    }
}

#[test]
fn results_that_are_lost_are_no_success() {
    let broker = Broker::start(1);
    let at = ["-b", &broker.address];
    let perf = ["perf", "--topic", "t", "--num-records", "5", "--record-size", "5"];
    let cases: [&[&str]; 8] = [
        &[&["produce", "-t", "t", "--json"], &at[..]].concat(),
        &[&["produce", "-t", "t", "-T", "-D", ","], &at[..]].concat(),
        &[&perf[..], &at].concat(),
        &[&perf[..], &at, &["--json"]].concat(),
        &["quickstart", "--json"],
        &["completions", "bash"],
        &["produce", "-X", "list"],
        &["--help"],
    ];
    for args in cases {
        let ran = with_stdout(args, b"one,two\n", full());
        let error = "ottla: error: cannot write to standard output: no space left on device\n";
        assert_eq!(ran.status, 1, "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.matches(error).count(), 1, "{args:?}: {ran:?}");
    }
}

#[test]
fn whoever_reads_no_further_is_no_error() {
    let broker = Broker::start(1);
    let produce = ["produce", "-b", &broker.address, "-t", "t", "--json"];
    for args in [&produce[..], &["completions", "bash"], &["produce", "-X", "list"], &["--help"]] {
        let ran = with_stdout(args, b"one\n", left());
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn numbers_of_the_system_are_not_shown() {
    let broker = Broker::start(1);
    let args = ["produce", "-b", &broker.address, "-t", "t", "-T"];
    let ran = with_stdout(&args, b"one\n", left());
    let error = "ottla: error: cannot write to standard output: broken pipe\n";
    assert!(ran.stderr.starts_with(error), "{ran:?}");
    assert_eq!(ran.status, 1, "{ran:?}");
}
