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
//! Nothing is written behind such a batch.
//!
//! A word that was being written when the power failed may be an error to read on such flash, each
//! time; so may any word, once, on a bus. What an unread word says is taken to be what loses
//! nothing: a batch is not removed, is whole (its producer sees if it is not), and a sector whose
//! next header is unread holds further batches, unless all behind it is erased. Such a sector is
//! neither written nor erased until the next start. Only where its erasure was cut off it is erased
//! again: notes at the end of other sectors tell (`erasure`).

mod erasure;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use ottla_core::ToStore;

use self::erasure::Erasure;

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
    /// How many batches each sector holds, and one more where some can't be read.
    live: Vec<u16>,
    /// Batches that others replaced, and whose marks could not be written.
    replaced: Vec<u64>,
    /// The sector that is erased next, and holds nothing.
    erasing: Option<Erasure>,
    sector: usize,
    /// Where in the sector the next batch begins.
    offset: usize,
    /// Rises with every batch and every erasure.
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
    /// Each sector holds a batch that is not acknowledged, or can't be read.
    Full,
    /// The batch is longer than a sector, or than what notes leave of it.
    TooLarge,
    /// The flash itself failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for FlashRingError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str(
                "the flash is full of batches that are not acknowledged or can't be read",
            ),
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
    /// as empty. What can't be read is left alone until the next start.
    ///
    /// # Errors
    /// That of the flash, where nothing of it can be read.
    pub fn open(flash: F) -> Result<Self, F::Error> {
        const { Self::FITS };
        let sectors = flash.capacity() / F::ERASE_SIZE;
        let mut ring = Self {
            flash,
            live: vec![0; sectors],
            replaced: Vec::new(),
            erasing: None,
            sector: 0,
            offset: F::ERASE_SIZE,
            order: 0,
        };
        ring.find_erasure();
        ring.for_each(Self::drop_replaced);
        let mut unread = 0;
        for sector in 0..sectors {
            let read = ring.for_each_in(sector, |ring, entry| {
                ring.live[sector] += u16::from(ring.is_live(&entry));
                if entry.order >= ring.order {
                    (ring.order, ring.sector) = (entry.order + 1, sector);
                }
            });
            if let Err(error) = read {
                ring.live[sector] += 1;
                unread += 1;
                if unread == sectors && ring.order == 0 {
                    return Err(error);
                }
            }
        }
        ring.erasing = ring.erasing.filter(|erasure| erasure.order + 1 == ring.order);
        // Batches that the next start reads may be later than all that this one does.
        ring.order += (unread * (F::ERASE_SIZE / Self::entry_size(0, 0))) as u32;
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
            self.replace(old);
        }
        Ok(key)
    }

    /// Removes one of two copies. Where its mark can't be written, the next start sees again which
    /// one it is.
    fn replace(&mut self, key: u64) {
        if self.remove(key).is_err() {
            self.replaced.push(key);
        }
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
        // Behind a batch that is not whole none is found.
        let end = core::mem::replace(&mut self.offset, F::ERASE_SIZE) + size;
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
        self.offset = end;
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
    pub fn next_after(&mut self, previous: Option<&FlashEntry>) -> Option<FlashEntry> {
        let mut first: Option<FlashEntry> = None;
        self.for_each(|ring, entry| {
            let later = previous.is_none_or(|previous| entry.order > previous.order);
            let earlier = first.is_none_or(|first| entry.order < first.order);
            if later && earlier && ring.is_live(&entry) {
                first = Some(entry);
            }
        });
        first
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
        if size > Self::ROOM {
            return Err(FlashRingError::TooLarge);
        }
        if self.offset + size <= Self::ROOM {
            return Ok(());
        }
        let sectors = self.live.len();
        let mut others = (1..=sectors).map(|step| (self.sector + step) % sectors);
        let begun = self.erasing.map(|erasure| erasure.sector);
        let free = begun.or_else(|| others.find(|sector| self.live[*sector] == 0));
        let free = free.ok_or(FlashRingError::Full)?;
        self.erase(free).map_err(FlashRingError::Flash)?;
        self.replaced.retain(|key| *key as usize / F::ERASE_SIZE != free);
        (self.sector, self.offset) = (free, 0);
        Ok(())
    }

    /// The first whole batch of a sector behind `last`, removed or not. The error says that there
    /// may be one.
    fn next_in_sector(
        &mut self,
        sector: usize,
        last: Option<FlashEntry>,
    ) -> Result<Option<FlashEntry>, F::Error> {
        let end = sector * F::ERASE_SIZE + Self::ROOM;
        let start = match last {
            Some(entry) => entry.key as usize + Self::entry_size(entry.topic_len, entry.len),
            None => sector * F::ERASE_SIZE,
        };
        if start + Self::entry_size(0, 0) > end {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        if let Err(error) = self.fetch(start + Self::UNIT, &mut header) {
            let erased = self.is_erased(start + Self::UNIT + Self::padded(HEADER), end);
            return if erased { Ok(None) } else { Err(error) };
        }
        let [magic, lengths, partition, order, replaces] =
            [0, 4, 8, 12, 16].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i])));
        let (topic_len, len) = ((lengths >> 24) as usize, (lengths & 0x00ff_ffff) as usize);
        let commit = start + Self::entry_size(topic_len, len) - Self::UNIT;
        let is_header = magic == MAGIC && order != NOTHING;
        let fits = commit + Self::UNIT <= (sector + 1) * F::ERASE_SIZE;
        if !is_header || !fits || self.is_marked(commit) == Some(false) {
            return Ok(None);
        }
        let (key, partition) = (start as u64, partition as i32);
        Ok(Some(FlashEntry { key, partition, len, order, replaces, topic_len }))
    }

    fn is_live(&mut self, entry: &FlashEntry) -> bool {
        self.is_marked(entry.key as usize) != Some(true) && !self.replaced.contains(&entry.key)
    }

    /// Looks at all whole batches that can be found, removed ones too.
    fn for_each(&mut self, mut look: impl FnMut(&mut Self, FlashEntry)) {
        for sector in 0..self.live.len() {
            if self.erasing.is_none_or(|erasure| erasure.sector != sector) {
                let _ = self.for_each_in(sector, &mut look);
            }
        }
    }

    /// Those of a sector. The error says that there may be more.
    fn for_each_in(
        &mut self,
        sector: usize,
        mut look: impl FnMut(&mut Self, FlashEntry),
    ) -> Result<(), F::Error> {
        let mut last = None;
        while let Some(entry) = self.next_in_sector(sector, last)? {
            last = Some(entry);
            look(self, entry);
        }
        Ok(())
    }

    /// A reset came after a batch was stored again and before its first copy was removed.
    fn drop_replaced(&mut self, new: FlashEntry) {
        let sector = new.replaces as usize / F::ERASE_SIZE;
        if sector >= self.live.len() {
            return;
        }
        let _ = self.for_each_in(sector, |ring, old| {
            let is_it = old.key == u64::from(new.replaces) && old.order < new.order;
            if is_it && ring.is_live(&old) {
                // That the old one is whole is certain: the new one was made of it.
                let commit = new.key as usize + Self::entry_size(new.topic_len, new.len);
                let is_whole = ring.is_marked(commit - Self::UNIT) == Some(true);
                ring.replace(if is_whole { old.key } else { new.key });
            }
        });
    }

    /// Whether a mark was written: it is one unit of zeros, and half a mark is none. `None`: it
    /// can't be read.
    fn is_marked(&mut self, address: usize) -> Option<bool> {
        let mut mark = [0xff; LARGEST_UNIT];
        self.fetch(address, &mut mark[..Self::UNIT]).ok()?;
        Some(mark[..Self::UNIT].iter().all(|byte| *byte == 0))
    }

    fn is_erased(&mut self, from: usize, to: usize) -> bool {
        let mut unit = [0; LARGEST_UNIT];
        (from..to).step_by(Self::UNIT).all(|at| {
            let read = self.fetch(at, &mut unit[..Self::UNIT]);
            read.is_ok() && unit[..Self::UNIT].iter().all(|byte| *byte == 0xff)
        })
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
