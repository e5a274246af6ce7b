//! Everything random in a simulation, from one seed.

use std::time::Duration;

use ottla_core::rng::Rng;

/// What a stream of random numbers is for. One part's use of chance changes no other part's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Scenario,
    Network,
    Faults,
    Workload(u32),
    Producer,
    Sabotage,
    Transactions,
}

/// A stream of random choices.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Rng);

impl Dice {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let stream = match stream {
            Stream::Scenario => 0,
            Stream::Network => 1,
            Stream::Faults => 2,
            Stream::Producer => 3,
            Stream::Sabotage => 4,
            Stream::Transactions => 5,
            Stream::Workload(task) => 16 + u64::from(task),
        };
        // Odd multipliers keep the streams of neighbouring seeds apart.
        Self(Rng::new(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ stream.wrapping_mul(0x9E37_79B9)))
    }

    /// A number in 0 … `bound` − 1.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0.below(bound)
    }

    /// An index of something with `len` elements.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.below(len as u32) as usize
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u32) -> bool {
        self.0.below(100) < chance
    }

    /// A number in `low` … `high`.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.0.below(high - low + 1)
    }

    /// Small numbers more often than large ones: each power of two below `1 << bits` alike.
    pub(crate) fn skewed(&mut self, bits: u32) -> u32 {
        let top = 1 << self.0.below(bits);
        top + self.0.below(top)
    }

    pub(crate) fn millis(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_millis(u64::from(self.between(low, high)))
    }

    pub(crate) fn micros(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_micros(u64::from(self.between(low, high)))
    }

    pub(crate) fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    pub(crate) fn choose_from<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())].clone()
    }

    pub(crate) fn seed(&mut self) -> u64 {
        u64::from(self.0.next_u32()) << 32 | u64::from(self.0.next_u32())
    }
}
