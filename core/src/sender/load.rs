//! How loaded a topic's partitions are, told to the built-in partitioner (KIP-794, row E4.4).

use alloc::vec::Vec;
use core::time::Duration;

use super::{LaneId, Sender};
use crate::partitioner::{ADAPTIVE, LoadStats, PartitionerKind};
use crate::sync::Platform;
use crate::time::Instant;

/// Weighing looks at every partition of a topic: not more often than this, and for large topics as
/// much less often as it takes longer.
const INTERVAL: Duration = Duration::from_millis(5);
const INTERVAL_PER_PARTITION: Duration = Duration::from_micros(20);

/// When a topic was weighed, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Load {
    due: Instant,
    stats: LoadStats,
}

impl<X: Platform> Sender<X> {
    /// Weighs the topic of a lane that got a new batch, if it is time.
    pub(super) fn weigh(&mut self, lane: LaneId, now: Instant) {
        let config = &self.shared.config;
        let adaptive = ADAPTIVE
            && config.partitioner_adaptive
            && matches!(config.partitioner, PartitionerKind::BuiltIn);
        let topic = self.lanes[lane as usize].topic;
        if !adaptive || self.topics[topic].load.due > now {
            return;
        }
        let (sizes, partitions) = self.queue_sizes(topic);
        let entry = &mut self.topics[topic];
        let count = entry.count;
        entry.load.due = now + INTERVAL.max(INTERVAL_PER_PARTITION * count as u32);
        let was_even = entry.load.stats.total_weight() == 0;
        entry.load.stats.update(&sizes, &partitions, count);
        let is_even = entry.load.stats.total_weight() == 0;
        if !(was_even && is_even) {
            entry.state.publish_load(&entry.load.stats);
        }
    }

    /// The batches that wait for each partition that may be chosen.
    fn queue_sizes(&self, topic: usize) -> (Vec<u32>, Vec<i32>) {
        let lanes = self.topics[topic].lanes.iter().map(|id| &self.lanes[*id as usize]);
        lanes
            .filter_map(|lane| {
                let node = self.nodes.get(&lane.leader?)?;
                let queued = lane.partition.queued() + lane.retries.len() as u32;
                let timeout = self.config().partitioner_availability_timeout;
                let available = queued == 0 || node.latency.is_available(timeout);
                available.then_some((queued, lane.partition.index))
            })
            .unzip()
    }
}
