//! Notes on erasures, for flash that can't be read where an erasure was cut off.
//!
//! At the end of each sector is room for some notes, each of an erasure of another sector:
//!
//! ```text
//! sector and order, each 4 bytes | the same, inverted | done mark   (each in whole write units)
//! ```
//!
//! A note is written before its erasure begins, and its mark before anything is written to the
//! sector that was erased. So the sector of a note without a mark holds nothing that is needed and
//! is erased again, whether it can be read or not. No other failure to read has anything erased.
//!
//! Words that were interrupted give away no sector: half a note, written or erased, has ones too
//! many, in its first half or in the second one. A mark may be erased before its note is, so only
//! the latest note counts, and only where no batch is later.
//!
//! An erasure takes a note elsewhere and gives back those of its own sector. Where one sector alone
//! was free for long, nothing is left of them, and it is erased without.

use embedded_storage::nor_flash::NorFlash;

use super::FlashRing;

/// One for each erasure, and one for an erasure after which the power failed before the first
/// batch.
const NOTES_IN_SECTOR: usize = 2;
const NOTE: usize = size_of::<u128>();

/// An erasure that was begun and is not done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Erasure {
    pub(super) sector: usize,
    /// Its place among the batches.
    pub(super) order: u32,
    /// Where its done mark belongs.
    mark: usize,
}

impl<F: NorFlash> FlashRing<F> {
    /// How much of a sector is for batches.
    pub(super) const ROOM: usize =
        F::ERASE_SIZE - NOTES_IN_SECTOR * (Self::padded(NOTE) + Self::UNIT);

    /// Finds the erasure that was under way at the end of an earlier run.
    pub(super) fn find_erasure(&mut self) {
        let mut latest = None;
        for place in self.note_places() {
            if let Some(erasure) = self.read_note(place)
                && erasure.order >= self.order
            {
                (self.order, self.sector) = (erasure.order + 1, erasure.sector);
                latest = Some(erasure);
            }
        }
        self.erasing = latest.filter(|erasure| self.is_begun(erasure));
    }

    /// Erases a sector that holds nothing.
    pub(super) fn erase(&mut self, sector: usize) -> Result<(), F::Error> {
        if self.erasing.is_none() {
            self.erasing = self.write_note(sector)?;
        }
        let start = (sector * F::ERASE_SIZE) as u32;
        self.flash.erase(start, start + F::ERASE_SIZE as u32)?;
        self.erasing = None;
        // Where a mark can't be written, this sector is left out until the next start erases it.
        self.live[sector] = 1;
        // There may be an earlier note too, that was unread for once when it was looked for.
        for place in self.note_places() {
            if let Some(erasure) = self.read_note(place)
                && erasure.sector == sector
                && self.is_begun(&erasure)
            {
                self.program(erasure.mark, &[0; 1])?;
            }
        }
        self.live[sector] = 0;
        Ok(())
    }

    /// Notes that a sector will be erased. Where all room for notes is taken, it is erased without.
    fn write_note(&mut self, sector: usize) -> Result<Option<Erasure>, F::Error> {
        let end = Self::padded(NOTE) + Self::UNIT;
        let free = self
            .note_places()
            .find(|place| place / F::ERASE_SIZE != sector && self.is_erased(*place, *place + end));
        let Some(place) = free else { return Ok(None) };
        let order = self.order;
        self.order += 1;
        let note = u64::from(order) << 32 | sector as u64;
        let note = u128::from(!note) << 64 | u128::from(note);
        let mark = self.program(place, &note.to_le_bytes())?;
        Ok(Some(Erasure { sector, order, mark }))
    }

    /// Whether it has no done mark.
    fn is_begun(&mut self, erasure: &Erasure) -> bool {
        self.is_erased(erasure.mark, erasure.mark + Self::UNIT)
    }

    pub(super) fn read_note(&mut self, place: usize) -> Option<Erasure> {
        let mut bytes = [0; NOTE];
        self.fetch(place, &mut bytes).ok()?;
        let note = u128::from_le_bytes(bytes);
        let (note, inverted) = (note as u64, (note >> 64) as u64);
        let (sector, order) = (note as u32 as usize, (note >> 32) as u32);
        let mark = place + Self::padded(NOTE);
        (note == !inverted && sector < self.live.len()).then_some(Erasure { sector, order, mark })
    }

    /// Where notes may be, from the sector that is written on.
    fn note_places(&self) -> impl Iterator<Item = usize> + use<F> {
        let (first, sectors) = (self.sector, self.live.len());
        (0..sectors * NOTES_IN_SECTOR).map(move |step| {
            let sector = (first + step / NOTES_IN_SECTOR) % sectors;
            let note = step % NOTES_IN_SECTOR * (Self::padded(NOTE) + Self::UNIT);
            sector * F::ERASE_SIZE + Self::ROOM + note
        })
    }
}
