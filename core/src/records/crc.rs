//! Table-driven reflected 32-bit checksums, for any polynomial.

/// Tables for a reflected polynomial: `N` tables take `N` bytes per step and 1 KiB each.
pub(super) struct Tables<const N: usize, E = u32>(pub(super) [[E; 256]; N]);

/// A table's element.
pub(super) trait Entry {
    fn get(&self) -> u32;
}

impl Entry for u32 {
    fn get(&self) -> u32 {
        *self
    }
}

impl<const N: usize> Tables<N> {
    /// Computes the tables; meant for a `static`, so that the compiler does it.
    #[cfg(any(not(target_family = "wasm"), feature = "gzip"))]
    pub(super) const fn new(polynomial: u32) -> Self {
        let mut tables = [[0; 256]; N];
        let mut i = 0;
        while i < N * 256 {
            let (n, byte) = (i / 256, i % 256);
            tables[n][byte] = if n == 0 {
                shift_byte(polynomial, byte as u32)
            } else {
                let previous = tables[n - 1][byte];
                tables[0][(previous & 0xff) as usize] ^ previous >> 8
            };
            i += 1;
        }
        Self(tables)
    }
}

impl<const N: usize, E: Entry> Tables<N, E> {
    /// Continues the finished checksum `crc` (0 at the start) with `bytes`.
    pub(super) fn append(&self, crc: u32, bytes: &[u8]) -> u32 {
        let mut steps = bytes.chunks_exact(N.max(4));
        let mut crc = !crc;
        if N >= 4 {
            for step in &mut steps {
                crc = self.step(crc, step);
            }
            crc = self.bytewise(crc, steps.remainder());
        } else {
            crc = self.bytewise(crc, bytes);
        }
        !crc
    }

    #[inline]
    fn step(&self, crc: u32, step: &[u8]) -> u32 {
        let mut next = 0;
        for (i, (table, byte)) in self.0.iter().rev().zip(step).enumerate() {
            let mixed = if i < 4 { byte ^ (crc >> (8 * i)) as u8 } else { *byte };
            next ^= table[mixed as usize].get();
        }
        next
    }

    fn bytewise(&self, crc: u32, bytes: &[u8]) -> u32 {
        bytes.iter().fold(crc, |crc, byte| self.0[0][(crc as u8 ^ byte) as usize].get() ^ crc >> 8)
    }
}

/// The register eight bits later.
pub(super) const fn shift_byte(polynomial: u32, mut register: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        register = register >> 1 ^ polynomial & (register & 1).wrapping_neg();
        bit += 1;
    }
    register
}
