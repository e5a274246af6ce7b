//! The table of mechanisms (`docs/mechanisms.md`): every file and every test that it names exists.

use std::collections::BTreeSet;
use std::fs;

use crate::command::root;

const TABLE: &str = "docs/mechanisms.md";

/// All complaints about the table, each as `file:line: what`. `files` are all files of the project.
pub(crate) fn check(files: &[&str]) -> Vec<String> {
    let Ok(table) = fs::read_to_string(root().join(TABLE)) else {
        return vec![format!("{TABLE}: it is missing")];
    };
    let sources = files.iter().filter(|file| file.ends_with(".rs"));
    let sources = sources.filter_map(|file| fs::read_to_string(root().join(file)).ok());
    let functions: BTreeSet<String> =
        sources.flat_map(|text| functions(&text).collect::<Vec<_>>()).collect();
    complaints(&table, &files.iter().copied().collect(), &functions)
}

fn complaints(table: &str, files: &BTreeSet<&str>, functions: &BTreeSet<String>) -> Vec<String> {
    let is_file =
        |name: &str| files.contains(name) || files.contains(format!("core/src/{name}").as_str());
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(table.lines()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", row, _, file, test, ""] = cells[..] else { continue };
        if row == "row" || row == "---" {
            continue;
        }
        let mut complain = |what: String| complaints.push(format!("{TABLE}:{number}: {what}"));
        let unknown = names(file).find(|name| !is_file(name));
        if let Some(name) = unknown {
            complain(format!("there is no file `{name}`"));
        } else if file != "n/a" && names(file).next().is_none() {
            complain("the row names no file".to_owned());
        }
        for name in names(test) {
            // The rest are words, such as the names of settings.
            let is_test = name.contains('_') && !name.contains('.');
            if (name.contains('/') && !is_file(name)) || (is_test && !functions.contains(name)) {
                complain(format!("there is no test `{name}`"));
            }
        }
        if file != "n/a" && names(test).next().is_none() {
            complain("the row names no test".to_owned());
        } else if test.is_empty() {
            complain("the row gives no reason".to_owned());
        }
    }
    complaints
}

/// What stands in backquotes.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of all functions of a file.
fn functions(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter_map(|line| {
        let (_, after) = line.split_once("fn ")?;
        let name: String =
            after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: &str) -> Vec<String> {
        let files = BTreeSet::from(["core/src/record.rs", "src/lib.rs"]);
        let functions = functions("    fn it_works() {\n").collect();
        let heading = "| row | what | file | test |\n| --- | --- | --- | --- |\n";
        complaints(&format!("{heading}{row}\n"), &files, &functions)
    }

    #[test]
    fn a_row_names_what_there_is() {
        assert!(check("| A1 | records | `record.rs`, `src/lib.rs` | `it_works` |").is_empty());
        assert!(check("| A1 | records | n/a | brokers do that |").is_empty());
    }

    #[test]
    fn what_is_not_there_is_named_with_its_line() {
        let file = check("| A1 | records | `records.rs` | `it_works` |");
        assert_eq!(file, ["docs/mechanisms.md:3: there is no file `records.rs`"]);
        let test = check("| A1 | records | `record.rs` | `it_fails` |");
        assert_eq!(test, ["docs/mechanisms.md:3: there is no test `it_fails`"]);
        assert_eq!(check("| A1 | records | `record.rs` | |").len(), 1);
        assert_eq!(check("| A1 | records | n/a | |").len(), 1);
    }
}
