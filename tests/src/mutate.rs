//! Bytes that are nearly right: what a fuzzer makes of good ones, the same each time.

/// Numbers that decide lengths, counts and ids, as they stand in messages.
const TELLING: [&[u8]; 10] = [
    &[0x7f, 0xff, 0xff, 0xff],             // the largest i32
    &[0x80, 0, 0, 0],                      // the smallest
    &[0xff, 0xff, 0xff, 0xff],             // -1, or no length
    &[0x7f, 0xff],                         // the largest i16
    &[0xff, 0xff, 0xff, 0xff, 0x07],       // 2^31 - 1 as an unsigned varint
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],       // the same as a signed one
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80], // a varint without an end
    &[0, 0, 0, 0],
    &[1],
    &[0],
];

/// Makes inputs out of good ones.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// Of these seeds, none of them empty; `number` decides what becomes of them.
    #[must_use]
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        Self { seeds, state: number }
    }

    /// The next input: a seed with one to four changes.
    pub fn mutated(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut bytes = self.seeds[seed].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let rest = bytes.len() - at;
        match self.below(7) {
            0 if rest > 0 => bytes[at] ^= 1 << self.below(8),
            1 if rest > 0 => bytes[at] = self.below(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = at + self.below(rest + 1);
                bytes.drain(at..end);
            }
            4 => {
                let end = at + self.below(rest.min(64) + 1);
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len());
                let tail = self.seeds[other][from..].to_vec();
                bytes.splice(at.., tail);
            }
            _ => {
                let number = TELLING[self.below(TELLING.len())];
                let end = (at + number.len() * self.below(2)).min(bytes.len());
                bytes.splice(at..end, number.iter().copied());
            }
        }
    }

    /// A number below `limit` (splitmix64).
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % limit as u64) as usize
    }
}

/// `seed` with each of the numbers that a size of 2 GiB is written as, at each place in turn: over
/// what is there, and in place of the byte that is there.
pub fn declare_two_gibibytes(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let sizes = [TELLING[0], TELLING[4], TELLING[5]];
    (0..seed.len()).flat_map(move |at| {
        sizes.into_iter().flat_map(move |size| {
            [size.len(), 1].map(|replaced| {
                let end = (at + replaced).min(seed.len());
                [&seed[..at], size, &seed[end..]].concat()
            })
        })
    })
}
