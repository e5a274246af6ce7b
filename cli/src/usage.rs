//! Wrong flags as one line: clap's own words without its usage block.

use clap::error::ErrorKind;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::stdout;

/// Prints help and version as clap does, an error as `ottla: error: …`.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe (`ottla --help | head -1`) is no reason to complain.
            let printed = stdout::check(error.print());
            printed.map_or_else(|failure| failure.report(), |_| ExitCode::SUCCESS)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(crate::failure::USAGE)
        }
        _ => Failure::usage(one_line(&error.to_string())).report(),
    }
}

/// `error: …` up to the usage block, tips included, on one line.
fn one_line(rendered: &str) -> String {
    let body = rendered.split("\n\nUsage:").next().unwrap_or_default();
    let body = body.split("\n\nFor more information").next().unwrap_or_default();
    let body = body.strip_prefix("error: ").unwrap_or(body);
    let mut line = String::new();
    for part in body.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push_str(if part.starts_with("tip:") { "; " } else { " " });
        }
        line.push_str(part);
    }
    line + " (see --help)"
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn tips_and_lists_are_joined() {
        let rendered = "error: unexpected argument '--topik' found\n\n  tip: a similar argument exists: '--topic'\n\nUsage: ottla produce\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(rendered),
            "unexpected argument '--topik' found; tip: a similar argument exists: '--topic' (see --help)"
        );
        let rendered = "error: the following required arguments were not provided:\n  --topic <TOPIC>\n\nUsage: ottla\n";
        assert_eq!(
            one_line(rendered),
            "the following required arguments were not provided: --topic <TOPIC> (see --help)"
        );
    }
}
