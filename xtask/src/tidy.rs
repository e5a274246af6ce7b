//! `cargo xtask tidy`: what rustfmt and clippy do not look at.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::command::{output, root};
use crate::mechanisms;
use crate::wrap::wrap_comments;

const MAX_LINES: usize = 400;
const MAX_COLUMNS: usize = 100;

/// Files that may be longer, each with the reason.
const LONG_FILES: [&str; 0] = [];

/// Paths of somebody's machine. Each is cut in two so that this file may name it.
const MACHINE_PATHS: [(&str, &str); 3] = [("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/")];

/// Wraps wide comments, then looks for what is left.
pub(crate) fn fix() -> Outcome {
    for file in files()?.lines().filter(|file| file.ends_with(".rs")) {
        let path = root().join(file);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let wrapped = wrap_comments(&text, MAX_COLUMNS);
        if wrapped != text {
            fs::write(&path, wrapped).map_err(|e| format!("cannot write {file}: {e}"))?;
            println!("{file}: comments wrapped");
        }
    }
    run()
}

/// Looks at every text file that git knows or would add.
pub(crate) fn run() -> Outcome {
    let files = files()?;
    let mut complaints = Vec::new();
    let mut count = 0;
    for file in files.lines() {
        // Deleted in the work tree, or not text.
        if let Ok(text) = fs::read_to_string(root().join(file)) {
            count += 1;
            complaints.extend(check(file, &text));
        }
    }
    complaints.extend(mechanisms::check(&files.lines().collect::<Vec<_>>()));
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => {
            println!("{count} files are tidy");
            Ok(())
        }
        n => Err(format!("{n} untidy places")),
    }
}

/// One path a line, from the root.
fn files() -> Outcome<String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    output(Command::new("git").args(list).current_dir(root()))
}

/// All complaints about one file, each as `file:line: what`.
fn check(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_rust = file.ends_with(".rs");
    let mut complain = |line: usize, what: &str| complaints.push(format!("{file}:{line}: {what}"));
    for (number, line) in (1..).zip(text.lines()) {
        // Code is rustfmt's; it leaves comments, and strings that have no good place to break.
        let is_comment = is_rust && line.trim_start().starts_with("//");
        if is_comment && line.chars().count() > MAX_COLUMNS {
            complain(
                number,
                "a comment of more than 100 columns, `cargo xtask tidy --fix` wraps it",
            );
        }
        if line.ends_with([' ', '\t']) && !file.ends_with(".md") {
            complain(number, "blanks at the end of the line");
        }
        if is_rust && is_loose_end(line) {
            complain(number, "a loose end without an issue, write `TODO(#12)`");
        }
        if MACHINE_PATHS.iter().any(|(head, tail)| line.contains(&[*head, *tail].concat())) {
            complain(number, "a path of somebody's machine");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complain(text.lines().count(), "no newline at the end of the file");
    }
    let lines = lines_without_tests(text);
    if is_rust && !is_test(file) && lines > MAX_LINES && !LONG_FILES.contains(&file) {
        complain(lines, "more than 400 lines without tests");
    }
    complaints
}

fn is_loose_end(line: &str) -> bool {
    let comment = line.split_once("//").map_or("", |(_, comment)| comment);
    let names_one = ["TODO", "FIXME", "XXX"].iter().any(|word| comment.contains(word));
    names_one && !comment.contains("(#")
}

/// Tests stand at the end of a file.
fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_file_has_no_complaints() {
        let text = "//! A file.\n// TODO(#12): more\nfn f() {}\n";
        assert_eq!(check("core/src/a.rs", text), [] as [String; 0]);
    }

    #[test]
    fn each_untidy_place_is_named_with_its_line() {
        let wide = "//".to_owned() + &"x".repeat(MAX_COLUMNS - 1);
        let home = ["/ho", "me/me"].concat();
        let fix = ["// FIX", "ME later"].concat();
        let text = format!("//! A file.\n{wide}\n{fix}\nlet a = 1; \n{home}");
        let complaints = check("core/src/a.rs", &text);
        let places: Vec<_> = complaints.iter().map(|c| c.split(": ").next().unwrap()).collect();
        let expected = [2, 3, 4, 5, 5].map(|line| format!("core/src/a.rs:{line}"));
        assert_eq!(places, expected);
    }

    #[test]
    fn only_code_counts_to_the_length() {
        let code = "fn f() {}\n".repeat(MAX_LINES);
        let tests = "#[cfg(test)]\n".to_owned() + &code;
        assert!(check("core/src/a.rs", &(code.clone() + &tests)).is_empty());
        assert_eq!(check("core/src/a.rs", &code.repeat(2)).len(), 1);
        assert!(check("tests/tests/a.rs", &code.repeat(2)).is_empty());
    }
}
