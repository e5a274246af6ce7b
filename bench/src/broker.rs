//! Where the records go: the sink in a process of its own, or a real Kafka.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ottla_tests::kafka::{Cluster, NEWEST};

use crate::workload::{Target, Workload};
use crate::{Outcome, build};

/// The topic that all clients send to.
pub(crate) const TOPIC: &str = "bench";

/// A running broker.
pub(crate) enum Broker {
    Sink(Sink),
    /// With the records that were counted so far.
    Kafka(Box<Cluster>, u64),
}

/// What arrived between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) records: u64,
    /// Zero where the broker doesn't tell.
    pub(crate) batches: u64,
    pub(crate) bytes: u64,
}

impl Broker {
    /// Starts what the workload needs.
    pub(crate) fn start(workload: &Workload) -> Outcome<Self> {
        match workload.target {
            Target::Sink { nodes, late_ms } => {
                Sink::start(workload.partitions, nodes, late_ms).map(Self::Sink)
            }
            Target::Kafka => {
                let cluster = Cluster::start(NEWEST, 1, &[]);
                // A segment or two of each partition: the disk is not what is measured.
                let configs = [("retention.bytes", "268435456"), ("segment.bytes", "134217728")];
                cluster.create_topic(TOPIC, workload.partitions as i32, 1, &configs);
                Ok(Self::Kafka(Box::new(cluster), 0))
            }
        }
    }

    /// `HOST:PORT,…`.
    pub(crate) fn bootstrap(&self) -> String {
        match self {
            Self::Sink(sink) => sink.addresses.clone(),
            Self::Kafka(cluster, _) => cluster.bootstrap(),
        }
    }

    /// What has arrived since the last call.
    pub(crate) fn arrived(&mut self) -> Outcome<Arrived> {
        match self {
            Self::Sink(sink) => sink.arrived(),
            Self::Kafka(cluster, counted) => {
                let all = cluster.end_offsets(TOPIC).iter().sum::<i64>().unsigned_abs();
                let records = all - *counted;
                *counted = all;
                Ok(Arrived { records, ..Arrived::default() })
            }
        }
    }
}

/// The sink's process.
pub(crate) struct Sink {
    process: Child,
    addresses: String,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Sink {
    pub(crate) fn start(partitions: u32, nodes: u16, late_ms: u16) -> Outcome<Self> {
        let mut process = Command::new(build::sink())
            .args([TOPIC, &partitions.to_string(), &nodes.to_string(), &late_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the sink: {e}"))?;
        let questions = process.stdin.take().expect("it was piped");
        let answers = BufReader::new(process.stdout.take().expect("it was piped"));
        let mut sink = Self { process, addresses: String::new(), questions, answers };
        sink.addresses = sink.line()?;
        Ok(sink)
    }

    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    pub(crate) fn arrived(&mut self) -> Outcome<Arrived> {
        writeln!(self.questions).map_err(|e| format!("the sink is gone: {e}"))?;
        let line = self.line()?;
        let counts: serde_json::Value =
            serde_json::from_str(&line).map_err(|e| format!("the sink said {line:?}: {e}"))?;
        let number = |key: &str| counts[key].as_u64().unwrap_or(0);
        Ok(Arrived {
            records: number("records"),
            batches: number("batches"),
            bytes: number("bytes"),
        })
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(1..) => Ok(line.trim_end().to_owned()),
            Ok(0) => Err("the sink ended".into()),
            Err(error) => Err(format!("the sink is gone: {error}")),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
