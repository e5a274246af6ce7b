//! Counting instructions: they repeat where times do not.

use std::ffi::OsStr;
use std::process::Command;

use crate::Outcome;
use crate::command::{exists, target_dir};

/// What a run printed, and its user-space instructions.
pub(crate) struct Counted {
    pub(crate) output: String,
    pub(crate) instructions: u64,
}

/// Runs a program under callgrind. Where there are `toggles`, counting begins and ends at each call
/// of these functions.
pub(crate) fn count<S: AsRef<OsStr>>(
    program: &OsStr,
    arguments: &[S],
    toggles: &[&str],
) -> Outcome<Counted> {
    if !exists("valgrind") {
        return Err("install valgrind (on Debian: sudo apt-get install valgrind)".into());
    }
    let name = program.to_string_lossy();
    let mut valgrind = Command::new("valgrind");
    let out = target_dir("callgrind.out");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.args(toggles.iter().map(|function| format!("--toggle-collect={function}")));
    let output = valgrind.arg(program).args(arguments).output();
    let output = output.map_err(|e| format!("cannot run valgrind: {e}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} failed under valgrind: {report}"));
    }
    let instructions =
        collected(&report).ok_or_else(|| format!("valgrind reported no count: {report}"))?;
    Ok(Counted { output: String::from_utf8_lossy(&output.stdout).into_owned(), instructions })
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
