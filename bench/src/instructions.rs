//! User-space instructions a record, by callgrind: unlike times they repeat, whatever else the
//! machine does. The slope between two counts is free of what starting costs.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use ottla_tests::callgrind;
use serde_json::{Value, json};

use crate::broker::Sink;
use crate::build::Programs;
use crate::client::{Client, OTTLA};
use crate::run::words;
use crate::workload::{self, Workload};
use crate::{Outcome, say};

/// What a client's record costs in a workload.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub(crate) client: Client,
    pub(crate) workload: String,
    pub(crate) per_record: f64,
}

impl Count {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "client": self.client.name,
            "workload": self.workload,
            "instructions_per_record": self.per_record.round(),
        })
    }
}

/// A client and the workload to count.
type Job = (Client, Workload);

/// Counts, on two threads: counts are not moved by load.
pub(crate) fn measure(programs: &Programs, quick: bool) -> Outcome<Vec<Count>> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        say("without instruction counts: install valgrind (on Debian: apt-get install valgrind)");
        return Ok(Vec::new());
    }
    say("counting instructions");
    let jobs = Mutex::new(jobs(programs, quick));
    let counts = Mutex::new(Vec::new());
    let next = || jobs.lock().expect("nobody panics with it").pop();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((client, workload)) = next() {
                    match slope(client, &workload, programs.command(client)) {
                        Ok(per_record) => {
                            let workload = name(&workload);
                            say(&format!("{client}, {workload}: {per_record:.0}"));
                            let count = Count { client, workload, per_record };
                            counts.lock().expect("nobody panics with it").push(count);
                        }
                        Err(reason) => say(&format!("{client}: {reason}")),
                    }
                }
            });
        }
    });
    let mut counts = counts.into_inner().expect("nobody panicked with it");
    let place = |count: &Count| crate::client::CLIENTS.iter().position(|c| *c == count.client);
    counts.sort_by_key(|count| (count.workload.clone(), place(count)));
    Ok(counts)
}

/// Every countable client at both sizes, with and without lz4; ottla with more threads too.
fn jobs(programs: &Programs, quick: bool) -> Vec<Job> {
    let countable = programs.clients().filter(|client| client.is_countable());
    let ids: &[&str] = match quick {
        true => &["100-none"],
        false => &["1000-lz4", "100-lz4", "1000-none", "100-none"],
    };
    let with_threads = |client: Client| client.name == OTTLA;
    let all = workload::plan(false, &[]);
    let mut jobs = Vec::new();
    for client in countable {
        for workload in all.iter().filter(|workload| ids.contains(&workload.id)) {
            jobs.push((client, workload.clone()));
            if workload.id == "100-none" && with_threads(client) {
                let threads = [2, 4, 8].into_iter();
                jobs.extend(
                    threads.map(|threads| (client, Workload { threads, ..workload.clone() })),
                );
            }
        }
    }
    jobs
}

fn name(workload: &Workload) -> String {
    match workload.threads {
        1 => workload.id.to_owned(),
        threads => format!("{} × {threads} threads", workload.id),
    }
}

/// Instructions a record between two counts of records.
fn slope(client: Client, workload: &Workload, command: &[String]) -> Outcome<f64> {
    let few = if workload.record_bytes > 500 { 8_000 } else { 40_000 };
    let mut sink = Sink::start(workload.partitions, 1, 0)?;
    let [low, high] =
        [few, 3 * few].map(|records| count(client, workload, &mut sink, command, records));
    Ok((high?.saturating_sub(low?)) as f64 / (2 * few) as f64)
}

/// All instructions of one run.
fn count(
    client: Client,
    workload: &Workload,
    sink: &mut Sink,
    command: &[String],
    records: u64,
) -> Outcome<u64> {
    let [program, fixed @ ..] = command else { return Err("it was not built".into()) };
    sink.arrived()?;
    let mut words = words(workload, sink.addresses(), records, 0)?;
    // Everything is fifty times slower here: batches are to fill as they do at full speed.
    words.push("linger-ms=1000".into());
    let counted = callgrind::count(program, fixed.iter().chain(&words), &[])?;
    let arrived = sink.arrived()?.records;
    if arrived != records {
        return Err(format!("{client} under valgrind: {arrived} of {records} arrived"));
    }
    Ok(counted.instructions)
}
