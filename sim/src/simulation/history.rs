//! What became of logs behind the producer's back: cut off or deleted with their topic.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::records::StoredRecord;

/// A partition's log that was: the topic's first life is 0, the one after its deletion 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LogId {
    pub(crate) topic: String,
    pub(crate) life: u32,
    pub(crate) partition: i32,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Logs of deleted topics.
    deleted: BTreeMap<LogId, Vec<StoredRecord>>,
    lives: BTreeMap<String, u32>,
    /// Offsets from which on a log was cut, at any time.
    cuts: BTreeMap<LogId, Vec<i64>>,
}

impl History {
    fn log(&self, topic: &str, partition: i32) -> LogId {
        let life = self.lives.get(topic).copied().unwrap_or(0);
        LogId { topic: topic.to_owned(), life, partition }
    }

    /// Does something to the cluster and notes which logs became shorter by it.
    pub(crate) fn observe(&mut self, cluster: &mut Cluster, act: impl FnOnce(&mut Cluster)) {
        let before = ends(cluster);
        act(cluster);
        for ((topic, partition), end) in ends(cluster) {
            if before.get(&(topic.clone(), partition)).is_some_and(|before| *before > end) {
                let log = self.log(&topic, partition);
                self.cuts.entry(log).or_default().push(end);
            }
        }
    }

    /// Deletes a topic and makes it again, keeping what was in it.
    pub(crate) fn recreate(
        &mut self,
        cluster: &mut Cluster,
        topic: &str,
        partitions: i32,
        now: Duration,
    ) {
        for (log, records) in self.live_logs(cluster, Some(topic)) {
            self.deleted.insert(log, records);
        }
        *self.lives.entry(topic.to_owned()).or_default() += 1;
        cluster.delete_topic(topic).expect("a cluster in memory does no I/O");
        cluster.create_topic(topic, partitions, now).expect("the topic is gone");
    }

    /// Whether the log went with its topic.
    pub(crate) fn is_deleted(&self, log: &LogId) -> bool {
        self.deleted.contains_key(log)
    }

    /// Whether the record at `offset` may have been cut off.
    pub(crate) fn was_cut(&self, log: &LogId, offset: i64) -> bool {
        self.cuts.get(log).is_some_and(|cuts| cuts.iter().any(|cut| *cut <= offset))
    }

    /// Whether anything was ever cut off.
    pub(crate) fn was_ever_cut(&self, log: &LogId) -> bool {
        self.cuts.contains_key(log)
    }

    /// Every log that there is or was.
    pub(crate) fn logs(&self, cluster: &Cluster) -> BTreeMap<LogId, Vec<StoredRecord>> {
        let mut logs = self.deleted.clone();
        logs.extend(self.live_logs(cluster, None));
        logs
    }

    fn live_logs(&self, cluster: &Cluster, only: Option<&str>) -> Vec<(LogId, Vec<StoredRecord>)> {
        let topics = cluster.topics().filter(|(name, _, _)| only.is_none_or(|only| only == *name));
        let mut logs = Vec::new();
        for (topic, _, count) in topics {
            for partition in 0..count as i32 {
                let records = cluster.records(topic, partition, 0, usize::MAX);
                let records = records.expect("the broker takes only batches that can be read");
                logs.push((self.log(topic, partition), records));
            }
        }
        logs
    }
}

fn ends(cluster: &Cluster) -> BTreeMap<(String, i32), i64> {
    let mut ends = BTreeMap::new();
    for (topic, _, count) in cluster.topics() {
        for partition in 0..count as i32 {
            if let Some((_, end)) = cluster.offsets(topic, partition) {
                ends.insert((topic.to_owned(), partition), end);
            }
        }
    }
    ends
}
