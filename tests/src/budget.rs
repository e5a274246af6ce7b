//! The size of a run: reduced by default, full with `OTTLA_FULL=1`.

use std::env;

use toml::Table;

const BUDGETS: &str = include_str!("../budgets.toml");

/// Whether this run does the full counts.
#[must_use]
pub fn is_full() -> bool {
    env::var_os("OTTLA_FULL").is_some_and(|value| value == "1")
}

/// The count `"section.name"` of `tests/budgets.toml` for this run.
///
/// # Panics
/// If the file has no such count.
#[must_use]
#[track_caller]
pub fn get(name: &str) -> u64 {
    lookup(name, is_full()).unwrap_or_else(|| panic!("tests/budgets.toml has no count `{name}`"))
}

fn lookup(name: &str, full: bool) -> Option<u64> {
    let budgets: Table = BUDGETS.parse().expect("tests/budgets.toml is TOML");
    let (section, name) = name.split_once('.')?;
    let sizes = budgets.get(section)?.get(name)?;
    let size = sizes.get(if full { "full" } else { "reduced" })?;
    u64::try_from(size.as_integer()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_two_sizes() {
        assert_eq!(lookup("simulation.seeds", false), Some(10_000));
        assert_eq!(lookup("simulation.seeds", true), Some(1_000_000));
        assert_eq!(lookup("simulation.nothing", true), None);
    }

    #[test]
    fn no_count_shrinks_in_a_full_run() {
        let budgets: Table = BUDGETS.parse().unwrap();
        for (section, counts) in &budgets {
            for name in counts.as_table().unwrap().keys() {
                let name = format!("{section}.{name}");
                assert!(lookup(&name, true).unwrap() >= lookup(&name, false).unwrap(), "{name}");
            }
        }
    }
}
