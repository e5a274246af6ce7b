//! Guessing how far the next records of a topic will compress, so that a compressed batch can be
//! closed near its target size (Kafka's `CompressionRatioEstimator`; no floating point here).

use core::sync::atomic::{AtomicU32, Ordering};

/// A compressed size per uncompressed size, in 65,536ths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    /// Compression that gains nothing.
    pub const ONE: Self = Self(1 << 16);

    /// How fast an estimate that was too good is given up: 0.05 a batch.
    const WORSENING_STEP: u32 = Self::ONE.0 / 20;
    /// How fast an estimate that was too bad is given up: 0.005 a batch.
    const IMPROVING_STEP: u32 = Self::ONE.0 / 200;

    /// `compressed / uncompressed`; [`Ratio::ONE`] of nothing.
    pub fn of(compressed: usize, uncompressed: usize) -> Self {
        let ratio = ((compressed as u64) << 16).checked_div(uncompressed as u64);
        Self(ratio.map_or(Self::ONE.0, |ratio| ratio.min(u32::MAX as u64) as u32))
    }

    /// The ratio in thousandths, for metrics and logs.
    pub const fn per_mille(self) -> u32 {
        ((self.0 as u64 * 1000 + (1 << 15)) >> 16) as u32
    }

    /// How many bytes will have the size of `compressed` at this ratio, with Kafka's margin of 5 %.
    pub const fn uncompressed(self, compressed: usize) -> usize {
        let per_mille = match self.per_mille() {
            0 => 1,
            per_mille => per_mille as usize,
        };
        compressed.saturating_mul(1000) / per_mille / 21 * 20
    }
}

/// The estimate of one topic and codec, shared by all its partitions. It may be read and updated
/// from several threads at once; an update that gets lost is made up for by the next batch.
#[derive(Debug)]
pub struct CompressionRatioEstimator(AtomicU32);

impl CompressionRatioEstimator {
    /// Starts at [`Ratio::ONE`]: the first batch takes as many bytes as fit uncompressed.
    pub const fn new() -> Self {
        Self(AtomicU32::new(Ratio::ONE.0))
    }

    /// The present estimate.
    #[inline]
    pub fn estimate(&self) -> Ratio {
        Ratio(self.0.load(Ordering::Relaxed))
    }

    /// Learns what a batch really came to: quickly when it was worse, slowly when it was better.
    pub fn observe(&self, observed: Ratio) {
        let estimate = self.estimate().0;
        let next = if observed.0 > estimate {
            estimate.saturating_add(Ratio::WORSENING_STEP).max(observed.0)
        } else {
            estimate.saturating_sub(Ratio::IMPROVING_STEP).max(observed.0)
        };
        self.0.store(next, Ordering::Relaxed);
    }

    /// Starts over at what a batch that the broker found too large came to, or at
    /// [`Ratio::ONE`] if that is more, so that the next ones stay small enough.
    pub fn reset_after_split(&self, observed: Ratio) {
        self.0.store(observed.max(Ratio::ONE).0, Ordering::Relaxed);
    }
}

impl Default for CompressionRatioEstimator {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_quickly_what_is_worse_and_slowly_what_is_better() {
        let estimator = CompressionRatioEstimator::new();
        assert_eq!(estimator.estimate(), Ratio::ONE);
        estimator.observe(Ratio::of(1, 10));
        assert_eq!(estimator.estimate().per_mille(), 995);
        estimator.observe(Ratio::of(996, 1000));
        assert_eq!(estimator.estimate().per_mille(), 1045);
        estimator.observe(Ratio::of(13, 10));
        assert_eq!(estimator.estimate().per_mille(), 1300);
        for _ in 0..1000 {
            estimator.observe(Ratio::of(1, 4));
        }
        assert_eq!(estimator.estimate(), Ratio::of(1, 4));
    }

    #[test]
    fn a_split_starts_over_at_one_or_above() {
        let estimator = CompressionRatioEstimator::new();
        estimator.observe(Ratio::of(1, 2));
        estimator.reset_after_split(Ratio::of(1, 2));
        assert_eq!(estimator.estimate(), Ratio::ONE);
        estimator.reset_after_split(Ratio::of(3, 2));
        assert_eq!(estimator.estimate(), Ratio::of(3, 2));
    }

    #[test]
    fn estimates_carry_a_margin() {
        assert_eq!(Ratio::ONE.uncompressed(10_500), 10_000);
        assert_eq!(Ratio::of(1, 2).uncompressed(10_500), 20_000);
        assert_eq!(Ratio::of(0, 1).uncompressed(21), 20_000, "no batch vanishes");
        assert_eq!(Ratio::of(1, 0), Ratio::ONE);
    }
}
