//! Exponential back-off with full jitter, so that clients that lost a bridge at the same moment
//! don't come back at the same moment.

use core::time::Duration;

use ottla_core::rng::Rng;

const FIRST_MS: u32 = 200;
const MOST_MS: u32 = 30_000;

/// Any time up to a limit that doubles with every failure.
pub(crate) fn full_jitter(failures: u32, rng: &mut Rng) -> Duration {
    let limit = (FIRST_MS << failures.min(16)).min(MOST_MS);
    Duration::from_millis(rng.below(limit + 1).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_doubles_up_to_half_a_minute() {
        let mut rng = Rng::new(1);
        for (failures, limit) in [(0, 200), (1, 400), (5, 6_400), (8, 30_000), (u32::MAX, 30_000)] {
            let mut draws: [u128; 1000] =
                core::array::from_fn(|_| full_jitter(failures, &mut rng).as_millis());
            draws.sort_unstable();
            assert!(draws[999] <= limit && draws[999] > limit * 9 / 10, "{failures}: {draws:?}");
            assert!(draws[0] < limit / 10, "{failures}: {draws:?}");
        }
    }
}
