//! The built-in partitioning of records that no key routes (KIP-794, Java's `BuiltInPartitioner`).

use super::{ADAPTIVE, LoadStats};
use crate::rng::Rng;

/// The partitions of a topic as the metadata knows them now.
#[derive(Clone, Copy, Debug)]
pub struct Partitions<'a> {
    /// How many there are; their ids are 0 … count − 1.
    pub count: u32,
    /// The ids of those that have a leader, ascending.
    pub available: &'a [i32],
}

impl Partitions<'_> {
    /// A random available partition, a random one of all if none has a leader.
    pub(super) fn random(&self, rng: &mut Rng) -> i32 {
        rng.choose(self.available).unwrap_or_else(|| rng.below(self.count) as i32)
    }
}

/// One topic's sticky partition: records gather there until a batch's worth of bytes is produced.
#[derive(Clone, Debug)]
pub struct UniformPartitioner {
    /// The partition and the bytes appended since it became the current one.
    sticky: Option<(i32, usize)>,
    sticky_batch_size: usize,
    load: LoadStats,
}

impl UniformPartitioner {
    /// For batches of `batch_size` bytes; 0 (batching off) counts as 1, so every record moves on.
    #[must_use]
    pub fn new(batch_size: usize) -> Self {
        Self { sticky: None, sticky_batch_size: batch_size.max(1), load: LoadStats::default() }
    }

    /// A batch was begun that takes `bytes`: where records are compressed, more than `batch.size`
    /// (row E6.17). So much is a batch's worth from now on.
    pub(crate) fn on_batch_begun(&mut self, bytes: usize) {
        self.sticky_batch_size = bytes.max(1);
    }

    /// The partition of the next record. It stays the same until [`on_appended`](Self::on_appended)
    /// moves on.
    #[inline]
    pub fn current(&mut self, partitions: Partitions<'_>, rng: &mut Rng) -> i32 {
        match self.sticky {
            Some((partition, _)) if (partition as u32) < partitions.count => partition,
            // None was chosen yet, or the topic was created anew without it.
            _ => self.advance(partitions, rng),
        }
    }

    /// The partition of the next record, if it was chosen before.
    #[inline]
    pub(crate) fn settled(&self) -> Option<i32> {
        self.sticky.map(|(partition, _)| partition)
    }

    /// Counts `bytes` appended to the current partition and moves on if that makes a batch's worth
    /// (E4.2).
    ///
    /// `enable_switch` is false while the partition's newest batch has room: moving on waits for
    /// the batch to fill, up to twice the batch size, lest lingering batches be sent half full.
    /// True if it moved on.
    #[inline]
    pub fn on_appended(
        &mut self,
        bytes: usize,
        enable_switch: bool,
        partitions: Partitions<'_>,
        rng: &mut Rng,
    ) -> bool {
        let moves = self.count(bytes, enable_switch);
        if moves {
            self.advance(partitions, rng);
        }
        moves
    }

    /// [`on_appended`](Self::on_appended) without moving on: whether it is time to.
    #[inline]
    pub(crate) fn count(&mut self, bytes: usize, enable_switch: bool) -> bool {
        let Some((_, produced)) = &mut self.sticky else { return false };
        *produced = produced.saturating_add(bytes);
        *produced >= self.sticky_batch_size
            && (enable_switch || *produced >= self.sticky_batch_size.saturating_mul(2))
    }

    /// The weights of the next choice, updated on each pass over the topic's queues
    /// (`partitioner.adaptive.partitioning.enable`).
    pub fn load_mut(&mut self) -> &mut LoadStats {
        &mut self.load
    }

    /// Moves on.
    #[cold]
    pub(crate) fn advance(&mut self, partitions: Partitions<'_>, rng: &mut Rng) -> i32 {
        let partition = self.next_partition(partitions, rng);
        self.sticky = Some((partition, 0));
        partition
    }

    /// By weight if the queues differ, else any available partition with the same chance (E4.3).
    fn next_partition(&self, partitions: Partitions<'_>, rng: &mut Rng) -> i32 {
        if !ADAPTIVE {
            return partitions.random(rng);
        }
        let weight = rng.below(self.load.total_weight());
        let weighed = self.load.partition_at(weight);
        let known = weighed.filter(|partition| (*partition as u32) < partitions.count);
        known.unwrap_or_else(|| partitions.random(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Partitions<'static> = Partitions { count: 3, available: &[0, 1, 2] };

    /// How often each of `partitions` is chosen in 30,000 batches.
    fn shares(uniform: &mut UniformPartitioner, partitions: Partitions<'_>) -> [u32; 3] {
        let mut rng = Rng::new(42);
        let mut shares = [0; 3];
        for _ in 0..30_000 {
            let partition = uniform.current(partitions, &mut rng);
            shares[partition as usize] += 1;
            uniform.on_appended(100, true, partitions, &mut rng);
        }
        shares
    }

    fn near(share: u32, expected: u32) -> bool {
        share.abs_diff(expected) < 400
    }

    #[test]
    fn without_load_every_available_partition_has_the_same_chance() {
        let shares = shares(&mut UniformPartitioner::new(100), THREE);
        assert!(shares.iter().all(|share| near(*share, 10_000)), "{shares:?}");
    }

    #[test]
    fn partitions_without_a_leader_are_avoided() {
        let partitions = Partitions { count: 3, available: &[0, 2] };
        let shares = shares(&mut UniformPartitioner::new(100), partitions);
        assert!(shares[1] == 0 && near(shares[0], 15_000), "{shares:?}");
    }

    /// E4.6: no leader at all ⇒ any partition.
    #[test]
    fn without_any_leader_all_partitions_are_used() {
        let partitions = Partitions { count: 3, available: &[] };
        let shares = shares(&mut UniformPartitioner::new(100), partitions);
        assert!(shares.iter().all(|share| near(*share, 10_000)), "{shares:?}");
    }

    /// E4.6: the queue of one slow broker of three gets proportionally less.
    #[test]
    fn a_slow_partition_gets_its_weights_share() {
        let mut uniform = UniformPartitioner::new(100);
        uniform.load_mut().update(&[0, 9, 0], &[0, 1, 2], 3);
        let shares = shares(&mut uniform, THREE);
        assert!(near(shares[1], 30_000 / 21) && near(shares[0], 300_000 / 21), "{shares:?}");
    }

    /// E4.2: the switch waits for the batch boundary, but not beyond two batches.
    #[test]
    fn the_switch_happens_at_a_batch_boundary_or_at_twice_the_size() {
        // (bytes appended, whether all batches are full, whether it moves on)
        let steps = [
            (12_000, false, false),
            (4_000, true, false), // 16,000 < 16,384
            (384, true, true),
            (16_384, false, false), // a batch's worth, but the newest batch has room
            (16_383, false, false),
            (1, false, true), // twice the size
            (40_000, false, true),
        ];
        let mut uniform = UniformPartitioner::new(16_384);
        let mut rng = Rng::new(1);
        uniform.current(THREE, &mut rng);
        for (step, (bytes, all_full, moves)) in steps.into_iter().enumerate() {
            assert_eq!(uniform.on_appended(bytes, all_full, THREE, &mut rng), moves, "step {step}");
        }
    }

    #[test]
    fn the_partition_sticks_until_the_switch() {
        let mut uniform = UniformPartitioner::new(1_000);
        let mut rng = Rng::new(3);
        let first = uniform.current(THREE, &mut rng);
        for _ in 0..9 {
            uniform.on_appended(100, true, THREE, &mut rng);
            assert_eq!(uniform.current(THREE, &mut rng), first);
        }
        assert!(uniform.on_appended(100, true, THREE, &mut rng));
    }

    /// E6.17: `batch.size` 0 sends every record alone.
    #[test]
    fn with_batching_off_every_record_moves_on() {
        let mut uniform = UniformPartitioner::new(0);
        let mut rng = Rng::new(3);
        uniform.current(THREE, &mut rng);
        assert!(uniform.on_appended(1, true, THREE, &mut rng));
    }

    #[test]
    fn bytes_appended_before_any_choice_are_ignored() {
        let mut uniform = UniformPartitioner::new(1);
        assert!(!uniform.on_appended(usize::MAX, true, THREE, &mut Rng::new(0)));
    }
}
