//! Runs seeds of the simulation: what `cargo xtask sim` calls.

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use ottla_sim::simulation::{Failure, Options, Report, Sabotage, run};

const USAGE: &str = "\
Runs the real producer against a model cluster in virtual time, once for each seed.

usage: cargo xtask sim [options]

  --seeds N        how many seeds (default 10000)
  --from S         the first of them (default 0)
  --seed S         only this one
  --transactions   every seed sends in transactions, not some of them
  --trace          print the timeline of a run that fails, and of --seed
  --keep-going     list every seed that fails instead of ending at the first
  --threads N      default: one per core
  --sabotage KIND  break the producer on purpose; succeeds if that is found
  --sabotages      each kind of sabotage after another, 1000 seeds at most";

/// Each sabotage has to be found within so many seeds.
const SABOTAGE_SEEDS: u64 = 1000;

#[derive(Clone, Debug)]
struct Arguments {
    from: u64,
    seeds: u64,
    threads: usize,
    keep_going: bool,
    sabotages: bool,
    options: Options,
}

fn main() -> ExitCode {
    let arguments = match parse(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("error: {why}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let passed = match arguments.options.sabotage {
        _ if arguments.sabotages => {
            // Every kind is tried, also after one that is not found.
            let found = Sabotage::ALL.map(|kind| find_sabotage(&arguments, kind));
            found.into_iter().all(|found| found)
        }
        Some(kind) => find_sabotage(&arguments, kind),
        None => simulate(&arguments),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `None`: help is asked for.
fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut arguments = Arguments {
        from: 0,
        seeds: 10_000,
        threads,
        keep_going: false,
        sabotages: false,
        options: Options::default(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number =
            |text: String| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
        match word.as_str() {
            "--seeds" => arguments.seeds = number(value()?)?,
            "--from" => arguments.from = number(value()?)?,
            "--seed" => (arguments.from, arguments.seeds) = (number(value()?)?, 1),
            "--threads" => arguments.threads = number(value()?)?.clamp(1, 256) as usize,
            "--transactions" => arguments.options.transactions = true,
            "--trace" => arguments.options.trace = true,
            "--keep-going" => arguments.keep_going = true,
            "--sabotage" => arguments.options.sabotage = Some(value()?.parse()?),
            "--sabotages" => arguments.sabotages = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument {word:?}")),
        }
    }
    Ok(Some(arguments))
}

/// Runs the seeds; true if no rule was broken.
fn simulate(arguments: &Arguments) -> bool {
    let totals = Totals::default();
    let start = Instant::now();
    let mut failures = run_all(arguments, &totals);
    println!("{}{} in {:.1} s", prefix(), totals.show(), start.elapsed().as_secs_f64());
    failures.sort_by_key(|failure| failure.seed);
    for failure in &failures {
        failure.trace.iter().for_each(|line| println!("{line}"));
        eprintln!("error: {failure}");
    }
    failures.is_empty()
}

/// Runs a sabotaged producer; true if the checker notices.
fn find_sabotage(arguments: &Arguments, kind: Sabotage) -> bool {
    let mut arguments = arguments.clone();
    arguments.seeds = arguments.seeds.min(SABOTAGE_SEEDS);
    arguments.options.sabotage = Some(kind);
    let failures = run_all(&arguments, &Totals::default());
    let Some(Failure { seed, what, trace, .. }) = failures.into_iter().min_by_key(|it| it.seed)
    else {
        eprintln!("error: {kind} was not found in {} seeds", arguments.seeds);
        return false;
    };
    trace.iter().for_each(|line| println!("{line}"));
    println!("{}{kind}: found with seed {seed}: {what}", prefix());
    true
}

/// Marks a line for the report of `cargo xtask full`.
fn prefix() -> &'static str {
    if env::var_os("OTTLA_FULL").is_some() { "full: " } else { "" }
}

#[derive(Default)]
struct Totals {
    seeds: AtomicU64,
    accepted: AtomicU64,
    acknowledged: AtomicU64,
    transactions: AtomicU64,
    committed: AtomicU64,
    virtual_seconds: AtomicU64,
}

impl Totals {
    fn add(&self, report: &Report) {
        let add = |to: &AtomicU64, count| to.fetch_add(count, Ordering::Relaxed);
        add(&self.seeds, 1);
        add(&self.accepted, report.accepted);
        add(&self.acknowledged, report.acknowledged);
        add(&self.transactions, report.transactions.0);
        add(&self.committed, report.transactions.1);
        add(&self.virtual_seconds, report.virtual_time.as_secs());
    }

    fn show(&self) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "{} seeds passed: {} records accepted, {} acknowledged, {} of {} transactions \
             committed, {} virtual hours",
            of(&self.seeds),
            of(&self.accepted),
            of(&self.acknowledged),
            of(&self.committed),
            of(&self.transactions),
            of(&self.virtual_seconds) / 3600
        )
    }
}

/// Runs the seeds on all threads, until one fails or, if asked to, all of them.
fn run_all(arguments: &Arguments, totals: &Totals) -> Vec<Failure> {
    let Arguments { from, seeds, options, .. } = arguments;
    let next = AtomicU64::new(*from);
    let stop = AtomicBool::new(false);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed - from >= *seeds {
                break;
            }
            match run(seed, options) {
                Ok(report) => {
                    report.trace.iter().for_each(|line| println!("{line}"));
                    totals.add(&report);
                }
                Err(failure) => {
                    stop.fetch_or(!arguments.keep_going, Ordering::Relaxed);
                    failures.lock().expect("nobody panics with it").push(failure);
                }
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.threads).map(|_| scope.spawn(work)).collect();
        if stderr().is_terminal() {
            while workers.iter().any(|worker| !worker.is_finished()) {
                thread::sleep(Duration::from_millis(200));
                let done = next.load(Ordering::Relaxed).saturating_sub(*from).min(*seeds);
                eprint!("\r{done} of {seeds} seeds");
            }
            eprint!("\r\x1b[K");
            stderr().flush().expect("a terminal takes a line");
        }
    });
    failures.into_inner().expect("nobody panics with it")
}
