//! `ottla produce`: one thread reads and sends, this one waits for outcomes, one watches.
//!
//! | file | job |
//! |---|---|
//! | [`source`] | which inputs there are |
//! | [`listen`] | those who connect |
//! | [`splitter`] | cutting bytes into pieces, in bounded memory |
//! | [`template`] | from a piece to a record |
//! | [`pump`] | the reading thread |
//! | [`transaction`] | how that ended |
//! | [`reaper`] | outcomes in the order of the input |
//! | [`watcher`] | progress and warnings |
//! | [`failures`] | what failed, in little memory |
//! | [`summary`] | the end |

mod failures;
mod listen;
mod pump;
mod reaper;
mod shared;
mod source;
mod splitter;
mod summary;
mod template;
mod transaction;
mod watcher;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use ottla::{Metrics, Supervisor};

use crate::args::ProduceArgs;
use crate::client::{Client, Properties};
use crate::failure::{FAILED, Failure, INTERRUPTED};
use crate::gateway::Profile;
use crate::progress::Progress;
use crate::{interrupt, logger, stderr, stdout};
use pump::{Event, Pump};
use reaper::Reaper;
pub(crate) use reaper::Tally;
use shared::Shared;
use source::Source;
use summary::Summary;
use transaction::End;
use watcher::{Warn, Watcher};

/// Chunks of 64 records between the threads. Usually `buffer.memory` is used up long before.
const CHUNKS_IN_FLIGHT: usize = 16 * 1024;
/// Where memory is small: 200 KiB of them.
const SMALL_CHUNKS_IN_FLIGHT: usize = 64;

/// Produces all input; success only if every record was acknowledged.
pub(crate) fn run(args: ProduceArgs) -> Result<ExitCode, Failure> {
    logger::start(args.verbose);
    let (quiet, json) = (args.quiet, args.json);
    let topic = args.topic.clone();
    let outcome = produce(args)?;
    let summary = Summary {
        topic: &topic,
        sources: &outcome.sources,
        tally: &outcome.tally,
        metrics: outcome.metrics,
        skipped: outcome.skipped,
        interrupted: interrupt::requested(),
    };
    if let Some(failure) = &outcome.tally.end.failure {
        failure.report();
    }
    if json {
        stdout::line(&summary.to_json().to_string());
    } else if !quiet {
        stderr::print(&summary.to_text());
    }
    Ok(outcome.status())
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) metrics: Metrics,
    skipped: u64,
    sources: Vec<String>,
}

impl Outcome {
    fn status(&self) -> ExitCode {
        if interrupt::requested() {
            ExitCode::from(INTERRUPTED)
        } else if self.tally.failures.count() > 0 || self.tally.end.failure.is_some() {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Reads, sends and waits for every outcome.
pub(crate) fn produce(args: ProduceArgs) -> Result<Outcome, Failure> {
    let sources = match &args.listen {
        Some(address) => vec![Source::Listen(address.clone())],
        None => Source::all(&args.files)?,
    };
    let names: Vec<String> = sources.iter().map(Source::name).collect();
    let verbose = args.verbose > 0;
    let logs = args.verbose >= logger::LOGS;
    let progress = if args.quiet || args.json || logs {
        Progress::hidden(args.quiet)
    } else {
        Progress::new(sources.iter().map(Source::size).sum())
    };
    let client = properties(&args)?.start()?;
    let supervisor = client.supervisor();
    let shared = Arc::new(Shared::default());
    let chunks = if args.profile.is_some() { SMALL_CHUNKS_IN_FLIGHT } else { CHUNKS_IN_FLIGHT };
    let (events, received) = mpsc::sync_channel(chunks);
    let transactional = matches!(client, Client::Transactional(_));
    stop_on_interrupt(&supervisor, &shared, &events, &progress, transactional)?;
    let warn = match args.verbose {
        0 => Warn::UntilAcknowledged,
        1 => Warn::Always,
        logger::LOGS.. => Warn::Never,
    };
    let watcher = Watcher::start(supervisor.clone(), shared.clone(), progress.clone(), warn);
    let limit = supervisor.config().max_request_size;
    let pump = Pump { args, sources, limit, shared: shared.clone(), events };
    // Never joined: on Ctrl-C it may be waiting for input that doesn't come.
    thread::spawn(move || pump.run(client));
    let tally = Reaper::new(shared.clone(), &progress, &names, verbose).run(&received);
    drop(watcher);
    progress.finish();
    let metrics = supervisor.metrics();
    supervisor.close_blocking(Duration::ZERO);
    Ok(Outcome { tally, metrics, skipped: shared.skipped.load(SeqCst), sources: names })
}

/// First Ctrl-C: take no more input, wait for what was sent. Second: don't wait. Third: leave.
fn stop_on_interrupt(
    supervisor: &Supervisor,
    shared: &Arc<Shared>,
    events: &SyncSender<Event>,
    progress: &Progress,
    transactional: bool,
) -> Result<(), Failure> {
    let (supervisor, shared) = (supervisor.clone(), shared.clone());
    let (events, progress) = (events.clone(), progress.clone());
    interrupt::listen(move |count| match count {
        1 => {
            shared.stop.store(true, SeqCst);
            progress.warning("interrupted: waiting for what was sent; again to give up");
            supervisor.close_blocking(supervisor.config().delivery_timeout);
            // What the reading thread still handles comes before the end that is told here.
            while shared.busy.load(SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            // The reaper is gone where the input ended at the same moment. A transaction that is
            // open now was aborted by closing the producer.
            let end = if transactional { End::aborted(None) } else { End::plain(None) };
            let _ = events.send(Event::End(end));
        }
        2 => supervisor.close_blocking(Duration::ZERO),
        _ => std::process::exit(i32::from(INTERRUPTED)),
    })
}

/// What a producer of a few MiB differs in. One batch of 16 KiB fills a request to one partition.
const SMALL: [(&str, &str); 7] = [
    ("buffer.memory", "1048576"),
    ("buffer.memory.preallocate", "true"),
    ("max.in.flight.requests.per.connection", "2"),
    ("max.request.size", "65536"),
    ("receive.buffer.bytes", "32768"),
    ("receive.message.max.bytes", "262144"),
    ("send.buffer.bytes", "65536"),
];

/// What is configured by the profile, then `-F`, then `-X`, then the flags of their own.
fn properties(args: &ProduceArgs) -> Result<Properties, Failure> {
    let mut properties = Properties::new();
    if args.profile == Some(Profile::Small) {
        SMALL.iter().for_each(|(key, value)| properties.set(key, *value));
    }
    properties.take(&args.client)?;
    if let Some(codec) = &args.compression {
        properties.set("compression.type", codec);
    }
    if let Some(id) = &args.transactional_id {
        properties.set("transactional.id", id);
    }
    if let Some(seconds) = args.max_block {
        properties.set("max.block.ms", (u64::from(seconds) * 1000).to_string());
    }
    if args.listen.is_some() && args.count.is_none() && properties.has("transactional.id") {
        return Err(Failure::usage(
            "--listen ends with Ctrl-C, which aborts a transaction: give -c N as well, to commit \
             after so many records",
        ));
    }
    Ok(properties)
}
