//! `ottla perf`: kafka-producer-perf-test with ottla's producer.
//!
//! | file | job |
//! |---|---|
//! | [`payload`] | what is sent |
//! | [`lane`] | one sending thread |
//! | [`pending`] | deliveries on their way |
//! | [`stats`] | counting, and Kafka's lines |
//! | [`report`] | the end |

mod lane;
mod payload;
mod pending;
mod report;
mod stats;

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ottla::Supervisor;

use crate::args::PerfArgs;
use crate::client::Properties;
use crate::failure::{FAILED, Failure, INTERRUPTED};
use crate::{cpu, interrupt, metrics, stderr, stdout};
use lane::{Counts, Lane, Task, Way};
use payload::Payloads;
use report::Report;
use stats::Window;

/// The name that Kafka's tool gives its transactions.
const DEFAULT_TRANSACTIONAL_ID: &str = "performance-producer-default-transactional-id";

type SharedCounts = Arc<Mutex<Counts>>;

/// Sends, measures, prints. Success only if every record was acknowledged.
pub(crate) fn run(args: &PerfArgs) -> Result<ExitCode, Failure> {
    check(args)?;
    let payloads = Payloads::new(args)?;
    let mut client = properties(args)?.start()?;
    let supervisor = client.supervisor();
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_interrupt(&supervisor, &stop)?;
    if args.warmup_records > 0 && !args.json {
        stdout::line(&format!(
            "Warmup first {} records. Steady state results will print after the complete test summary.",
            args.warmup_records
        ));
    }
    let report = measure(args, lane::tasks(&mut client, args, &payloads), &stop);
    for reason in &report.counts.reasons {
        stderr::line(&format!("ottla: error: {reason}"));
    }
    print(args, &report, &supervisor);
    supervisor.close_blocking(Duration::ZERO);
    Ok(status(&report))
}

fn check(args: &PerfArgs) -> Result<(), Failure> {
    if args.warmup_records >= args.num_records {
        return Err(Failure::usage("--warmup-records must be less than --num-records"));
    }
    if !(args.throughput == -1.0 || args.throughput > 0.0) || !args.throughput.is_finite() {
        return Err(Failure::usage(
            "--throughput must be a number of records per second, or -1 for no limit",
        ));
    }
    if args.threads > 1 && args.transaction_duration().is_some() {
        return Err(Failure::usage("transactions follow each other: --threads must be 1"));
    }
    Ok(())
}

fn properties(args: &PerfArgs) -> Result<Properties, Failure> {
    let mut properties = Properties::new();
    if let Some(path) = &args.command_config {
        properties.read(path)?;
    }
    properties.set_all(&args.command_property)?;
    properties.set_default("client.id", "perf-producer-client");
    if let Some(id) = &args.transactional_id {
        properties.set("transactional.id", id);
    } else if args.transaction_duration_ms.is_some() {
        properties.set_default("transactional.id", DEFAULT_TRANSACTIONAL_ID);
    }
    if let Some(brokers) = &args.bootstrap_server {
        properties.set_brokers(brokers);
    }
    Ok(properties)
}

/// Runs all lanes from the first record sent to the last one acknowledged.
fn measure(args: &PerfArgs, tasks: Vec<(Way<'_>, Task)>, stop: &Arc<AtomicBool>) -> Report {
    let counts: Vec<SharedCounts> =
        tasks.iter().map(|_| Arc::new(Mutex::new(Counts::new()))).collect();
    let (running, ended) = mpsc::channel::<()>();
    let (before, start) = (cpu::usage(), Instant::now());
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        for ((way, task), counts) in tasks.into_iter().zip(&counts) {
            let (counts, stop, running) = (counts.clone(), stop.clone(), running.clone());
            lanes.push(scope.spawn(move || {
                Lane::run(way, task, counts, stop);
                drop(running);
            }));
        }
        drop(running);
        let interval = Duration::from_millis(args.reporting_interval);
        print_windows(&ended, interval, &counts, args.json);
        let (end, after) = (Instant::now(), cpu::usage());
        let panicked = lanes.into_iter().map(|lane| lane.join()).any(|lane| lane.is_err());
        Report::new(&counts, end - start, end, before.zip(after), panicked)
    })
}

/// A line per interval until all lanes have ended.
fn print_windows(ended: &Receiver<()>, interval: Duration, counts: &[SharedCounts], silent: bool) {
    let mut last = Instant::now();
    let mut steady = false;
    while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let mut window = Window::default();
        let mut now_steady = false;
        for lane in counts {
            let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
            window.merge(&std::mem::take(&mut lane.window));
            now_steady |= lane.steady.is_some();
        }
        if !silent {
            if now_steady && !steady {
                stdout::line("In steady state.");
            }
            stdout::line(&window.line(last.elapsed()));
        }
        steady = now_steady;
        last = Instant::now();
    }
}

fn print(args: &PerfArgs, report: &Report, producer: &Supervisor) {
    if args.json {
        let mut object = report.to_json();
        if args.print_metrics {
            object["metrics"] = metrics::to_json(&producer.metrics());
        }
        stdout::line(&object.to_string());
        return;
    }
    for line in report.lines() {
        stdout::line(&line);
    }
    if args.print_metrics {
        stdout::line(&metrics::to_text(&producer.metrics(), &producer.config().client_id));
    }
}

fn status(report: &Report) -> ExitCode {
    if interrupt::requested() {
        ExitCode::from(INTERRUPTED)
    } else if report.failed() {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// First Ctrl-C: send no more, wait for what was sent. Second: don't wait. Third: leave.
fn stop_on_interrupt(producer: &Supervisor, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let (producer, stop) = (producer.clone(), stop.clone());
    interrupt::listen(move |count| match count {
        1 => {
            stop.store(true, SeqCst);
            producer.close_blocking(producer.config().delivery_timeout);
        }
        2 => producer.close_blocking(Duration::ZERO),
        _ => std::process::exit(i32::from(INTERRUPTED)),
    })
}
