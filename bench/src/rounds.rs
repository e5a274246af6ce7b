//! All clients in turn, in rotated order: A B C, B C A, … so that what changes on the machine
//! while it goes on touches all alike.

use std::time::Instant;

use crate::broker::Broker;
use crate::build::Programs;
use crate::client::Client;
use crate::run::{Run, run};
use crate::workload::Workload;
use crate::{Options, Outcome, say};

/// One client's runs of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) client: Client,
    pub(crate) runs: Vec<Run>,
    /// Why the last run that failed did.
    pub(crate) failure: Option<String>,
}

/// Measures a workload.
pub(crate) fn measure(
    workload: &Workload,
    programs: &Programs,
    options: &Options,
) -> Outcome<Vec<Row>> {
    let clients = programs.clients().filter(|client| workload.includes(*client));
    let mut rows: Vec<Row> =
        clients.map(|client| Row { client, runs: Vec::new(), failure: None }).collect();
    let mut broker = Broker::start(workload)?;
    let rounds = workload.rounds.unwrap_or(options.rounds);
    for round in 0..rounds as usize {
        let start = Instant::now();
        for turn in 0..rows.len() {
            let at = (turn + round) % rows.len();
            let row = &mut rows[at];
            // Who can't do it once is not asked again.
            if row.failure.is_some() {
                continue;
            }
            match run(workload, &mut broker, row.client, programs.command(row.client)) {
                Ok(run) => row.runs.push(run),
                Err(reason) => {
                    say(&format!("{}: {}: {reason}", workload.id, row.client));
                    row.failure = Some(reason);
                    // What it left on its way must not be counted for the next.
                    broker = Broker::start(workload)?;
                }
            }
        }
        let seconds = start.elapsed().as_secs();
        say(&format!("{}: round {} of {rounds} took {seconds} s", workload.id, round + 1));
    }
    Ok(rows)
}
