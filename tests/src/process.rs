//! Child processes that cannot outlive the test that started them.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Becomes the wanted program, after leaving a watcher behind that reads the lifeline.
///
/// The shell and the program are one process (`exec`), so `$$` is the program's id. The watcher
/// kills it when the lifeline ends without a word: that is when the test process has died, in
/// whatever way, because only that process holds the other end.
const SCRIPT: &str = r#"
exec 3<&0
(read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 &
input=$1
shift
exec "$@" <"$input" 3<&-
"#;

/// A child process that is killed when this value is dropped or this process dies.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Guarded {
    /// Starts `argv` with `input` as its standard input, in a process group of its own so that a
    /// Ctrl-C reaches the test alone.
    ///
    /// # Errors
    /// When `sh` cannot be started. A program that does not exist ends with status 127.
    pub fn spawn(
        argv: &[OsString],
        input: Option<&Path>,
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        let input = input.unwrap_or_else(|| Path::new("/dev/null"));
        command.args(["-c", SCRIPT, "sh"]).arg(input).args(argv);
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        command.process_group(0);
        let mut child = command.spawn()?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    /// Starts one test of this very program, alone. The environment variable tells it what to do.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_test(test: &str, (variable, value): (&str, &str)) -> io::Result<Self> {
        let words = [test, "--exact", "--nocapture"].map(OsString::from);
        let told = ["env".into(), format!("{variable}={value}").into()];
        let program = env::current_exe()?.into_os_string();
        let argv: Vec<_> = told.into_iter().chain([program]).chain(words).collect();
        Self::spawn(&argv, None, Stdio::null(), Stdio::inherit())
    }

    /// The process id of the program itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The reading end of its standard output, if that was piped and not taken before.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends a signal; a process that has ended already is not an error.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Some(_)) = (pid, &self.lifeline) {
            // The lifeline goes when the process is reaped: until then the id is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        let running = matches!(self.child.try_wait(), Ok(None));
        if !running {
            self.stand_down();
        }
        running
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.stand_down();
        status
    }

    /// Asks it to end (SIGTERM) and kills it if it has not within `patience`.
    pub fn stop(mut self, patience: Duration) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + patience;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tells the watcher that its work is done.
    fn stand_down(&mut self) {
        if let Some(mut lifeline) = self.lifeline.take() {
            let _ = lifeline.write_all(b"\n");
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.stand_down();
        let _ = self.child.wait();
    }
}
