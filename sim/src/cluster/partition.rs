//! One partition: its leader, its replicas, its log, and the rules for appending to it.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::config::ClusterConfig;
use super::log::PartitionLog;
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
        };
        this.restore_producers(now);
        this
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
        self.log.retain(config.retention_bytes);
        self.replicating.push_back((self.log.end_offset(), now + config.replication_lag));
        Ok(Placed { base_offset: header.base_offset, end_offset: self.log.end_offset() })
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
        for header in self.log.headers() {
            self.producers.record(header, now);
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
