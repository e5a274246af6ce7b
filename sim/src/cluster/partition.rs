//! One partition: its leader, its replicas, its log, and the rules for appending to it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::config::ClusterConfig;
use super::log::PartitionLog;
use super::marker;
use super::producer_state::{ProducerStates, Verdict};
use super::validation::{self, Refusal};

/// How often producers are looked over for expiry, as `producer.id.expiration.check.interval.ms`.
const EXPIRY_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// A partition and the model's view of its replicas: all hold the same log up to the high
/// watermark; what lies beyond is on the leader only.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
    pub(crate) log: PartitionLog,
    producers: ProducerStates,
    expiry_checked: Duration,
    /// Up to where followers have copied the log.
    replicated: i64,
    /// Ends of batches that followers have not copied yet, and when they will have.
    replicating: VecDeque<(i64, Duration)>,
    /// Producers with a transaction that goes on here, and the offset of its first record.
    ongoing: BTreeMap<i64, i64>,
    /// Transactions that were aborted here, in the order of their ends.
    aborted: Vec<Aborted>,
}

/// A transaction that was aborted in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Where its end stands.
    pub(crate) last_offset: i64,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) base_offset: i64,
    /// Offset after the batch: replicated once the high watermark is here.
    pub(crate) end_offset: i64,
}

impl Partition {
    /// A partition whose first replica leads, taking up what its log holds.
    pub(crate) fn new(replicas: Vec<i32>, log: PartitionLog, now: Duration) -> Self {
        let leader_epoch = log.headers().next_back().map_or(0, |last| last.leader_epoch + 1);
        let mut this = Self {
            leader: replicas.first().copied(),
            leader_epoch,
            in_sync: replicas.clone(),
            replicas,
            replicated: log.end_offset(),
            log,
            producers: ProducerStates::default(),
            expiry_checked: now,
            replicating: VecDeque::new(),
            ongoing: BTreeMap::new(),
            aborted: Vec::new(),
        };
        this.restore_producers(now);
        this.abort_forgotten(now);
        this
    }

    /// Of transactions that went on when a cluster was ended nobody knows any more. One whose end
    /// can't be written goes on: its readers wait.
    fn abort_forgotten(&mut self, now: Duration) {
        for id in self.ongoing.keys().copied().collect::<Vec<_>>() {
            let epoch = self.producers.epoch_of(id).unwrap_or(0);
            let _ = self.mark((id, epoch), false, now);
        }
    }

    /// Appends one producer's batch, or finds that it is there already.
    ///
    /// # Errors
    /// Those of [`validation::validate`], of the producer's state, and `KAFKA_STORAGE_ERROR`.
    pub(crate) fn append(
        &mut self,
        records: &[u8],
        config: &ClusterConfig,
        now: Duration,
    ) -> Result<Placed, Refusal> {
        let header = validation::validate(records, config, now)?;
        self.expire_producers(config, now);
        if let Verdict::Duplicate { base_offset } =
            self.producers.judge(&header, config.unknown_producer)?
        {
            let end_offset = base_offset + i64::from(header.last_offset_delta) + 1;
            return Ok(Placed { base_offset, end_offset });
        }
        let header = self
            .log
            .append(&records[..header.size], self.leader_epoch)
            .map_err(|_| ResponseError::KafkaStorageError)?;
        self.producers.record(&header, now);
        if header.is_transactional() {
            self.ongoing.entry(header.producer_id).or_insert(header.base_offset);
        }
        self.log.retain(config.retention_bytes);
        self.replicating.push_back((self.log.end_offset(), now + config.replication_lag));
        Ok(Placed { base_offset: header.base_offset, end_offset: self.log.end_offset() })
    }

    /// Writes the end of a producer's transaction. The followers copy it, and what stands before
    /// it, at once: the coordinator waits for them.
    pub(crate) fn mark(
        &mut self,
        producer: (i64, i16),
        commit: bool,
        now: Duration,
    ) -> io::Result<()> {
        let timestamp = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let batch = marker::write(producer, commit, timestamp);
        let header = self.log.append(&batch, self.leader_epoch)?;
        self.producers.mark(producer, now);
        self.end_ongoing(producer.0, commit, header.base_offset);
        self.replicating.clear();
        self.replicated = self.log.end_offset();
        Ok(())
    }

    fn end_ongoing(&mut self, producer_id: i64, commit: bool, last_offset: i64) {
        let Some(first_offset) = self.ongoing.remove(&producer_id) else { return };
        if !commit {
            self.aborted.push(Aborted { producer_id, first_offset, last_offset });
        }
    }

    /// Whether a transaction of the producer goes on here, under this epoch.
    pub(crate) fn has_ongoing(&self, (id, epoch): (i64, i16)) -> bool {
        self.ongoing.contains_key(&id) && self.producers.epoch_of(id) == Some(epoch)
    }

    /// Up to where every transaction has ended: what `read_committed` may read.
    pub(crate) fn last_stable_offset(&mut self, now: Duration) -> i64 {
        let high_watermark = self.high_watermark(now);
        self.ongoing.values().copied().fold(high_watermark, i64::min)
    }

    /// Transactions with records between these offsets that were aborted.
    pub(crate) fn aborted_between(&self, from: i64, to: i64) -> impl Iterator<Item = Aborted> + '_ {
        let aborted = self.aborted.iter().copied();
        aborted.filter(move |it| it.last_offset >= from && it.first_offset < to)
    }

    /// Up to where all in-sync replicas hold the log at `now`: what consumers may read.
    pub(crate) fn high_watermark(&mut self, now: Duration) -> i64 {
        while let Some(&(end, due)) = self.replicating.front()
            && due <= now
        {
            self.replicated = end;
            self.replicating.pop_front();
        }
        self.replicated
    }

    /// When `offset` will be replicated; `None` if it is or never will be.
    pub(crate) fn replicated_at(&self, offset: i64) -> Option<Duration> {
        self.replicating.iter().find(|&&(end, _)| end >= offset).map(|&(_, due)| due)
    }

    /// Hands leadership to a replica, which holds only what was replicated: the rest is lost.
    pub(crate) fn move_leader(&mut self, to: Option<i32>, now: Duration) -> io::Result<()> {
        let end = self.high_watermark(now);
        self.leader = to;
        self.leader_epoch += 1;
        if end < self.log.end_offset() { self.truncate(end, now) } else { Ok(()) }
    }

    /// Cuts the log at `offset`, replicated or not, with the producers' state of that point.
    pub(crate) fn truncate(&mut self, offset: i64, now: Duration) -> io::Result<()> {
        self.log.truncate(offset)?;
        self.replicating.clear();
        self.replicated = self.log.end_offset();
        self.restore_producers(now);
        Ok(())
    }

    /// Forgets all producers, as when their ids expired.
    pub(crate) fn forget_producers(&mut self) {
        self.producers.clear();
    }

    fn restore_producers(&mut self, now: Duration) {
        self.producers.clear();
        self.ongoing.clear();
        self.aborted.clear();
        let headers: Vec<_> = self.log.headers().copied().collect();
        for header in headers {
            self.producers.record(&header, now);
            if header.is_control() {
                let batch = self.log.read(header.base_offset, i64::MAX, 0).unwrap_or_default();
                let commit = batch.first().and_then(|batch| marker::commits(&header, batch));
                self.end_ongoing(header.producer_id, commit == Some(true), header.base_offset);
            } else if header.is_transactional() {
                self.ongoing.entry(header.producer_id).or_insert(header.base_offset);
            }
        }
    }

    fn expire_producers(&mut self, config: &ClusterConfig, now: Duration) {
        let interval = EXPIRY_CHECK_INTERVAL.min(config.producer_expiration);
        if now.saturating_sub(self.expiry_checked) >= interval {
            self.producers.expire(config.producer_expiration, now);
            self.expiry_checked = now;
        }
    }
}
