//! The partitioner at work for one topic: a configured kind and what it remembers.

use core::fmt;
use core::time::Duration;

use super::{PartitionInput, PartitionerKind, Partitions, UniformPartitioner, crc32, murmur2};
use crate::config::EXTENSIONS;
use crate::rng::Rng;
use crate::time::Instant;

/// What a partitioner decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// This partition.
    Partition(i32),
    /// Whichever the topic's [`UniformPartitioner`] is at when the record is appended (Java's −1).
    Uniform,
}

/// The partitioner of one topic.
///
/// Explicit partitions (`Record::partition`) never come here. A record is partitioned once: a retry
/// keeps its partition, else records would change their order and be duplicated elsewhere.
#[derive(Clone, Debug)]
pub struct TopicPartitioner {
    kind: PartitionerKind,
    ignore_keys: bool,
    /// Where round robin is.
    turn: u32,
    /// The 0.8 choice and when it was made.
    sticky: Option<(i32, Instant)>,
    uniform: UniformPartitioner,
}

impl TopicPartitioner {
    /// The state of a topic of which nothing was sent yet.
    ///
    /// `ignore_keys` is `partitioner.ignore.keys`; as in Java it does not concern users' own
    /// partitioners.
    #[must_use]
    pub fn new(kind: PartitionerKind, ignore_keys: bool, batch_size: usize, rng: &mut Rng) -> Self {
        // A random start, lest all producers begin with the same partition.
        let turn = rng.next_u32();
        Self { kind, ignore_keys, turn, sticky: None, uniform: UniformPartitioner::new(batch_size) }
    }

    /// Chooses the record's partition.
    ///
    /// # Errors
    /// The topic has no partitions, or the user's partitioner gave one that does not exist.
    pub fn partition(
        &mut self,
        input: &PartitionInput<'_>,
        now: Instant,
        rng: &mut Rng,
    ) -> Result<Choice, PartitionError> {
        let count = input.partition_count;
        if count == 0 {
            return Err(PartitionError::NoPartitions);
        }
        let key = input.key.filter(|_| !self.ignore_keys);
        match (self.kind(), key) {
            (PartitionerKind::BuiltIn, None) => Ok(Choice::Uniform),
            _ => self.partition_by(input, key, now, rng).map(Choice::Partition),
        }
    }

    /// The partition of a record with this key, and whether it is the sticky one, where choosing it
    /// changes nothing: the built-in partitioner, but for the first choice of a sticky partition.
    #[inline]
    pub(crate) fn settled(&self, key: Option<&[u8]>, count: u32) -> Option<(i32, bool)> {
        if !matches!(self.kind(), PartitionerKind::BuiltIn) {
            return None;
        }
        match key.filter(|_| !self.ignore_keys) {
            None => Some((self.uniform.settled()?, true)),
            Some(key) => Some((murmur2::partition_for_key(key, count), false)),
        }
    }

    fn kind(&self) -> &PartitionerKind {
        if EXTENSIONS { &self.kind } else { &PartitionerKind::BuiltIn }
    }

    /// Every choice but the built-in one of a record without a key.
    fn partition_by(
        &mut self,
        input: &PartitionInput<'_>,
        key: Option<&[u8]>,
        now: Instant,
        rng: &mut Rng,
    ) -> Result<i32, PartitionError> {
        let count = input.partition_count;
        Ok(match (self.kind(), key) {
            (PartitionerKind::BuiltIn | PartitionerKind::StickyTime { .. }, Some(key)) => {
                murmur2::partition_for_key(key, count)
            }
            (PartitionerKind::StickyTime { interval }, None) => {
                let interval = *interval;
                self.sticky_for(interval, input.partitions(), now, rng)
            }
            (PartitionerKind::RoundRobin, _) => self.next_turn(input.partitions()),
            (PartitionerKind::Crc32, Some(key)) if !key.is_empty() => {
                crc32::partition_for_key(key, count)
            }
            (PartitionerKind::Crc32 | PartitionerKind::Random | PartitionerKind::BuiltIn, _) => {
                input.partitions().random(rng)
            }
            (PartitionerKind::Crc32Consistent, key) => {
                crc32::partition_for_key(key.unwrap_or_default(), count)
            }
            #[cfg(feature = "extensions")]
            (PartitionerKind::Custom(custom), _) => checked(custom.partition(input), count)?,
        })
    }

    /// Tells a user's partitioner that a new batch would begin
    /// ([`super::Partitioner::on_new_batch`]); true if the record then is to be partitioned once
    /// more.
    #[must_use]
    pub fn on_new_batch(&self, topic: &str, previous: i32) -> bool {
        #[cfg(feature = "extensions")]
        if let PartitionerKind::Custom(custom) = &self.kind {
            custom.on_new_batch(topic, previous);
        }
        let _ = (topic, previous);
        self.kind().aborts_on_new_batch()
    }

    /// The sticky partition of the records for which [`partition`](Self::partition) said
    /// [`Choice::Uniform`].
    pub fn uniform_mut(&mut self) -> &mut UniformPartitioner {
        &mut self.uniform
    }

    fn next_turn(&mut self, partitions: Partitions<'_>) -> i32 {
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        let available = u32::try_from(partitions.available.len()).unwrap_or(u32::MAX);
        match turn.checked_rem(available) {
            Some(index) => partitions.available[index as usize],
            None => (turn % partitions.count) as i32,
        }
    }

    /// One partition per interval, chosen again early if it alone lost its leader.
    fn sticky_for(
        &mut self,
        interval: Duration,
        partitions: Partitions<'_>,
        now: Instant,
        rng: &mut Rng,
    ) -> i32 {
        let usable = |partition: i32| {
            let known = (partition as u32) < partitions.count;
            known && partitions.available.is_empty()
                || partitions.available.binary_search(&partition).is_ok()
        };
        if let Some((partition, since)) = self.sticky
            && now.since(since) < interval
            && usable(partition)
        {
            return partition;
        }
        let partition = partitions.random(rng);
        self.sticky = Some((partition, now));
        partition
    }
}

#[cfg(feature = "extensions")]
fn checked(partition: i32, count: u32) -> Result<i32, PartitionError> {
    match u32::try_from(partition) {
        Ok(id) if id < count => Ok(partition),
        _ => Err(PartitionError::OutOfRange { partition, count }),
    }
}

/// Why a record has no partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PartitionError {
    /// The topic has none.
    NoPartitions,
    /// The user's partitioner gave an id that does not exist.
    OutOfRange {
        /// The id.
        partition: i32,
        /// How many partitions there are.
        count: u32,
    },
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPartitions => f.write_str("the topic has no partitions"),
            Self::OutOfRange { partition, count } => write!(
                f,
                "the partitioner gave an invalid partition: {partition} is not in the range [0, {}]",
                count.saturating_sub(1)
            ),
        }
    }
}

impl core::error::Error for PartitionError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicI32, Ordering};

    use super::*;
    use crate::partitioner::Partitioner;
    use crate::sync::Arc;

    const AVAILABLE: &[i32] = &[0, 1, 2, 3];

    fn input<'a>(key: Option<&'a [u8]>, available: &'a [i32]) -> PartitionInput<'a> {
        PartitionInput { topic: "t", key, value: None, partition_count: 4, available }
    }

    fn topic(kind: PartitionerKind) -> TopicPartitioner {
        TopicPartitioner::new(kind, false, 16_384, &mut Rng::new(5))
    }

    /// The choices for `inputs` one after the other, all at the same time.
    fn choices<'a>(
        topic: &mut TopicPartitioner,
        inputs: impl IntoIterator<Item = PartitionInput<'a>>,
    ) -> Vec<i32> {
        let mut rng = Rng::new(9);
        let mut choose = |input| match topic.partition(&input, Instant::ZERO, &mut rng).unwrap() {
            Choice::Partition(partition) => partition,
            Choice::Uniform => -1,
        };
        inputs.into_iter().map(&mut choose).collect()
    }

    /// E1.4, B3.2: keys are hashed over all partitions, leaderless ones too, and the empty key is a
    /// key.
    #[test]
    fn built_in_hashes_keys_and_leaves_the_rest_to_uniform() {
        let keys: [Option<&[u8]>; 4] = [Some(b"abc"), Some(b""), Some(b"21"), None];
        let all =
            choices(&mut topic(PartitionerKind::BuiltIn), keys.map(|key| input(key, AVAILABLE)));
        assert_eq!(all, [479470107 % 4, 275646681 % 4, (-973932308 & 0x7fff_ffff) % 4, -1]);
        let leaderless =
            choices(&mut topic(PartitionerKind::BuiltIn), keys.map(|key| input(key, &[])));
        assert_eq!(leaderless, all);
    }

    /// E1.5
    #[test]
    fn ignored_keys_do_not_route() {
        let ignoring = |kind| TopicPartitioner::new(kind, true, 1, &mut Rng::new(5));
        let keyed = [input(Some(b"abc"), AVAILABLE)];
        assert_eq!(choices(&mut ignoring(PartitionerKind::BuiltIn), keyed), [-1]);
        let consistent = choices(&mut ignoring(PartitionerKind::Crc32Consistent), keyed);
        assert_eq!(consistent, [0], "the partition of the empty key");
    }

    #[test]
    fn round_robin_takes_turns_over_available_ids_and_never_goes_negative() {
        let mut robin = topic(PartitionerKind::RoundRobin);
        robin.turn = u32::MAX - 3;
        let keyed = input(Some(b"ignored"), &[1, 3]);
        assert_eq!(choices(&mut robin, [keyed; 6]), [1, 3, 1, 3, 1, 3]);
        let none_available = choices(&mut robin, [input(None, &[]); 5]);
        assert_eq!(none_available, [2, 3, 0, 1, 2], "all ids when none has a leader");
    }

    /// B3.3, KAFKA-9965: a new batch must not make round robin skip partitions.
    #[test]
    fn round_robin_is_not_asked_twice_for_a_new_batch() {
        let mut robin = topic(PartitionerKind::RoundRobin);
        robin.turn = 0;
        let mut partitions = Vec::new();
        for _ in 0..4 {
            partitions.extend(choices(&mut robin, [input(None, AVAILABLE)]));
            if robin.on_new_batch("t", *partitions.last().unwrap()) {
                partitions.extend(choices(&mut robin, [input(None, AVAILABLE)]));
            }
        }
        assert_eq!(partitions, [0, 1, 2, 3]);
    }

    #[test]
    fn random_uses_available_partitions_only() {
        let chosen =
            choices(&mut topic(PartitionerKind::Random), [input(Some(b"k"), &[1, 3]); 1000]);
        let ones = chosen.iter().filter(|id| **id == 1).count();
        assert!(chosen.iter().all(|id| [1, 3].contains(id)) && (430..570).contains(&ones));
    }

    /// librdkafka's `consistent_random` treats an empty key like none, `consistent` like any other.
    #[test]
    fn crc32_kinds_differ_in_records_without_a_key() {
        let keyed = input(Some(b"123456789"), &[]);
        let expected = (0xCBF4_3926_u32 % 4) as i32;
        assert_eq!(choices(&mut topic(PartitionerKind::Crc32), [keyed]), [expected]);
        assert_eq!(choices(&mut topic(PartitionerKind::Crc32Consistent), [keyed]), [expected]);
        for keyless in [input(None, AVAILABLE), input(Some(b""), AVAILABLE)] {
            let spread = choices(&mut topic(PartitionerKind::Crc32), [keyless; 100]);
            assert!(AVAILABLE.iter().all(|id| spread.contains(id)));
            assert_eq!(choices(&mut topic(PartitionerKind::Crc32Consistent), [keyless; 3]), [0; 3]);
        }
    }

    /// A8.2, A8.3
    #[test]
    fn sticky_time_stays_for_the_interval() {
        let mut moved = 0;
        for seed in 0..100 {
            let mut sticky = topic(PartitionerKind::STICKY_TIME);
            let mut rng = Rng::new(seed);
            let mut at = |seconds: u64, available: &'static [i32]| {
                let now = Instant::ZERO + Duration::from_secs(seconds);
                sticky.partition(&input(None, available), now, &mut rng).unwrap()
            };
            let first = at(0, AVAILABLE);
            assert_eq!(at(599, AVAILABLE), first);
            assert_eq!(at(599, &[]), first, "no partition is better off");
            moved += i32::from(at(600, AVAILABLE) != first);
        }
        assert!((60..90).contains(&moved), "three of four choices are another partition: {moved}");
    }

    /// 0.8 forgot the choice when sending to it failed.
    #[test]
    fn sticky_time_leaves_a_partition_that_lost_its_leader() {
        let mut sticky = topic(PartitionerKind::STICKY_TIME);
        assert_eq!(choices(&mut sticky, [input(None, &[2])]), [2]);
        assert_eq!(choices(&mut sticky, [input(None, &[1])]), [1]);
        assert_eq!(choices(&mut sticky, [input(None, AVAILABLE)]), [1]);
    }

    #[test]
    fn sticky_time_hashes_keys() {
        let keyed = [input(Some(b"abc"), AVAILABLE)];
        assert_eq!(choices(&mut topic(PartitionerKind::STICKY_TIME), keyed), [479470107 % 4]);
    }

    /// A8.5: ids, not positions in a list with gaps.
    #[test]
    fn choices_are_partition_ids() {
        for kind in
            [PartitionerKind::Random, PartitionerKind::RoundRobin, PartitionerKind::STICKY_TIME]
        {
            assert_eq!(choices(&mut topic(kind), [input(None, &[3])]), [3]);
        }
    }

    #[derive(Debug, Default)]
    struct Sticky(AtomicI32);

    impl Partitioner for Sticky {
        fn partition(&self, _: &PartitionInput<'_>) -> i32 {
            self.0.load(Ordering::Relaxed)
        }

        fn on_new_batch(&self, _: &str, previous: i32) {
            self.0.store(previous + 1, Ordering::Relaxed);
        }
    }

    /// KIP-480, D8
    #[test]
    fn a_custom_partitioner_may_move_on_a_new_batch() {
        let mut custom = topic(PartitionerKind::Custom(Arc::new(Sticky::default())));
        assert_eq!(choices(&mut custom, [input(Some(b"k"), &[])]), [0]);
        assert!(custom.on_new_batch("t", 0), "partition once more");
        assert_eq!(choices(&mut custom, [input(Some(b"k"), &[])]), [1]);
    }

    /// A8.4, E1.4
    #[test]
    fn a_partition_out_of_range_fails_the_record() {
        for bad in [-1, 4, i32::MIN, i32::MAX] {
            let mut custom = topic(PartitionerKind::Custom(Arc::new(Sticky(bad.into()))));
            let error = custom
                .partition(&input(None, AVAILABLE), Instant::ZERO, &mut Rng::new(0))
                .unwrap_err();
            assert_eq!(error, PartitionError::OutOfRange { partition: bad, count: 4 });
            assert!(error.to_string().ends_with("is not in the range [0, 3]"), "{error}");
        }
    }

    /// A8.1
    #[test]
    fn no_partitions_is_an_error_of_every_kind() {
        let empty = PartitionInput { partition_count: 0, ..input(Some(b"k"), &[]) };
        for kind in [PartitionerKind::BuiltIn, PartitionerKind::Random, PartitionerKind::RoundRobin]
        {
            let result = topic(kind).partition(&empty, Instant::ZERO, &mut Rng::new(0));
            assert_eq!(result, Err(PartitionError::NoPartitions));
        }
    }
}
