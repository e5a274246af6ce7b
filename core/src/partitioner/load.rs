//! How loaded a topic's partitions are, as weights for the choice of the next one (KIP-794).

use alloc::vec::Vec;
use core::time::Duration;

use crate::time::Instant;

/// Whether it is compiled in.
pub(crate) const ADAPTIVE: bool = cfg!(feature = "adaptive");

/// A table of cumulative weights: the longer a partition's queue, the smaller its share.
///
/// Java's `BuiltInPartitioner.PartitionLoadStats`; rows E4.3 and E4.4 of the contract are its
/// tests.
#[derive(Debug, Default)]
pub struct LoadStats {
    cumulative: Vec<u32>,
    partitions: Vec<i32>,
}

/// By hand, as the derived `clone_from` would not reuse the memory.
impl Clone for LoadStats {
    fn clone(&self) -> Self {
        Self { cumulative: self.cumulative.clone(), partitions: self.partitions.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.cumulative.clone_from(&source.cumulative);
        self.partitions.clone_from(&source.partitions);
    }
}

impl LoadStats {
    /// Takes in how many batches wait for each of `partitions`, the partitions that may be chosen,
    /// out of the topic's `partition_count`.
    ///
    /// The weights are off, so that every partition has the same chance, if there is nothing to
    /// choose from or nothing to tell the partitions apart. Allocates only while the topic grows.
    pub fn update(&mut self, queue_sizes: &[u32], partitions: &[i32], partition_count: usize) {
        self.clear();
        let queues = &queue_sizes[..queue_sizes.len().min(partitions.len())];
        let (Some(shortest), Some(longest)) = (queues.iter().min(), queues.iter().max()) else {
            return;
        };
        if partition_count < 2 || (shortest == longest && queues.len() == partition_count) {
            return;
        }
        let weights = queues.iter().map(|queue| longest - queue).scan(0u32, |sum, weight| {
            *sum = sum.saturating_add(weight).saturating_add(1);
            Some(*sum)
        });
        self.cumulative.extend(weights);
        self.partitions.extend_from_slice(&partitions[..queues.len()]);
    }

    /// Turns the weights off.
    pub fn clear(&mut self) {
        self.cumulative.clear();
        self.partitions.clear();
    }

    /// The sum of all weights; 0 when they are off.
    #[must_use]
    pub fn total_weight(&self) -> u32 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// The partition at `weight`, which is below [`total_weight`](Self::total_weight).
    #[must_use]
    pub fn partition_at(&self, weight: u32) -> Option<i32> {
        let index = self.cumulative.partition_point(|sum| *sum <= weight);
        self.partitions.get(index).copied()
    }
}

/// When a node last could take a batch and when it last did (E4.5).
#[derive(Clone, Copy, Debug)]
pub struct NodeLatency {
    ready_at: Instant,
    drained_at: Instant,
}

impl NodeLatency {
    /// A node that is first seen at `now` counts as served.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { ready_at: now, drained_at: now }
    }

    /// At `now` there is something to send to the node; `can_drain` tells whether the node takes
    /// it.
    pub fn update(&mut self, now: Instant, can_drain: bool) {
        self.ready_at = now;
        if can_drain {
            self.drained_at = now;
        }
    }

    /// Whether the node's partitions may be chosen: not if data has waited for it longer than
    /// `timeout` (`partitioner.availability.timeout.ms`; zero is off). Ask only for partitions with
    /// queued data.
    #[must_use]
    pub fn is_available(&self, timeout: Duration) -> bool {
        timeout.is_zero() || self.ready_at.since(self.drained_at) <= timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(queue_sizes: &[u32], partitions: &[i32], partition_count: usize) -> LoadStats {
        let mut stats = LoadStats::default();
        stats.update(queue_sizes, partitions, partition_count);
        stats
    }

    /// E4.4's example: queues 0, 3, 1 give weights 4, 1, 3.
    #[test]
    fn weights_are_inverted_queue_sizes() {
        let stats = stats(&[0, 3, 1], &[0, 1, 2], 3);
        assert_eq!(stats.cumulative, [4, 5, 8]);
        let chosen: Vec<_> = (0..9).map(|weight| stats.partition_at(weight)).collect();
        let [a, b, c] = [Some(0), Some(1), Some(2)];
        assert_eq!(chosen, [a, a, a, a, b, c, c, c, None]);
    }

    #[test]
    fn the_partition_id_is_chosen_not_its_index() {
        let stats = stats(&[1, 0], &[7, 9], 3);
        assert_eq!([0, 1, 2].map(|weight| stats.partition_at(weight)), [Some(7), Some(9), Some(9)]);
    }

    /// E4.4's off rules.
    #[test]
    fn nothing_to_choose_turns_the_weights_off() {
        assert_eq!(stats(&[], &[], 3).total_weight(), 0, "no partition has a leader");
        assert_eq!(stats(&[5], &[0], 1).total_weight(), 0, "one partition");
        assert_eq!(stats(&[2, 2, 2], &[0, 1, 2], 3).total_weight(), 0, "all the same");
    }

    /// Equal queues still exclude the partition that is missing from the list.
    #[test]
    fn equal_queues_of_some_partitions_stay_on() {
        let stats = stats(&[2, 2], &[0, 2], 3);
        assert_eq!(stats.cumulative, [1, 2]);
        assert_eq!([0, 1].map(|weight| stats.partition_at(weight)), [Some(0), Some(2)]);
    }

    #[test]
    fn an_update_replaces_the_former_weights() {
        let mut stats = stats(&[0, 3], &[0, 1], 2);
        assert_eq!(stats.total_weight(), 5);
        stats.update(&[1, 1], &[0, 1], 2);
        assert_eq!((stats.total_weight(), stats.partition_at(0)), (0, None));
    }

    #[test]
    fn clone_from_reuses_the_memory() {
        let mut copy = stats(&[5, 0, 0, 0], &[0, 1, 2, 3], 4);
        let memory = (copy.cumulative.as_ptr(), copy.partitions.as_ptr());
        copy.clone_from(&stats(&[0, 3, 1], &[0, 1, 2], 3));
        assert_eq!(copy.cumulative, [4, 5, 8]);
        assert_eq!((copy.cumulative.as_ptr(), copy.partitions.as_ptr()), memory);
    }

    #[test]
    fn extreme_queues_do_not_overflow() {
        let stats = stats(&[0, u32::MAX, 0], &[0, 1, 2], 3);
        assert_eq!(stats.total_weight(), u32::MAX);
        assert_eq!(stats.partition_at(u32::MAX - 1), Some(0));
    }

    /// E4.5
    #[test]
    fn a_node_that_takes_nothing_becomes_unavailable() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let timeout = Duration::from_millis(100);
        let mut node = NodeLatency::new(at(1000));
        assert!(node.is_available(timeout));
        node.update(at(1100), false);
        assert!(node.is_available(timeout), "exactly the timeout is not more than it");
        node.update(at(1101), false);
        assert!(!node.is_available(timeout));
        assert!(node.is_available(Duration::ZERO), "0 turns the check off");
        node.update(at(1500), true);
        assert!(node.is_available(timeout));
    }
}
