//! `cargo xtask full`: every test at the counts that the project promises, its outcome on record.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{cargo, output, root};
use crate::steps::seconds;
use crate::{Outcome, sim};

const REPORT: &str = "tests/FULL.md";

const SABOTAGES: &str = "sabotages";
const SIMULATION: &str = "simulation";
const SIMULATED_TRANSACTIONS: &str = "simulated_transactions";

/// Simulated runs.
const SEEDS: &str = "1000000";
/// Simulated runs that all send in transactions.
const TRANSACTION_SEEDS: &str = "100000";

/// A line that a test prints for the report: `full: 5000000 records, none lost`.
const FINDING: &str = "full: ";

/// One row of the report.
#[derive(Debug)]
struct Row {
    name: String,
    passed: bool,
    /// Date and commit.
    when: String,
    elapsed: Duration,
    findings: Vec<String>,
}

/// Runs all checks, or those that `filter` names, and puts each outcome into the report.
pub(crate) fn run(filter: Option<&str>) -> Outcome {
    let names = names()?;
    let chosen = chosen(&names, filter);
    let (mut count, mut failed) = (0, Vec::new());
    for name in chosen {
        println!("\n== {name}");
        let row = check(name)?;
        println!("-- {name}: {} after {}", verdict(&row), seconds(row.elapsed));
        let known = fs::read_to_string(root().join(REPORT)).unwrap_or_default();
        let text = report(&machine()?, &names, &known, &row);
        fs::write(root().join(REPORT), text).map_err(|e| format!("cannot write {REPORT}: {e}"))?;
        count += 1;
        if !row.passed {
            failed.push(row.name);
        }
    }
    if count == 0 {
        return Err(format!("no such check; there are: {}", names.join(", ")));
    }
    println!("\nwritten to {REPORT}");
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// All, the one that is named, or those whose name contains it.
fn chosen<'a>(names: &'a [String], filter: Option<&str>) -> Vec<&'a String> {
    let Some(text) = filter else { return names.iter().collect() };
    match names.iter().find(|name| *name == text) {
        Some(name) => vec![name],
        None => names.iter().filter(|name| name.contains(text)).collect(),
    }
}

/// `workspace` for the tests beside the code, the simulation, then each file of `tests/tests`.
fn names() -> Outcome<Vec<String>> {
    let entries = fs::read_dir(root().join("tests/tests")).map_err(|e| e.to_string())?;
    let stem = |path: &Path| Some(path.file_stem()?.to_str()?.to_owned());
    let files = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = files
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .filter_map(|p| stem(&p))
        .collect();
    names.sort();
    let first = ["workspace", SABOTAGES, SIMULATION, SIMULATED_TRANSACTIONS];
    names.splice(0..0, first.map(str::to_owned));
    Ok(names)
}

/// Runs one check with optimised code, its output on this terminal.
fn check(name: &str) -> Outcome<Row> {
    let mut test = command(name);
    test.env("OTTLA_FULL", "1");
    let when = now()?;
    let start = Instant::now();
    let (passed, findings) = watch(&mut test)?;
    Ok(Row { name: name.into(), passed, when, elapsed: start.elapsed(), findings })
}

fn command(name: &str) -> Command {
    let simulation = match name {
        SABOTAGES => &["--sabotages"][..],
        SIMULATION => &["--seeds", SEEDS],
        SIMULATED_TRANSACTIONS => &["--transactions", "--seeds", TRANSACTION_SEEDS],
        _ => return tests(name),
    };
    let mut command = sim::command();
    command.args(simulation);
    command
}

fn tests(name: &str) -> Command {
    // The simulator's profile: optimised, with assertions.
    let mut test = cargo(&["test", "--profile", "sim", "--locked", "--workspace"]);
    if name == "workspace" {
        test.args(["--exclude", "ottla-tests"]);
    } else {
        test.args(["--test", name]);
    }
    test.args(["--", "--include-ignored", "--nocapture", "--test-threads=1"]);
    test
}

/// Passes a command's output on and keeps the findings in it.
fn watch(command: &mut Command) -> Outcome<(bool, Vec<String>)> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let output = child.stdout.take().expect("its output was piped");
    let mut findings = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|e| e.to_string())?;
        println!("{line}");
        if let Some((_, finding)) = line.split_once(FINDING) {
            findings.push(finding.to_owned());
        }
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.code().is_none() {
        return Err(format!("the check was ended from outside ({status}); nothing is recorded"));
    }
    Ok((status.success(), findings))
}

fn now() -> Outcome<String> {
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let commit = output(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
    Ok(format!("{date}, {commit}"))
}

fn machine() -> Outcome<String> {
    let rustc = output(Command::new("rustc").arg("--version"))?;
    let system = output(Command::new("uname").args(["-s", "-m"]))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{rustc}, {system}, {cores} cores"))
}

/// The report with a new row; the other checks keep theirs.
fn report(machine: &str, names: &[String], known: &str, new: &Row) -> String {
    let mut text = format!(
        "# The full run\n\nWritten by `cargo xtask full`, not by hand: each check's latest run. \
         The counts are the `full` ones of [budgets.toml](budgets.toml).\n\n{machine}\n\n\
         | check | outcome | when, commit | time | findings |\n| --- | --- | --- | --- | --- |\n"
    );
    let rows = || known.lines().skip_while(|line| !line.starts_with("| --- |"));
    for name in names {
        let start = format!("| {name} |");
        if *name == new.name {
            text.push_str(&line(new));
        } else if let Some(line) = rows().find(|line| line.starts_with(&start)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn line(row: &Row) -> String {
    let findings = row.findings.join("<br>").replace('|', "\\|");
    let Row { name, when, .. } = row;
    format!("| {name} | {} | {when} | {} | {findings} |\n", verdict(row), seconds(row.elapsed))
}

fn verdict(row: &Row) -> &'static str {
    if row.passed { "passed" } else { "**failed**" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, passed: bool) -> Row {
        Row {
            name: name.into(),
            passed,
            when: "today, abc".into(),
            elapsed: Duration::from_secs(125),
            findings: vec!["5 | none lost".into(), "none twice".into()],
        }
    }

    #[test]
    fn the_report_is_a_table_of_each_checks_latest_run() {
        let names = ["chaos", "gone", "kit"].map(String::from);
        let known = "| check | outcome |\n| --- | --- |\n| gone | passed | long ago | 1 s |  |\n";
        let first = report("here", &names, known, &row("kit", false));
        let text = report("here", &names[..], &first, &row("kit", true));
        let text =
            report("here", &[names[0].clone(), names[2].clone()], &text, &row("chaos", true));
        let rows = "| chaos | passed | today, abc | 2 min 5 s | 5 \\| none lost<br>none twice |\n\
                    | kit | passed | today, abc | 2 min 5 s | 5 \\| none lost<br>none twice |\n";
        assert!(text.contains("\nhere\n") && text.ends_with(rows), "{text}");
        assert!(first.contains("| gone |") && !text.contains("| gone |"), "{first}{text}");
        let check = ["check".to_owned()];
        let text = report("here", &[check[0].clone(), names[2].clone()], &text, &row("kit", true));
        assert_eq!(text.matches("| check |").count(), 1, "the heading is no row");
    }

    #[test]
    fn a_whole_name_means_that_check_alone() {
        let names = ["simulated_transactions", "transactions"].map(String::from);
        assert_eq!(chosen(&names, Some("transactions")), ["transactions"]);
        assert_eq!(chosen(&names, Some("transaction")).len(), 2);
        assert_eq!(chosen(&names, None).len(), 2);
    }

    #[test]
    fn a_command_s_findings_are_kept() {
        let mut echo = Command::new("printf");
        let (passed, findings) = watch(echo.arg("one\\nfull: two\\n")).unwrap();
        assert!(passed);
        assert_eq!(findings, ["two"]);
    }

    #[test]
    fn a_check_that_was_killed_is_not_one_that_failed() {
        let mut killed = Command::new("sh");
        let error = watch(killed.args(["-c", "kill -9 $$"])).unwrap_err();
        assert!(error.contains("ended from outside"), "{error}");
        assert!(!watch(Command::new("sh").args(["-c", "exit 3"])).unwrap().0);
    }
}
