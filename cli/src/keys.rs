//! `-X list`: every configuration key, as kcat prints its own.

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory};
use ottla_core::config::{Key, keys};
use serde_json::{Value, json};

use crate::args::Cli;

/// The list, where the command line asks for one; whatever else it lacks does not matter then.
pub(crate) fn asked(args: &[OsString]) -> Option<String> {
    // Nobody else pays for a second look at the flags.
    args.iter().find(|arg| arg.as_encoded_bytes().ends_with(b"list"))?;
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(args).ok()?;
    let (_, flags) = matches.subcommand()?;
    is_asked(flags).then(|| if wants_json(flags) { to_json().to_string() } else { to_text() })
}

fn is_asked(flags: &ArgMatches) -> bool {
    ["properties", "command_property"].iter().any(|id| {
        let given = flags.try_get_many::<String>(id).ok().flatten();
        given.into_iter().flatten().any(|value| value == "list")
    })
}

fn wants_json(flags: &ArgMatches) -> bool {
    flags.try_get_one("json").ok().flatten() == Some(&true)
}

fn to_text() -> String {
    let width = keys().iter().map(|key| key.name.len()).max().unwrap_or(0);
    let default = |key: &Key| match key.default {
        "" => String::new(),
        default => format!(" [{default}]"),
    };
    let line = |key: &Key| format!("{:<width$}  {}{}", key.name, key.doc, default(key));
    keys().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn to_json() -> Value {
    let object = |key: &Key| {
        let default = Some(key.default).filter(|default| !default.is_empty());
        json!({ "key": key.name, "default": default, "description": key.doc })
    };
    keys().iter().map(object).collect()
}
