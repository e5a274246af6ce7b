//! The reading side of `ottla produce`: input in, records into the producer, deliveries handed
//! over.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{SendError as Disconnected, SyncSender};
use std::time::Instant;

use ottla::transaction::TransactionalProducer;
use ottla::{Delivery, SendError};

use super::shared::Shared;
use super::source::{Source, cannot_read};
use super::splitter::{Piece, Splitter};
use super::template::Template;
use super::transaction::End;
use crate::args::ProduceArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::kind;
use crate::stdout;
use crate::target::Target;

/// Records that share one look at the clock.
const CHUNK: usize = 64;

/// What the pump tells the reaper.
pub(crate) enum Event {
    /// Records handed to the producer, or refused by it.
    Chunk(Chunk),
    /// Nothing more comes.
    End(End),
}

/// Consecutive records of one source.
pub(crate) struct Chunk {
    /// Index of the source.
    pub(crate) source: usize,
    /// When the first of them was about to be sent.
    pub(crate) sent_at: Instant,
    pub(crate) entries: Vec<Entry>,
}

/// One record of the input.
pub(crate) struct Entry {
    /// Which piece of its source it is, counted from 1: its line, with the default delimiter.
    pub(crate) line: u64,
    /// Key and value bytes.
    pub(crate) bytes: u32,
    pub(crate) outcome: Accepted,
}

/// What became of a record when it was sent.
pub(crate) enum Accepted {
    Yes(Delivery),
    No(Box<Refusal>),
}

/// Why a record was not even accepted.
pub(crate) enum Refusal {
    Send(SendError),
    TooLong { bytes: u64, limit: usize, whole_file: bool },
}

/// Why reading ends before the input does.
enum Stop {
    /// The rest would fail the same way, or nobody listens any more.
    Quiet,
    /// Something other than a record's own failure.
    Failed(Failure),
}

impl From<Disconnected<Event>> for Stop {
    fn from(_: Disconnected<Event>) -> Self {
        Self::Quiet
    }
}

/// Everything the reading thread owns.
pub(crate) struct Pump {
    pub(crate) args: ProduceArgs,
    pub(crate) sources: Vec<Source>,
    /// The largest record.
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: SyncSender<Event>,
}

impl Pump {
    /// Reads all sources; the last event is [`Event::End`].
    pub(crate) fn run(self, client: Client) {
        let topic = self.args.topic.as_str();
        let end = match client {
            Client::Plain(producer) => {
                let partitions = || producer.partitions_blocking(topic);
                End::plain(self.feed(Target::Topic(producer.topic(topic)), &partitions).failure)
            }
            Client::Transactional(producer) => self.feed_transaction(producer),
        };
        // A reaper that is gone does not want the end either.
        let _ = self.events.send(Event::End(end));
        self.shared.busy.store(false, SeqCst);
    }

    /// Sends all sources.
    fn feed(&self, target: Target<'_>, partitions: &Partitions<'_>) -> Fed {
        let mut feed = Feed {
            target,
            partitions,
            template: Template::new(&self.args),
            remaining: self.args.count.unwrap_or(u64::MAX),
            chunk: Chunk { source: 0, sent_at: Instant::now(), entries: Vec::new() },
            refused: false,
            pump: self,
        };
        let failure = match (feed.sources(), feed.flush_copy()) {
            (Err(Stop::Failed(failure)), _) | (_, Err(Stop::Failed(failure))) => Some(failure),
            _ => None,
        };
        // As above.
        let _ = feed.hand_over();
        Fed { failure, refused: feed.refused }
    }

    /// All of it in one transaction, which is aborted where the input can't be read to its end, and
    /// where a record was refused: the transaction itself knows those alone that it has accepted.
    fn feed_transaction(&self, mut producer: TransactionalProducer) -> End {
        let topic = self.args.topic.as_str();
        let transaction = match producer.begin_blocking() {
            Ok(transaction) => transaction,
            Err(error) => return End::aborted(Some(Failure::new(error.to_string()))),
        };
        let partitions = || transaction.partitions_blocking(topic);
        let fed = self.feed(Target::Transaction(transaction.topic(topic)), &partitions);
        let refused = || fed.refused.then(|| Failure::new("a record was refused"));
        let why = fed.failure.or_else(refused);
        if why.is_some() || self.shared.stop.load(SeqCst) {
            // Where it fails, the brokers abort by themselves.
            let _ = transaction.abort_blocking();
            return End::aborted(why);
        }
        End::of(transaction.commit_blocking())
    }
}

/// What became of sending.
struct Fed {
    /// Why it ended early, where it was not a record's fault.
    failure: Option<Failure>,
    /// Whether a record was not even accepted.
    refused: bool,
}

/// Asks how many partitions the topic has.
type Partitions<'a> = dyn Fn() -> Result<u32, SendError> + 'a;

struct Feed<'a> {
    pump: &'a Pump,
    target: Target<'a>,
    partitions: &'a Partitions<'a>,
    template: Template<'a>,
    remaining: u64,
    refused: bool,
    chunk: Chunk,
}

impl<'a> Feed<'a> {
    fn sources(&mut self) -> Result<(), Stop> {
        let pump = self.pump;
        self.check_partition()?;
        for (index, source) in pump.sources.iter().enumerate() {
            self.hand_over()?;
            self.chunk.source = index;
            let delimiter = pump.args.delimiter.bytes();
            let mut reader = source.open(delimiter, self.pump.limit).map_err(Stop::Failed)?;
            self.source(&mut reader)
                .map_err(|stop| stop.unwrap_or_else(|error| read_failed(source, &error)))?;
        }
        Ok(())
    }

    /// A partition that does not exist is said at once; the producer itself would wait
    /// `max.block.ms` for somebody to add it.
    fn check_partition(&self) -> Result<(), Stop> {
        let (partition, topic) = (self.pump.args.partition, &self.pump.args.topic);
        if partition < 0 {
            return Ok(());
        }
        let failed = |message: String| Err(Stop::Failed(Failure::new(message)));
        match (self.partitions)() {
            Ok(count) if i64::from(partition) < i64::from(count) => Ok(()),
            Ok(count) => failed(format!(
                "partition {partition} does not exist: topic {topic} has {count} (0 to {})",
                count - 1
            )),
            Err(SendError::Closed) => Err(Stop::Quiet),
            Err(error) => failed(error.to_string()),
        }
    }

    fn source(&mut self, reader: &mut dyn Read) -> Result<(), Result<Stop, io::Error>> {
        let args = &self.pump.args;
        let delimiter = (!args.whole_files).then(|| args.delimiter.bytes());
        let key_delimiter = args.key_delimiter.as_ref().map_or(0, |text| text.bytes().len());
        let mut splitter = Splitter::new(delimiter, self.pump.limit + key_delimiter);
        let mut line = 0;
        while !splitter.finished() {
            self.before_read().map_err(Ok)?;
            let count = splitter.fill(reader).map_err(Err)?;
            self.after_read(count).map_err(Ok)?;
            while let Some(piece) = splitter.next() {
                line += 1;
                self.piece(line, &piece).map_err(Ok)?;
            }
        }
        Ok(())
    }

    /// A read may wait for ever: whatever was sent before is the reaper's business from here on.
    fn before_read(&mut self) -> Result<(), Stop> {
        self.hand_over()?;
        self.pump.shared.busy.store(false, SeqCst);
        Ok(())
    }

    fn after_read(&mut self, count: usize) -> Result<(), Stop> {
        let shared = &self.pump.shared;
        shared.busy.store(true, SeqCst);
        shared.read.fetch_add(count as u64, SeqCst);
        self.chunk.sent_at = Instant::now();
        if shared.stop.load(SeqCst) { Err(Stop::Quiet) } else { Ok(()) }
    }

    fn piece(&mut self, line: u64, piece: &Piece<'_>) -> Result<(), Stop> {
        match *piece {
            Piece::Whole([]) => self.pump.shared.skipped.fetch_add(1, SeqCst),
            Piece::Whole(bytes) => return self.send(line, bytes),
            Piece::TooLong(bytes) => {
                let (limit, whole_file) = (self.pump.limit, self.pump.args.whole_files);
                let refusal = Refusal::TooLong { bytes, limit, whole_file };
                return self.push(line, 0, Accepted::No(Box::new(refusal)));
            }
        };
        Ok(())
    }

    fn send(&mut self, line: u64, piece: &[u8]) -> Result<(), Stop> {
        if self.pump.shared.stop.load(SeqCst) {
            return Err(Stop::Quiet);
        }
        let record = self.template.record(piece);
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let outcome = match self.target.try_send(record) {
            Err(SendError::BufferFull | SendError::MetadataPending) => self.wait(piece)?,
            outcome => outcome,
        };
        self.remaining -= 1;
        let accepted = match outcome {
            Ok(delivery) => Accepted::Yes(delivery),
            Err(SendError::Closed) => return Err(Stop::Quiet),
            Err(error) if kind::is_hopeless(&error) => {
                self.push(line, 0, Accepted::No(Box::new(Refusal::Send(error))))?;
                return Err(Stop::Quiet);
            }
            Err(error) => Accepted::No(Box::new(Refusal::Send(error))),
        };
        self.tee(piece)?;
        self.push(line, bytes as u32, accepted)?;
        if self.remaining == 0 { Err(Stop::Quiet) } else { Ok(()) }
    }

    /// Sends where there is something to wait for; the clock is looked at again first.
    fn wait(&mut self, piece: &[u8]) -> Result<Result<Delivery, SendError>, Stop> {
        self.hand_over()?;
        Ok(self.target.send_blocking(self.template.record(piece)))
    }

    fn tee(&self, piece: &[u8]) -> Result<(), Stop> {
        if !self.pump.args.tee {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(piece)
            .and_then(|()| stdout.write_all(self.pump.args.delimiter.bytes()));
        written.map_err(|error| Stop::Failed(stdout::cannot_write(&error)))
    }

    /// Standard output holds back what no line feed has ended.
    fn flush_copy(&self) -> Result<(), Stop> {
        let flushed = if self.pump.args.tee { io::stdout().flush() } else { Ok(()) };
        flushed.map_err(|error| Stop::Failed(stdout::cannot_write(&error)))
    }

    fn push(&mut self, line: u64, bytes: u32, outcome: Accepted) -> Result<(), Stop> {
        self.refused |= matches!(outcome, Accepted::No(_));
        self.chunk.entries.push(Entry { line, bytes, outcome });
        if self.chunk.entries.len() == CHUNK { self.hand_over() } else { Ok(()) }
    }

    /// Gives the chunk to the reaper and begins a new one.
    fn hand_over(&mut self) -> Result<(), Stop> {
        let sent_at = Instant::now();
        if self.chunk.entries.is_empty() {
            self.chunk.sent_at = sent_at;
            return Ok(());
        }
        let entries = Vec::with_capacity(CHUNK);
        let next = Chunk { source: self.chunk.source, sent_at, entries };
        let chunk = std::mem::replace(&mut self.chunk, next);
        Ok(self.pump.events.send(Event::Chunk(chunk))?)
    }
}

fn read_failed(source: &Source, error: &io::Error) -> Stop {
    Stop::Failed(cannot_read(&source.name(), error))
}
