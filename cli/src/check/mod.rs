//! `ottla check`: whether a topic keeps what it acknowledges.

mod args;
mod print;

use std::process::ExitCode;

use ottla::durability::{self, Verdict};

pub(crate) use args::CheckArgs;

use crate::client::Properties;
use crate::failure::{FAILED, Failure};
use crate::stdout;

/// Asks, prints what there is to say, and succeeds if there is nothing.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let client = Properties::of(&args.client)?.ask()?;
    let report = durability::check(&client, &args.topic, args.failures)
        .map_err(|error| Failure::new(error.to_string()))?;
    if args.json {
        stdout::line(&print::to_json(&report).to_string());
    } else {
        stdout::line(&print::to_text(&report));
    }
    Ok(match report.verdict() {
        Verdict::Durable => ExitCode::SUCCESS,
        Verdict::Stops | Verdict::Unknown | Verdict::Loses => ExitCode::from(FAILED),
    })
}
