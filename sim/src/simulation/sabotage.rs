//! Producers broken on purpose, to see that the checker notices.
//!
//! The producer itself stays as it is: what it sends is changed before the broker sees it, into
//! what a producer with such a bug would have sent.

mod transactions;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Encodable;

use super::dice::Dice;
use super::watch::decode_produce;
use crate::batch::BatchHeader;
use crate::cluster::{Cluster, ProduceFault};

/// A bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// A batch's memory was given to another batch before it was written.
    ReusedBuffer,
    /// As before, but while it was being written: its end is another's.
    TornBuffer,
    /// Batches of a partition are sent again out of order.
    ReorderedRetry,
    /// A batch has the sequence numbers of the one before.
    RepeatedSequence,
    /// A refusal is taken for an acknowledgement.
    FalseAcknowledgement,
    /// The driver is sometimes not woken.
    LostWakeup,
    /// A transaction that is to be aborted is committed.
    CommittedAbort,
    /// A transaction that is to be committed is aborted.
    AbortedCommit,
    /// Offsets are not committed with their transaction.
    MissingOffsets,
    /// A batch of a transaction is sent as one of none.
    UnmarkedBatch,
    /// A transaction is committed without one of its batches.
    MissingBatch,
}

impl Sabotage {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::ReusedBuffer,
        Self::TornBuffer,
        Self::ReorderedRetry,
        Self::RepeatedSequence,
        Self::FalseAcknowledgement,
        Self::LostWakeup,
        Self::CommittedAbort,
        Self::AbortedCommit,
        Self::MissingOffsets,
        Self::UnmarkedBatch,
        Self::MissingBatch,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReusedBuffer => "reused-buffer",
            Self::TornBuffer => "torn-buffer",
            Self::ReorderedRetry => "reordered-retry",
            Self::RepeatedSequence => "repeated-sequence",
            Self::FalseAcknowledgement => "false-acknowledgement",
            Self::LostWakeup => "lost-wakeup",
            Self::CommittedAbort => "committed-abort",
            Self::AbortedCommit => "aborted-commit",
            Self::MissingOffsets => "missing-offsets",
            Self::UnmarkedBatch => "unmarked-batch",
            Self::MissingBatch => "missing-batch",
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sabotage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.map(Self::name).to_vec();
            format!("no sabotage {text:?}; there are {}", names.join(", "))
        })
    }
}

/// A batch as brokers tell it from others.
type BatchId = (String, i32, i64, i16, i32);

/// Changes requests on their way to a broker.
#[derive(Debug)]
pub(crate) struct Saboteur {
    pub(crate) kind: Sabotage,
    dice: Dice,
    /// The batch seen before this one.
    last: Bytes,
    sequences: BTreeMap<(String, i32, i64, i16), i32>,
    appended: BTreeSet<BatchId>,
    /// Batches at the broker now, with the log's end before them.
    arriving: Vec<(BatchId, i64)>,
    /// Where the broker is to say that it knows a batch at the broker now.
    repeats: Vec<(String, i32)>,
}

/// What a broker says of a batch that it has.
const KNOWN: ProduceFault = ProduceFault::Refuse(ResponseError::DuplicateSequenceNumber);

impl Saboteur {
    pub(crate) fn new(kind: Sabotage, dice: Dice) -> Self {
        Self {
            kind,
            dice,
            last: Bytes::new(),
            sequences: BTreeMap::new(),
            appended: BTreeSet::new(),
            arriving: Vec::new(),
            repeats: Vec::new(),
        }
    }

    /// Whether the driver misses a wake-up.
    pub(crate) fn swallows_wakeup(&mut self) -> bool {
        self.kind == Sabotage::LostWakeup && self.dice.percent(2)
    }

    /// Changes a request, if it is one of those that carry records or end transactions.
    pub(crate) fn spoil_request(&mut self, frame: Bytes, cluster: &mut Cluster) -> Bytes {
        let frame = transactions::spoil(self.kind, frame, &mut self.dice);
        let Some((version, header, mut request)) = decode_produce(&frame) else { return frame };
        for topic in &mut request.topic_data {
            let by_id = cluster.topics().find(|(_, id, _)| *id == topic.topic_id);
            let name = by_id.map_or_else(|| topic.name.to_string(), |(name, _, _)| name.to_owned());
            for partition in &mut topic.partition_data {
                let Some(records) = &mut partition.records else { continue };
                let place = (name.clone(), partition.index);
                *records = self.spoil(records.clone(), place, cluster);
            }
        }
        let mut bytes = BytesMut::new();
        header
            .encode(&mut bytes, ApiKey::Produce.request_header_version(version))
            .and_then(|()| request.encode(&mut bytes, version))
            .expect("what was decoded can be encoded");
        bytes.freeze()
    }

    fn spoil(&mut self, batch: Bytes, place: (String, i32), cluster: &mut Cluster) -> Bytes {
        let Some(header) = BatchHeader::parse(&batch) else { return batch };
        match self.kind {
            Sabotage::LostWakeup
            | Sabotage::CommittedAbort
            | Sabotage::AbortedCommit
            | Sabotage::MissingOffsets => batch,
            Sabotage::UnmarkedBatch if header.is_transactional() && self.dice.percent(20) => {
                edited(&batch, |it| it[22] &= !0b1_0000)
            }
            Sabotage::UnmarkedBatch => batch,
            Sabotage::ReusedBuffer => {
                let other = std::mem::replace(&mut self.last, batch.clone());
                if other.is_empty() || self.dice.percent(80) { batch } else { other }
            }
            Sabotage::TornBuffer => {
                let other = std::mem::replace(&mut self.last, batch.clone());
                if self.dice.percent(80) { batch } else { torn(&batch, &other) }
            }
            Sabotage::RepeatedSequence => self.repeat_sequence(&batch, &header, place),
            Sabotage::ReorderedRetry => self.forget_order(batch, &header, place, cluster),
            Sabotage::MissingBatch if !header.is_transactional() => batch,
            Sabotage::FalseAcknowledgement | Sabotage::MissingBatch => {
                if self.dice.percent(5) {
                    cluster.faults().next_produce(&place.0, place.1, KNOWN);
                }
                batch
            }
        }
    }

    fn repeat_sequence(
        &mut self,
        batch: &Bytes,
        header: &BatchHeader,
        (topic, partition): (String, i32),
    ) -> Bytes {
        let key = (topic, partition, header.producer_id, header.producer_epoch);
        let before = self.sequences.insert(key, header.base_sequence);
        match before.filter(|_| header.has_producer_id() && self.dice.percent(20)) {
            Some(before) => edited(batch, |it| it[53..57].copy_from_slice(&before.to_be_bytes())),
            None => batch.clone(),
        }
    }

    /// Takes the producer id away, so that the broker can't keep the order. Repeats it must still
    /// notice, or this were another bug; a batch without an id would not be part of its
    /// transaction, which is another bug too.
    fn forget_order(
        &mut self,
        batch: Bytes,
        header: &BatchHeader,
        (topic, partition): (String, i32),
        cluster: &mut Cluster,
    ) -> Bytes {
        if !header.has_producer_id() || header.is_transactional() {
            return batch;
        }
        let end = cluster.offsets(&topic, partition).map_or(0, |(_, end)| end);
        let id =
            (topic, partition, header.producer_id, header.producer_epoch, header.base_sequence);
        if self.appended.contains(&id) {
            cluster.faults().first_produce(&id.0, partition, KNOWN);
            self.repeats.push((id.0, partition));
        } else {
            self.arriving.push((id, end));
        }
        edited(&batch, |it| it[43..57].fill(0xff))
    }

    /// Notes which batches were appended. What a broker was to say of a repeat that never reached
    /// it must not be said of another batch.
    pub(crate) fn look_at_log(&mut self, cluster: &mut Cluster) {
        for (topic, partition) in self.repeats.drain(..) {
            cluster.faults().withdraw_produce(&topic, partition, &KNOWN);
        }
        for (id, before) in self.arriving.drain(..) {
            if cluster.offsets(&id.0, id.1).is_some_and(|(_, end)| end > before) {
                self.appended.insert(id);
            }
        }
    }
}

/// The batch with its end overwritten by the other's.
fn torn(batch: &Bytes, other: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    let from = bytes.len() / 2;
    let until = bytes.len().min(other.len());
    if from < until {
        bytes[from..until].copy_from_slice(&other[from..until]);
    }
    bytes.freeze()
}

/// The batch after `edit`, with the checksum that belongs to it.
fn edited(batch: &Bytes, edit: impl FnOnce(&mut [u8])) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    edit(&mut bytes);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}
