//! What the log on disk holds, batch by batch, as Kafka's `DumpLogSegments` sees it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::cluster::{Cluster, NodeId};

/// A record batch in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The partition it is in.
    pub partition: i32,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Number of records.
    pub count: i32,
    /// Sequence of its first record, -1 without idempotence.
    pub base_sequence: i32,
    /// The producer's id, -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch, -1 without idempotence.
    pub producer_epoch: i16,
    /// The leader's epoch when it was appended.
    pub leader_epoch: i32,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub codec: String,
    /// Bytes on disk, the batch's header included.
    pub size: u32,
    /// Version of the message format.
    pub magic: i8,
    /// Whether its CRC is right.
    pub valid: bool,
}

impl Cluster {
    /// All batches of a topic on one node, with every record in them decoded (`--deep-iteration`);
    /// in order per partition.
    ///
    /// # Panics
    /// If Kafka finds anything wrong with a segment other than a batch's CRC, which each batch
    /// tells itself.
    #[must_use]
    #[track_caller]
    pub fn dump_log_segments(&self, node: NodeId, topic: &str) -> Vec<Batch> {
        let segments: Vec<PathBuf> = self
            .partitions(topic)
            .iter()
            .flat_map(|p| self.segments(node, topic, p.index))
            .collect();
        let mut files = OsString::new();
        for (i, file) in segments.iter().enumerate() {
            files.push(if i == 0 { "" } else { "," });
            files.push(file);
        }
        let class = if self.has_tools_before_4() {
            "kafka.tools.DumpLogSegments"
        } else {
            "org.apache.kafka.tools.DumpLogSegments"
        };
        let mut place = Place { partition: -1, offset: 0 };
        let mut batches: Vec<Batch> = Vec::new();
        let tool = self.tool(class).args(["--deep-iteration", "--files"]).arg(files);
        tool.for_each_line(|line| match parse(&String::from_utf8_lossy(line), place) {
            Line::Segment(start) => place = start,
            Line::Batch(batch) => {
                place.offset = batch.last_offset + 1;
                batches.push(batch);
            }
            Line::Nothing => {}
            Line::Complaint(text) => {
                panic!("DumpLogSegments about {topic}-{}: {text}", place.partition)
            }
        });
        batches
    }

    /// The segment files of a partition on a node, in order.
    fn segments(&self, node: NodeId, topic: &str, partition: i32) -> Vec<PathBuf> {
        let dir = self.log_dir(node, topic, partition);
        let entries = fs::read_dir(&dir).unwrap_or_else(|e| panic!("no {}: {e}", dir.display()));
        let files = entries.map(|entry| entry.expect("cannot list a log directory").path());
        let mut logs: Vec<_> =
            files.filter(|f| f.extension().is_some_and(|e| e == "log")).collect();
        logs.sort();
        logs
    }
}

/// Where in the log the next line is about.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    partition: i32,
    offset: i64,
}

#[derive(Debug, PartialEq)]
enum Line {
    Segment(Place),
    Batch(Batch),
    Nothing,
    Complaint(String),
}

fn parse(line: &str, place: Place) -> Line {
    let known = if let Some(path) = line.strip_prefix("Dumping ") {
        start_of(Path::new(path)).map(Line::Segment)
    } else if line.starts_with("baseOffset: ") {
        batch(line, place.partition).map(Line::Batch)
    } else if line.starts_with("offset: ") {
        message(line, place).map(Line::Batch)
    } else {
        // A line for each record, a line for each segment.
        let expected = line.starts_with("| ") || line.starts_with("Log starting offset: ");
        expected.then_some(Line::Nothing)
    };
    known.unwrap_or_else(|| Line::Complaint(line.into()))
}

/// `TOPIC-PARTITION/OFFSET.log`.
fn start_of(segment: &Path) -> Option<Place> {
    let directory = segment.parent()?.file_name()?.to_str()?;
    let partition = directory.rsplit_once('-')?.1.parse().ok()?;
    let offset = segment.file_stem()?.to_str()?.parse().ok()?;
    Some(Place { partition, offset })
}

/// Parses `name: value name: value …`.
fn fields(line: &str) -> HashMap<&str, &str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.chunks_exact(2);
    pairs.filter_map(|pair| Some((pair[0].strip_suffix(':')?, pair[1]))).collect()
}

fn batch(line: &str, partition: i32) -> Option<Batch> {
    let fields = fields(line);
    Some(Batch {
        partition,
        base_offset: field(&fields, "baseOffset")?,
        last_offset: field(&fields, "lastOffset")?,
        count: field(&fields, "count")?,
        base_sequence: field(&fields, "baseSequence")?,
        producer_id: field(&fields, "producerId")?,
        producer_epoch: field(&fields, "producerEpoch")?,
        leader_epoch: field(&fields, "partitionLeaderEpoch")?,
        codec: field(&fields, "compresscodec")?,
        size: field(&fields, "size")?,
        magic: field(&fields, "magic")?,
        valid: field(&fields, "isvalid")?,
    })
}

/// A message of version 0 or 1, which tells its last record's offset alone: its first is the one
/// that comes next in the log.
fn message(line: &str, place: Place) -> Option<Batch> {
    let fields = fields(line);
    let last_offset = field(&fields, "offset")?;
    Some(Batch {
        partition: place.partition,
        base_offset: place.offset,
        last_offset,
        count: i32::try_from(last_offset - place.offset + 1).ok()?,
        base_sequence: -1,
        producer_id: -1,
        producer_epoch: -1,
        leader_epoch: -1,
        codec: field(&fields, "compresscodec")?,
        size: field(&fields, "size")?,
        magic: field(&fields, "magic")?,
        valid: field(&fields, "isvalid")?,
    })
}

fn field<T: FromStr>(fields: &HashMap<&str, &str>, name: &str) -> Option<T> {
    fields.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = "baseOffset: 3 lastOffset: 4 count: 2 baseSequence: 7 lastSequence: 8 \
        producerId: 1000 producerEpoch: 1 partitionLeaderEpoch: 5 isTransactional: false \
        isControl: false deleteHorizonMs: OptionalLong.empty position: 93 CreateTime: 17 \
        size: 81 magic: 2 compresscodec: lz4 crc: 2863311530 isvalid: true";

    const MESSAGE: &str = "offset: 9 position: 41 CreateTime: 17 size: 43 magic: 1 \
        compresscodec: gzip crc: 2584618707 isvalid: true";

    const PLACE: Place = Place { partition: 2, offset: 5 };

    #[test]
    fn a_batch_line_is_a_batch() {
        let Line::Batch(batch) = parse(BATCH, PLACE) else { panic!("not a batch") };
        assert_eq!((batch.partition, batch.base_offset, batch.last_offset), (2, 3, 4));
        assert_eq!((batch.producer_id, batch.producer_epoch, batch.base_sequence), (1000, 1, 7));
        assert_eq!((batch.codec.as_str(), batch.size, batch.valid), ("lz4", 81, true));
    }

    #[test]
    fn a_message_begins_where_the_one_before_it_ended() {
        let Line::Batch(message) = parse(MESSAGE, PLACE) else { panic!("not a message") };
        assert_eq!((message.partition, message.base_offset, message.last_offset), (2, 5, 9));
        assert_eq!((message.count, message.magic, message.valid), (5, 1, true));
    }

    #[test]
    fn a_segment_tells_where_it_begins() {
        let start = Place { partition: 12, offset: 70 };
        let line = "Dumping /tmp/data/my-topic-12/00000000000000000070.log";
        assert_eq!(parse(line, PLACE), Line::Segment(start));
    }

    #[test]
    fn unknown_lines_are_complaints() {
        assert_eq!(parse("| offset: 3 CreateTime: 17 keySize: 3", PLACE), Line::Nothing);
        assert!(matches!(parse("Found 3 invalid bytes at position", PLACE), Line::Complaint(_)));
        assert!(matches!(parse("baseOffset: 3 lastOffset: x", PLACE), Line::Complaint(_)));
    }
}
