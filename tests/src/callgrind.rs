//! A program's user-space instructions: unlike times they repeat, whatever else the machine does.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// What a program's run came to.
#[derive(Debug)]
pub struct Counted {
    /// User-space instructions.
    pub instructions: u64,
    /// What it wrote to standard output.
    pub output: String,
}

/// Runs a program under callgrind, to its end, and counts its instructions: all of them, or those
/// within functions that `toggles` names, where each begins to count what does not count and the
/// other way round.
///
/// # Errors
/// What to install, or what went wrong, in words.
pub fn count<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
    toggles: &[&str],
) -> Result<Counted, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.args(toggles.iter().map(|function| format!("--toggle-collect={function}")));
    valgrind.arg(program.as_ref()).args(arguments).stdin(Stdio::null());
    let output = valgrind.output();
    let output = output.map_err(|e| format!("cannot run valgrind ({e}): install it"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let name = program.as_ref().to_string_lossy();
    if !output.status.success() {
        return Err(format!("{name} failed under valgrind ({}): {report}", output.status));
    }
    let instructions = collected(&report).ok_or("valgrind reported no count")?;
    Ok(Counted { instructions, output: String::from_utf8_lossy(&output.stdout).into_owned() })
}

/// The number in callgrind's last words, `==1== Collected : 123`.
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_callgrind_s_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 848406386\n==7== \n";
        assert_eq!(collected(report), Some(848_406_386));
        assert_eq!(collected("==7== Events : Ir"), None);
    }
}
