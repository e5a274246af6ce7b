//! A ring whose flash loses its power, checks its words, or fails to be read.

use alloc::collections::{BTreeMap, BTreeSet};
use core::iter;
use core::ops::Range;

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use ottla_core::rng::Rng;

use super::*;

const SECTOR: usize = 256;

/// Flash that loses its power after some writes and erasures.
#[derive(Debug)]
struct Nor {
    bytes: Vec<u8>,
    operations_left: u32,
    /// How many operations there are before one that does nothing.
    until_failure: u32,
    /// It checks its words: one that was being written or erased can't be read.
    checks: bool,
    /// The words that can't be read.
    torn: BTreeSet<usize>,
    /// A word that can't be written.
    stuck: Option<usize>,
    /// What becomes of each word as an erasure is cut off.
    cuts: Rng,
    /// How many reads there are before one that fails.
    reads_left: u32,
}

impl Nor {
    fn new() -> Self {
        Self::holding(vec![0xff; 8 * SECTOR])
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            operations_left: u32::MAX,
            until_failure: u32::MAX,
            checks: false,
            torn: BTreeSet::new(),
            stuck: None,
            cuts: Rng::new(5),
            reads_left: u32::MAX,
        }
    }

    /// How many bytes of this operation still happen, and whether it ends.
    fn spend(&mut self, len: usize) -> (usize, Result<(), NorFlashErrorKind>) {
        self.until_failure = self.until_failure.wrapping_sub(1);
        if self.until_failure == 0 {
            return (0, Err(NorFlashErrorKind::Other));
        }
        let left = self.operations_left;
        self.operations_left = left.saturating_sub(1);
        match left {
            0 => (0, Err(NorFlashErrorKind::Other)),
            1 => (len / 2, Err(NorFlashErrorKind::Other)),
            _ => (len, Ok(())),
        }
    }

    /// None of the words can be read, or each is as it was, erased, or can't be read.
    fn tear(&mut self, words: Range<usize>) {
        let all = self.cuts.below(2) == 0;
        for word in words {
            match self.cuts.below(3) {
                0 if !all => {}
                1 if !all => {
                    self.bytes[word * 8..][..8].fill(0xff);
                    self.torn.remove(&word);
                }
                _ => drop(self.torn.insert(word)),
            }
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
        let words = offset as usize / 8..(offset as usize + bytes.len()).div_ceil(8);
        self.reads_left = self.reads_left.wrapping_sub(1);
        if self.reads_left == 0 || self.torn.range(words).next().is_some() {
            return Err(NorFlashErrorKind::Other);
        }
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
        if self.checks && outcome.is_err() {
            if len > 0 {
                self.tear(from as usize / 8..to as usize / 8);
            }
            return outcome;
        }
        self.bytes[from as usize..][..len].fill(0xff);
        self.torn.retain(|word| !(from..from + len as u32).contains(&(*word as u32 * 8)));
        outcome
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        assert!(offset.is_multiple_of(8) && bytes.len().is_multiple_of(8));
        let (len, outcome) = self.spend(bytes.len());
        let words = offset as usize / 8..(offset as usize + bytes.len()) / 8;
        let is_stuck = self.stuck.is_some_and(|word| words.contains(&word));
        if is_stuck || self.torn.range(words).next().is_some() {
            return Err(NorFlashErrorKind::Other);
        }
        let place = &mut self.bytes[offset as usize..][..len];
        assert!(place.iter().all(|byte| *byte == 0xff), "written twice at {offset}");
        place.copy_from_slice(&bytes[..len]);
        if self.checks && outcome.is_err() && len > 0 {
            self.torn.insert((offset as usize + len) / 8);
        }
        outcome
    }
}

fn open(bytes: Vec<u8>) -> FlashRing<Nor> {
    FlashRing::open(Nor::holding(bytes)).unwrap()
}

/// The ring after a reset.
fn reopen(ring: FlashRing<Nor>) -> FlashRing<Nor> {
    FlashRing::open(Nor { operations_left: u32::MAX, ..ring.release() }).unwrap()
}

/// All batches in the order of their storing, with their keys.
fn contents(ring: &mut FlashRing<Nor>) -> Vec<(u64, Vec<u8>)> {
    readable(ring).into_iter().map(|(key, bytes)| (key, bytes.unwrap())).collect()
}

/// The same, some of which can't be read or are of no such topic.
fn readable(ring: &mut FlashRing<Nor>) -> Vec<(u64, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut last = None;
    while let Some(entry) = ring.next_after(last.as_ref()) {
        let mut bytes = vec![0; entry.len];
        let is_whole = ring.read(&entry, &mut bytes).is_ok()
            && ring.topic(&entry).is_ok_and(|topic| topic == "t-1" && entry.partition == 7);
        found.push((entry.key, is_whole.then_some(bytes)));
        last = Some(entry);
    }
    found
}

#[test]
fn batches_come_back_in_order_until_they_are_removed() {
    let mut ring = FlashRing::open(Nor::new()).unwrap();
    let keys: Vec<u64> =
        (1..=9).map(|n| ring.append("t-1", 7, &[n; 53], NOTHING).unwrap()).collect();
    ring.remove(keys[0]).unwrap();
    ring.remove(keys[4]).unwrap();
    let mut ring = open(ring.release().bytes);
    let expected = [1, 2, 3, 5, 6, 7, 8].map(|i: usize| (keys[i], vec![i as u8 + 1; 53]));
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
    // The reset comes before the first one is removed, and again no mark can be written.
    let mut ring = FlashRing::open(Nor { operations_left: 0, ..ring.release() }).unwrap();
    assert_eq!(contents(&mut ring), [(second, vec![2; 61])]);
    ring.flash.operations_left = u32::MAX;
    ring.remove(second).unwrap();
    while ring.append("t-1", 7, &[3; 150], NOTHING).is_ok() {}
    assert_eq!(contents(&mut ring).len(), 8, "the place of the first one is another's");
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
    for (operations, checks) in (0..400).flat_map(|n| [(n, false), (n, true)]) {
        let mut nor = Nor { checks, ..Nor::new() };
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
        let mut ring = reopen(ring);
        let certain = |number: &u8| Some(*number) != doubtful;
        let found: Vec<u8> = contents(&mut ring).iter().map(|(_, b)| b[0]).collect();
        let found: Vec<u8> = found.into_iter().filter(certain).collect();
        let expected: Vec<u8> = model.into_keys().filter(certain).collect();
        assert_eq!(found, expected, "{operations} operations");
        assert!(ring.append("t-1", 7, &[1; 61], NOTHING).is_ok(), "{operations} operations");
    }
}

/// On flash that checks its words. Each failure costs the batch that was under way at most, so
/// the ring is as large as ever afterwards.
#[test]
fn torn_words_are_left_behind() {
    for operations in 1..7 {
        let mut ring = FlashRing::open(Nor { checks: true, ..Nor::new() }).unwrap();
        let key = ring.append("t-1", 7, &[1; 61], NOTHING).unwrap();
        ring = reopen(ring);
        for _ in 0..20 {
            ring.flash.operations_left = 1 + operations;
            ring.append("t-1", 7, &[2; 61], NOTHING).unwrap_err();
            ring = reopen(ring);
            for (key, _) in contents(&mut ring).split_off(1) {
                ring.remove(key).unwrap();
            }
        }
        assert_eq!(contents(&mut ring), [(key, vec![1; 61])], "{operations} operations");
        let more = iter::from_fn(|| ring.append("t-1", 7, &[3; 150], NOTHING).ok()).count();
        assert_eq!(more, 7, "{operations} operations");
    }
}

#[test]
fn what_can_not_be_read_for_once_is_neither_lost_nor_erased() {
    let mut ring = FlashRing::open(Nor::new()).unwrap();
    let keys = [1, 2, 3].map(|n| ring.append("t-1", 7, &[n; 150], NOTHING).unwrap());
    ring.flash.torn.extend([keys[0] as usize / 8 + 1, keys[2] as usize / 8 + 1]);
    let mut ring = reopen(ring);
    assert_eq!(contents(&mut ring), [(keys[1], vec![2; 150])]);
    let mut expected: Vec<_> = (1..).zip(keys).map(|(n, key)| (key, vec![n; 150])).collect();
    while let Ok(key) = ring.append("t-1", 7, &[4; 150], NOTHING) {
        expected.push((key, vec![4; 150]));
    }
    assert_eq!(expected.len(), 8);
    ring.flash.torn.clear();
    assert_eq!(contents(&mut reopen(ring)), expected);
}

#[test]
fn no_single_failure_of_a_bus_loses_a_batch() {
    for reads_left in 1..60 {
        let mut ring = FlashRing::open(Nor::new()).unwrap();
        let mut keys: Vec<u64> =
            (1..=4).map(|n| ring.append("t-1", 7, &[n; 61], NOTHING).unwrap()).collect();
        ring.flash.reads_left = reads_left;
        let mut ring = reopen(ring);
        while let Ok(key) = ring.append("t-1", 7, &[5; 61], NOTHING) {
            keys.push(key);
        }
        let found = contents(&mut reopen(ring)).into_iter().map(|(key, _)| key);
        assert_eq!(found.collect::<Vec<_>>(), keys, "{reads_left} reads");
    }
}

#[test]
fn flash_of_which_nothing_can_be_read_is_an_error() {
    let nor = Nor { torn: (0..SECTOR).collect(), ..Nor::new() };
    assert_eq!(FlashRing::open(nor).err(), Some(NorFlashErrorKind::Other));
}

/// On flash that checks its words the power fails at each write and erasure that a batch takes,
/// again and again at the same one.
#[test]
fn an_erasure_that_was_cut_off_costs_no_sector() {
    for operations in 1..12 {
        let mut ring = FlashRing::open(Nor { checks: true, ..Nor::new() }).unwrap();
        let key = ring.append("t-1", 7, &[1; 150], NOTHING).unwrap();
        for cut in 0..10 {
            ring.flash.operations_left = operations;
            let _ = ring.append("t-1", 7, &[2; 150], NOTHING);
            ring = reopen(ring);
            let found = contents(&mut ring);
            assert_eq!(found[0], (key, vec![1; 150]), "{operations} operations, cut {cut}");
            found[1..].iter().for_each(|(key, _)| ring.remove(*key).unwrap());
        }
        let more = iter::from_fn(|| ring.append("t-1", 7, &[3; 150], NOTHING).ok()).count();
        assert_eq!(more, 7, "{operations} operations");
    }
}

/// The power fails anywhere, for years, and now and then a read fails once at the next start.
#[test]
fn no_power_failures_cost_a_sector_or_a_batch() {
    for seed in 0..100 {
        let (mut rng, reads_fail) = (Rng::new(seed), seed % 2 == 1);
        let nor = Nor { checks: true, cuts: Rng::new(seed), ..Nor::new() };
        let mut ring = FlashRing::open(nor).unwrap();
        let (mut stored, mut doubtful) = (BTreeMap::new(), BTreeSet::new());
        for number in 0..400u32 {
            if rng.below(8) == 0 {
                ring.flash.operations_left = rng.below(12);
            }
            let most = rng.below(9) as usize;
            let bytes = number.to_le_bytes().repeat(1 + rng.below(40) as usize);
            match ring.append("t-1", 7, &bytes, NOTHING) {
                Ok(key) => drop(stored.insert(number, key)),
                Err(_) => drop(doubtful.insert(number)),
            }
            while stored.len() > most
                && let Some((number, key)) = stored.pop_first()
            {
                if ring.remove(key).is_err() {
                    doubtful.insert(number);
                }
            }
            if ring.flash.operations_left > 12 {
                continue;
            }
            if reads_fail {
                ring.flash.reads_left = rng.below(200);
            }
            ring = reopen(ring);
            ring.flash.reads_left = u32::MAX;
            if rng.below(2) == 0
                && let Ok(key) = ring.append("t-1", 7, &[255; 80], NOTHING)
            {
                ring.remove(key).unwrap();
            }
            ring = reopen(ring);
            let mut found = Vec::new();
            for (key, bytes) in readable(&mut ring) {
                let number = bytes.map(|b| u32::from_le_bytes(b[..4].try_into().unwrap()));
                match number {
                    Some(number) if stored.contains_key(&number) => found.push(number),
                    // It is in doubt, or the sector's note could not be read at the last start.
                    _ => {
                        assert!(reads_fail || number.is_some_and(|n| doubtful.contains(&n)));
                        // What can't be marked is free in this run.
                        let _ = ring.remove(key);
                    }
                }
            }
            let expected: Vec<u32> = stored.keys().copied().collect();
            assert_eq!(found, expected, "seed {seed}, batch {number}");
        }
        for (key, _) in readable(&mut ring) {
            let _ = ring.remove(key);
        }
        let room = iter::from_fn(|| ring.append("t-1", 7, &[3; 150], NOTHING).ok()).count();
        // A note that could not be read may be that of a sector that can't either.
        assert!(reads_fail || room == 8, "seed {seed}: {room}");
    }
}

/// One sector is free, and used again and again. An erasure, its note or its mark fails, the
/// program goes on, and at the next start a read fails once.
#[test]
fn no_failed_erasure_loses_what_is_stored_later() {
    for (operation, rounds) in (1..5).flat_map(|n| [0, 1, 5, 6, 7].map(|rounds| (n, rounds))) {
        for reads_left in 0..100 {
            let mut ring = FlashRing::open(Nor::new()).unwrap();
            let seven = [1; 7].map(|n| ring.append("t-1", 7, &[n; 150], NOTHING).unwrap());
            let mut keys = BTreeSet::from(seven);
            for _ in 0..rounds {
                let key = ring.append("t-1", 7, &[2; 150], NOTHING).unwrap();
                ring.remove(key).unwrap();
            }
            ring.flash.until_failure = operation;
            keys.extend(ring.append("t-1", 7, &[3; 150], NOTHING));
            keys.extend(ring.append("t-1", 7, &[4; 150], NOTHING));
            ring.flash.reads_left = reads_left;
            let mut ring = reopen(ring);
            keys.extend(ring.append("t-1", 7, &[5; 150], NOTHING));
            let found = contents(&mut reopen(ring)).into_iter().map(|(key, _)| key);
            let failures = (operation, rounds, reads_left);
            assert_eq!(found.collect::<BTreeSet<_>>(), keys, "{failures:?}");
        }
    }
}

#[test]
fn the_only_free_sector_outlives_a_power_failure() {
    for operations in 1..5 {
        let mut ring = FlashRing::open(Nor { checks: true, ..Nor::new() }).unwrap();
        for _ in 0..3 {
            while ring.append("t-1", 7, &[1; 150], NOTHING).is_ok() {}
            let (last, _) = contents(&mut ring)[7];
            ring.remove(last).unwrap();
            ring.flash.operations_left = operations;
            ring.append("t-1", 7, &[2; 150], NOTHING).unwrap_err();
            ring = reopen(ring);
        }
        assert!(ring.append("t-1", 7, &[3; 150], NOTHING).is_ok(), "{operations} operations");
    }
}

/// Some bits are not written yet, or are erased already.
#[test]
fn half_a_note_is_none() {
    let mut rng = Rng::new(9);
    for _ in 0..1000 {
        let mut ring = FlashRing::open(Nor::new()).unwrap();
        let key = ring.append("t-1", 7, &[1; 61], NOTHING).unwrap();
        let place = FlashRing::<Nor>::ROOM;
        let before = ring.flash.bytes[place..][..16].to_vec();
        for byte in &mut ring.flash.bytes[place..][..16] {
            *byte |= (rng.below(256) & rng.below(256) & rng.below(256)) as u8;
        }
        let note = ring.read_note(place);
        assert!(note.is_none() || ring.flash.bytes[place..][..16] == before, "{note:?}");
        assert_eq!(contents(&mut reopen(ring)), [(key, vec![1; 61])]);
    }
}

/// Of a sector that is being erased the mark of an earlier note goes first, and its own note is
/// unread for once.
#[test]
fn a_note_whose_mark_was_erased_is_not_believed() {
    let mut ring = open(vec![0xff; 2 * SECTOR]);
    let key = ring.append("t-1", 7, &[1; 150], NOTHING).unwrap();
    let (place, own) = (FlashRing::<Nor>::ROOM, key as usize + FlashRing::<Nor>::ROOM);
    ring.flash.operations_left = 1;
    ring.append("t-1", 7, &[2; 150], NOTHING).unwrap_err();
    assert!(ring.read_note(place).is_some_and(|note| note.sector == 1));
    ring.flash.bytes[place + 16..place + 24].fill(0xff);
    ring.flash.torn.insert(own / 8);
    let mut ring = reopen(ring);
    ring.flash.torn.clear();
    let second = ring.append("t-1", 7, &[3; 150], NOTHING).unwrap();
    assert_eq!(contents(&mut reopen(ring)), [(key, vec![1; 150]), (second, vec![3; 150])]);
}

#[test]
fn a_mark_that_can_not_be_written_costs_one_sector() {
    let mark = FlashRing::<Nor>::ROOM + 16;
    let mut ring = FlashRing::open(Nor { stuck: Some(mark / 8), ..Nor::new() }).unwrap();
    ring.append("t-1", 7, &[1; 150], NOTHING).unwrap_err();
    let keys: Vec<u64> = iter::from_fn(|| ring.append("t-1", 7, &[2; 150], NOTHING).ok()).collect();
    assert_eq!(keys.len(), 7);
    let found = contents(&mut reopen(ring)).into_iter().map(|(key, _)| key);
    assert_eq!(found.collect::<Vec<_>>(), keys);
}

#[test]
fn the_ring_goes_on_behind_a_sector_that_got_no_batch() {
    let mut ring = FlashRing::open(Nor { checks: true, ..Nor::new() }).unwrap();
    let first = ring.append("t-1", 7, &[1; 150], NOTHING).unwrap();
    ring.flash.operations_left = 4;
    ring.append("t-1", 7, &[2; 150], NOTHING).unwrap_err();
    let next = reopen(ring).append("t-1", 7, &[3; 150], NOTHING).unwrap();
    assert_eq!(next - first, 2 * SECTOR as u64);
}

/// A program that goes on after a failed write.
#[test]
fn what_is_stored_after_a_failure_is_found() {
    let mut ring = FlashRing::open(Nor::new()).unwrap();
    ring.append("t-1", 7, &[1; 61], NOTHING).unwrap();
    for operations in 0..6 {
        ring.flash.operations_left = operations;
        ring.append("t-1", 7, &[2; 10], NOTHING).unwrap_err();
        ring.flash.operations_left = u32::MAX;
        ring.append("t-1", 7, &[3; 10], NOTHING).unwrap();
    }
    assert_eq!(contents(&mut reopen(ring)).len(), 7);
}
