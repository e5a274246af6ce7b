//! The one source of randomness: seeded, so that every run can be replayed.

/// xoshiro128++ 1.0 (Blackman and Vigna): 32-bit words only, so that it is quick on a
/// microcontroller.
///
/// Good for spreading load and for jitter, not for secrets.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u32; 4],
}

impl Rng {
    /// A generator whose numbers depend on `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut seed = seed;
        let (a, b) = (split_mix(&mut seed), split_mix(&mut seed));
        // SplitMix64 gives distinct words for consecutive steps, so the state is never all zero.
        Self { state: [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32] }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(7).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 9), d.rotate_left(11)];
        result
    }

    /// A uniform number in 0 … `bound` − 1; 0 if `bound` is 0.
    ///
    /// Lemire's multiplication: unbiased, and no division unless the first draw falls in the biased
    /// rest.
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let biased = bound.wrapping_neg() % bound;
            while (product as u32) < biased {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// One element of `items`, each with the same chance; `None` if there are none.
    pub fn choose<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let bound = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.get(self.below(bound) as usize).copied()
    }
}

/// One step of SplitMix64, which spreads a poor seed over all bits.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation from the state 1, 2, 3, 4.
    #[test]
    fn the_reference_sequence_is_reproduced() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let expected = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768];
        assert_eq!(expected.map(|_| rng.next_u32()), expected);
    }

    /// SplitMix64 from 1234567, as Vigna's reference prints it.
    #[test]
    fn the_seed_is_spread_by_split_mix() {
        let mut seed = 1234567;
        assert_eq!(split_mix(&mut seed), 6457827717110365317);
        assert_eq!(split_mix(&mut seed), 3203168211198807973);
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut rng = Rng::new(7);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[rng.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    /// Without the rejection, half of the numbers below 3 · 2³⁰ would be multiples of 3.
    #[test]
    fn large_bounds_are_not_biased() {
        let mut rng = Rng::new(8);
        let multiples = (0..30_000).filter(|_| rng.below(3 << 30).is_multiple_of(3)).count();
        assert!((9_600..10_400).contains(&multiples), "{multiples}");
    }

    #[test]
    fn degenerate_bounds_do_not_hang_or_panic() {
        let mut rng = Rng::new(0);
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        assert_eq!(rng.choose::<u8>(&[]), None);
        assert!((0..100).all(|_| rng.below(u32::MAX) < u32::MAX));
    }
}
