//! A temporary directory that is gone when the test process is gone.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use crate::progress::say;

/// Removes the directory once the lifeline ends, patiently: brokers that are being killed at the
/// same moment may still be creating files.
const JANITOR: &str = r#"
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" 2>/dev/null && exit; sleep 0.3; done
"#;

/// A directory under the system's temporary one, removed on drop and also when this process dies.
/// With `OTTLA_KEEP=1` it is kept and its path printed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    janitor: Option<(Child, ChildStdin)>,
}

impl Scratch {
    /// Creates an empty directory whose name starts with `ottla-NAME`.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ottla-{name}-{}-{serial}", process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("cannot create {path:?}: {e}"));
        let janitor = if keep() {
            say(&format!("OTTLA_KEEP: {} stays", path.display()));
            None
        } else {
            Some(spawn_janitor(&path))
        };
        Self { path, janitor }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some((mut janitor, mut lifeline)) = self.janitor.take() {
            let _ = lifeline.write_all(b"\n");
            let _ = janitor.wait();
        }
    }
}

fn keep() -> bool {
    env::var_os("OTTLA_KEEP").is_some_and(|value| value == "1")
}

fn spawn_janitor(path: &Path) -> (Child, ChildStdin) {
    let mut command = Command::new("sh");
    command.args(["-c", JANITOR, "sh"]).arg(path).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0);
    let mut janitor = command.spawn().expect("cannot start sh");
    let lifeline = janitor.stdin.take().expect("its input was piped");
    (janitor, lifeline)
}
