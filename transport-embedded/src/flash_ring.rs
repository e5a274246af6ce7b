//! Sealed batches in NOR flash, so that a reset loses none of them.
//!
//! The flash is written sector by sector, round and round; a sector that still holds a batch is
//! left out. Batches lie one behind the other:
//!
//! ```text
//! removed mark | header, 20 bytes | topic | batch | commit mark   (each in whole write units)
//! ```
//!
//! Nothing is written twice between two erasures, so flash that checks its words (ECC) serves too.
//! The commit mark is written last: a batch without it was interrupted by a reset and is no batch.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use ottla_core::ToStore;

const MAGIC: u32 = 0x6c74_746f;
const HEADER: usize = 5 * size_of::<u32>();
/// No batch has this address.
const NOTHING: u32 = u32::MAX;
/// The largest write unit that is known of, of a chip of today.
const LARGEST_UNIT: usize = 32;

/// A ring of sealed batches in NOR flash, whose latest ones outlive a reset.
///
/// How long flash lives: each batch is written once, so a flash of `N` bytes that may be erased `C`
/// times takes `N × C` bytes of batches. 64 KiB that may be erased 100,000 times take 6 GB.
#[derive(Debug)]
pub struct FlashRing<F> {
    flash: F,
    /// How many batches each sector holds.
    live: Vec<u16>,
    sector: usize,
    /// Where in the sector the next batch begins.
    offset: usize,
    /// Rises with every batch.
    order: u32,
}

/// A batch in flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlashEntry {
    /// What [`FlashRing::remove`] and [`FlashRing::read`] take.
    pub key: u64,
    /// The partition's index.
    pub partition: i32,
    /// The batch's length in bytes.
    pub len: usize,
    pub(crate) order: u32,
    replaces: u32,
    topic_len: usize,
}

/// Why a batch could not be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FlashRingError<E> {
    /// Each sector holds a batch that is not acknowledged.
    Full,
    /// The batch is longer than a sector.
    TooLarge,
    /// The flash itself failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for FlashRingError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the flash is full of batches that are not acknowledged"),
            Self::TooLarge => f.write_str("the batch is longer than a sector of the flash"),
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for FlashRingError<E> {}

impl<F: NorFlash> FlashRing<F> {
    const UNIT: usize = if F::WRITE_SIZE > F::READ_SIZE { F::WRITE_SIZE } else { F::READ_SIZE };
    const FITS: () =
        assert!(Self::UNIT <= LARGEST_UNIT && F::ERASE_SIZE.is_multiple_of(Self::UNIT));

    /// Takes the flash with what an earlier run left in it. Flash that never held batches is taken
    /// as empty.
    ///
    /// # Errors
    /// Those of the flash.
    pub fn open(flash: F) -> Result<Self, F::Error> {
        const { Self::FITS };
        let sectors = flash.capacity() / F::ERASE_SIZE;
        let live = vec![0; sectors];
        let mut ring = Self { flash, live, sector: 0, offset: F::ERASE_SIZE, order: 0 };
        ring.for_each(Self::drop_replaced)?;
        ring.for_each(|ring, entry| {
            let sector = entry.key as usize / F::ERASE_SIZE;
            ring.live[sector] += u16::from(ring.is_live(&entry)?);
            if entry.order >= ring.order {
                (ring.order, ring.sector) = (entry.order + 1, sector);
            }
            Ok(())
        })?;
        Ok(ring)
    }

    /// Stores a batch; returns its key.
    ///
    /// # Errors
    /// [`FlashRingError`]; what is stored already stays.
    pub fn store(&mut self, batch: &ToStore<'_>) -> Result<u64, FlashRingError<F::Error>> {
        let replaces = batch.replaces.map_or(NOTHING, |key| key as u32);
        let key = self.append(batch.topic, batch.partition, batch.bytes, replaces)?;
        if let Some(old) = batch.replaces {
            self.remove(old).map_err(FlashRingError::Flash)?;
        }
        Ok(key)
    }

    fn append(
        &mut self,
        topic: &str,
        partition: i32,
        bytes: &[u8],
        replaces: u32,
    ) -> Result<u64, FlashRingError<F::Error>> {
        let size = Self::entry_size(topic.len(), bytes.len());
        self.make_room(size)?;
        let start = self.sector * F::ERASE_SIZE + self.offset;
        // Whatever happens to it, these bytes are used.
        self.offset += size;
        let lengths = (topic.len() as u32) << 24 | bytes.len() as u32;
        let fields = [MAGIC, lengths, partition as u32, self.order, replaces];
        let mut header = [0; HEADER];
        for (to, field) in header.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        let mut at = start + Self::UNIT;
        for part in [&header, topic.as_bytes(), bytes] {
            at = self.program(at, part).map_err(FlashRingError::Flash)?;
        }
        self.program(at, &[0; 1]).map_err(FlashRingError::Flash)?;
        self.order += 1;
        self.live[start / F::ERASE_SIZE] += 1;
        Ok(start as u64)
    }

    /// The batch is acknowledged, or given up.
    ///
    /// # Errors
    /// Those of the flash; the batch is then found again after a reset.
    pub fn remove(&mut self, key: u64) -> Result<(), F::Error> {
        let address = key as usize;
        if let Some(live) = self.live.get_mut(address / F::ERASE_SIZE) {
            *live = live.saturating_sub(1);
            self.program(address, &[0; 1])?;
        }
        Ok(())
    }

    /// The batch that was stored first after `previous`, or first of all.
    ///
    /// # Errors
    /// Those of the flash.
    pub fn next_after(
        &mut self,
        previous: Option<&FlashEntry>,
    ) -> Result<Option<FlashEntry>, F::Error> {
        let mut first: Option<FlashEntry> = None;
        self.for_each(|ring, entry| {
            let later = previous.is_none_or(|previous| entry.order > previous.order);
            let earlier = first.is_none_or(|first| entry.order < first.order);
            if later && earlier && ring.is_live(&entry)? {
                first = Some(entry);
            }
            Ok(())
        })?;
        Ok(first)
    }

    /// No batch that is stored has this order or a later one.
    pub(crate) fn next_order(&self) -> u32 {
        self.order
    }

    /// The name of a batch's topic.
    ///
    /// # Errors
    /// Those of the flash.
    pub fn topic(&mut self, entry: &FlashEntry) -> Result<String, F::Error> {
        let mut name = vec![0; entry.topic_len];
        self.fetch(entry.key as usize + Self::UNIT + Self::padded(HEADER), &mut name)?;
        Ok(String::from_utf8(name).unwrap_or_default())
    }

    /// Reads a batch into `bytes`, of the entry's length.
    ///
    /// # Errors
    /// Those of the flash.
    pub fn read(&mut self, entry: &FlashEntry, bytes: &mut [u8]) -> Result<(), F::Error> {
        let head = Self::UNIT + Self::padded(HEADER) + Self::padded(entry.topic_len);
        self.fetch(entry.key as usize + head, bytes)
    }

    /// The flash, to be used by something else.
    pub fn release(self) -> F {
        self.flash
    }

    const fn padded(len: usize) -> usize {
        len.next_multiple_of(Self::UNIT)
    }

    const fn entry_size(topic: usize, batch: usize) -> usize {
        2 * Self::UNIT + Self::padded(HEADER) + Self::padded(topic) + Self::padded(batch)
    }

    /// Goes on to the next sector that holds nothing, where this one has too little room.
    fn make_room(&mut self, size: usize) -> Result<(), FlashRingError<F::Error>> {
        if size > F::ERASE_SIZE {
            return Err(FlashRingError::TooLarge);
        }
        if self.offset + size <= F::ERASE_SIZE {
            return Ok(());
        }
        let sectors = self.live.len();
        let mut others = (1..=sectors).map(|step| (self.sector + step) % sectors);
        let free = others.find(|sector| self.live[*sector] == 0).ok_or(FlashRingError::Full)?;
        let start = (free * F::ERASE_SIZE) as u32;
        self.flash.erase(start, start + F::ERASE_SIZE as u32).map_err(FlashRingError::Flash)?;
        (self.sector, self.offset) = (free, 0);
        Ok(())
    }

    /// The first whole batch of a sector behind `last`, removed or not.
    fn next_in_sector(
        &mut self,
        sector: usize,
        last: Option<FlashEntry>,
    ) -> Result<Option<FlashEntry>, F::Error> {
        let end = (sector + 1) * F::ERASE_SIZE;
        let start = match last {
            Some(entry) => entry.key as usize + Self::entry_size(entry.topic_len, entry.len),
            None => sector * F::ERASE_SIZE,
        };
        if start + Self::entry_size(0, 0) > end {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.fetch(start + Self::UNIT, &mut header)?;
        let [magic, lengths, partition, order, replaces] =
            [0, 4, 8, 12, 16].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i])));
        let (topic_len, len) = ((lengths >> 24) as usize, (lengths & 0x00ff_ffff) as usize);
        let commit = start + Self::entry_size(topic_len, len) - Self::UNIT;
        if magic != MAGIC || commit + Self::UNIT > end || !self.is_marked(commit)? {
            return Ok(None);
        }
        let (key, partition) = (start as u64, partition as i32);
        Ok(Some(FlashEntry { key, partition, len, order, replaces, topic_len }))
    }

    fn is_live(&mut self, entry: &FlashEntry) -> Result<bool, F::Error> {
        Ok(!self.is_marked(entry.key as usize)?)
    }

    /// Looks at all whole batches, removed ones too.
    fn for_each(
        &mut self,
        mut look: impl FnMut(&mut Self, FlashEntry) -> Result<(), F::Error>,
    ) -> Result<(), F::Error> {
        for sector in 0..self.live.len() {
            let mut last = None;
            while let Some(entry) = self.next_in_sector(sector, last)? {
                last = Some(entry);
                look(self, entry)?;
            }
        }
        Ok(())
    }

    /// A reset came after a batch was stored again and before its first copy was removed.
    fn drop_replaced(&mut self, new: FlashEntry) -> Result<(), F::Error> {
        let sector = new.replaces as usize / F::ERASE_SIZE;
        if sector >= self.live.len() {
            return Ok(());
        }
        let mut last = None;
        while let Some(old) = self.next_in_sector(sector, last)? {
            last = Some(old);
            let is_it = old.key == u64::from(new.replaces) && old.order < new.order;
            if is_it && self.is_live(&old)? {
                self.remove(old.key)?;
            }
        }
        Ok(())
    }

    /// Whether a mark was written: it is one unit of zeros, and half a mark is none.
    fn is_marked(&mut self, address: usize) -> Result<bool, F::Error> {
        let mut mark = [0xff; LARGEST_UNIT];
        self.fetch(address, &mut mark[..Self::UNIT])?;
        Ok(mark[..Self::UNIT].iter().all(|byte| *byte == 0))
    }

    /// Writes bytes, and zeros up to the end of the unit; returns where the next unit begins.
    fn program(&mut self, address: usize, bytes: &[u8]) -> Result<usize, F::Error> {
        let (whole, rest) = bytes.split_at(bytes.len() / Self::UNIT * Self::UNIT);
        if !whole.is_empty() {
            self.flash.write(address as u32, whole)?;
        }
        if !rest.is_empty() {
            let mut unit = [0; LARGEST_UNIT];
            unit[..rest.len()].copy_from_slice(rest);
            self.flash.write((address + whole.len()) as u32, &unit[..Self::UNIT])?;
        }
        Ok(address + Self::padded(bytes.len()))
    }

    /// Reads bytes, by whole units.
    fn fetch(&mut self, address: usize, bytes: &mut [u8]) -> Result<(), F::Error> {
        let whole = bytes.len() / Self::UNIT * Self::UNIT;
        let (units, rest) = bytes.split_at_mut(whole);
        if !units.is_empty() {
            self.flash.read(address as u32, units)?;
        }
        if !rest.is_empty() {
            let mut unit = [0; LARGEST_UNIT];
            self.flash.read((address + whole) as u32, &mut unit[..Self::UNIT])?;
            rest.copy_from_slice(&unit[..rest.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
    use ottla_core::rng::Rng;

    use super::*;

    const SECTOR: usize = 256;

    /// Flash that loses its power after some writes and erasures.
    #[derive(Debug)]
    struct Nor {
        bytes: Vec<u8>,
        operations_left: u32,
    }

    impl Nor {
        fn new() -> Self {
            Self { bytes: vec![0xff; 8 * SECTOR], operations_left: u32::MAX }
        }

        /// How many bytes of this operation still happen, and whether it ends.
        fn spend(&mut self, len: usize) -> (usize, Result<(), NorFlashErrorKind>) {
            let left = self.operations_left;
            self.operations_left = left.saturating_sub(1);
            match left {
                0 => (0, Err(NorFlashErrorKind::Other)),
                1 => (len / 2, Err(NorFlashErrorKind::Other)),
                _ => (len, Ok(())),
            }
        }
    }

    impl ErrorType for Nor {
        type Error = NorFlashErrorKind;
    }

    impl ReadNorFlash for Nor {
        const READ_SIZE: usize = 4;

        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
            assert!(offset.is_multiple_of(4) && bytes.len().is_multiple_of(4));
            bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
            Ok(())
        }

        fn capacity(&self) -> usize {
            self.bytes.len()
        }
    }

    impl NorFlash for Nor {
        const WRITE_SIZE: usize = 8;
        const ERASE_SIZE: usize = SECTOR;

        fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
            assert!([from, to].iter().all(|edge| edge.is_multiple_of(SECTOR as u32)));
            let (len, outcome) = self.spend((to - from) as usize);
            self.bytes[from as usize..][..len].fill(0xff);
            outcome
        }

        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
            assert!(offset.is_multiple_of(8) && bytes.len().is_multiple_of(8));
            let (len, outcome) = self.spend(bytes.len());
            let place = &mut self.bytes[offset as usize..][..len];
            assert!(place.iter().all(|byte| *byte == 0xff), "written twice at {offset}");
            place.copy_from_slice(&bytes[..len]);
            outcome
        }
    }

    fn open(bytes: Vec<u8>) -> FlashRing<Nor> {
        FlashRing::open(Nor { bytes, operations_left: u32::MAX }).unwrap()
    }

    /// All batches in the order of their storing, with their keys.
    fn contents(ring: &mut FlashRing<Nor>) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        let mut last = None;
        while let Some(entry) = ring.next_after(last.as_ref()).unwrap() {
            let mut bytes = vec![0; entry.len];
            ring.read(&entry, &mut bytes).unwrap();
            assert_eq!((ring.topic(&entry).unwrap().as_str(), entry.partition), ("t-1", 7));
            found.push((entry.key, bytes));
            last = Some(entry);
        }
        found
    }

    #[test]
    fn batches_come_back_in_order_until_they_are_removed() {
        let mut ring = FlashRing::open(Nor::new()).unwrap();
        let keys: Vec<u64> =
            (1..=9).map(|n| ring.append("t-1", 7, &[n; 61], NOTHING).unwrap()).collect();
        ring.remove(keys[0]).unwrap();
        ring.remove(keys[4]).unwrap();
        let mut ring = open(ring.release().bytes);
        let expected = [1, 2, 3, 5, 6, 7, 8].map(|i: usize| (keys[i], vec![i as u8 + 1; 61]));
        assert_eq!(contents(&mut ring), expected);
    }

    #[test]
    fn a_full_ring_says_so_and_has_room_again_when_a_sector_is_free() {
        let mut ring = FlashRing::open(Nor::new()).unwrap();
        let mut keys = Vec::new();
        while let Ok(key) = ring.append("t-1", 7, &[1; 150], NOTHING) {
            keys.push(key);
        }
        assert_eq!(keys.len(), 8, "one in each sector");
        assert_eq!(ring.append("t-1", 7, &[1; 150], NOTHING), Err(FlashRingError::Full));
        assert_eq!(ring.append("t-1", 7, &[1; 250], NOTHING), Err(FlashRingError::TooLarge));
        ring.remove(keys[5]).unwrap();
        assert!(ring.append("t-1", 7, &[2; 150], NOTHING).is_ok());
        assert_eq!(contents(&mut ring).last().unwrap().1, [2; 150]);
    }

    #[test]
    fn what_took_the_place_of_another_is_alone_after_a_reset() {
        let mut ring = FlashRing::open(Nor::new()).unwrap();
        let first = ring.append("t-1", 7, &[1; 61], NOTHING).unwrap();
        let second = ring.append("t-1", 7, &[2; 61], first as u32).unwrap();
        // The reset comes before the first one is removed.
        let mut ring = open(ring.release().bytes);
        assert_eq!(contents(&mut ring), [(second, vec![2; 61])]);
    }

    #[test]
    fn flash_full_of_anything_else_is_empty() {
        let mut rng = Rng::new(3);
        let noise = (0..8 * SECTOR).map(|_| rng.below(256) as u8).collect();
        assert_eq!(contents(&mut open(noise)), []);
        assert_eq!(contents(&mut open(vec![0; 8 * SECTOR])), []);
    }

    /// The power fails at each write in turn: only what was under way may be there or not.
    #[test]
    fn a_power_failure_at_any_write_loses_nothing_that_was_stored() {
        for operations in 0..400 {
            let mut nor = Nor::new();
            nor.operations_left = operations;
            let mut ring = FlashRing::open(nor).unwrap();
            let mut rng = Rng::new(u64::from(operations) / 40);
            let mut model = BTreeMap::new();
            let mut doubtful = None;
            for number in 0..200u8 {
                let oldest = model.iter().next().map(|(number, key)| (*number, *key));
                match oldest.filter(|_| model.len() > 3 || rng.below(3) == 0) {
                    Some((number, key)) => {
                        if ring.remove(key).is_err() {
                            doubtful = Some(number);
                            break;
                        }
                        model.remove(&number);
                    }
                    None => {
                        let batch = vec![number; 61 + rng.below(60) as usize];
                        match ring.append("t-1", 7, &batch, NOTHING) {
                            Ok(key) => drop(model.insert(number, key)),
                            Err(_) => {
                                doubtful = Some(number);
                                break;
                            }
                        }
                    }
                }
            }
            let mut ring = open(ring.release().bytes);
            let certain = |number: &u8| Some(*number) != doubtful;
            let found: Vec<u8> = contents(&mut ring).iter().map(|(_, b)| b[0]).collect();
            let found: Vec<u8> = found.into_iter().filter(certain).collect();
            let expected: Vec<u8> = model.into_keys().filter(certain).collect();
            assert_eq!(found, expected, "{operations} operations");
            assert!(ring.append("t-1", 7, &[1; 61], NOTHING).is_ok(), "{operations} operations");
        }
    }
}
