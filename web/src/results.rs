//! Outcomes as JavaScript reads them from this module's memory: rows of 32 bytes, little endian.
//!
//! | offset | type | |
//! | --- | --- | --- |
//! | 0 | `u32` | slot |
//! | 4 | `u32` | the record's place among those of the slot |
//! | 8 | `i32` | partition |
//! | 12 | `u32` | 0, or the number of its error, from 1 |
//! | 16 | `f64` | offset; −1 where the broker did not tell |
//! | 24 | `f64` | timestamp, in milliseconds since 1970 |

use alloc::vec::Vec;

use ottla_core::{DeliveryError, RecordMetadata, SendError};

use crate::failure::Failure;

/// The outcomes since JavaScript last read them.
#[derive(Debug, Default)]
pub struct Results {
    rows: Vec<u8>,
    errors: Vec<Failure>,
    /// The records of a batch fail alike, so that this is mostly the next error too.
    last: Option<DeliveryError>,
}

impl Results {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// The error of this number.
    #[must_use]
    pub fn error(&self, number: u32) -> Option<&Failure> {
        self.errors.get((number as usize).checked_sub(1)?)
    }

    /// Forgets all, but keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.errors.clear();
        self.last = None;
    }

    /// Something that is not a record is done: a flush, a close.
    pub(crate) fn done(&mut self, slot: u32) {
        self.row(slot, 0, -1, 0, -1.0, 0.0);
    }

    /// Something that is not a record could not be done.
    #[cfg(feature = "full")]
    pub(crate) fn undone(&mut self, slot: u32, failure: Failure) {
        self.errors.push(failure);
        self.last = None;
        self.row(slot, 0, -1, self.errors.len() as u32, -1.0, 0.0);
    }

    /// A record is not sent any more.
    #[cfg(feature = "full")]
    pub(crate) fn given_up(&mut self, slot: u32, index: u32, why: &Failure) {
        if self.errors.last() != Some(why) {
            self.errors.push(why.clone());
        }
        self.last = None;
        self.row(slot, index, -1, self.errors.len() as u32, -1.0, 0.0);
    }

    /// A record was not accepted.
    pub(crate) fn refused(&mut self, slot: u32, index: u32, error: &SendError) {
        let failure = Failure::from(error);
        if self.errors.last() != Some(&failure) {
            self.errors.push(failure);
        }
        self.last = None;
        self.row(slot, index, -1, self.errors.len() as u32, -1.0, 0.0);
    }

    /// A record that was accepted has its outcome.
    pub(crate) fn outcome(
        &mut self,
        slot: u32,
        index: u32,
        outcome: Result<RecordMetadata, DeliveryError>,
    ) {
        match outcome {
            Ok(stored) => {
                let offset = stored.offset.map_or(-1.0, |offset| offset as f64);
                self.row(slot, index, stored.partition, 0, offset, stored.timestamp as f64);
            }
            Err(error) => {
                if self.last.as_ref() != Some(&error) {
                    self.errors.push(Failure::from(&error));
                    self.last = Some(error);
                }
                self.row(slot, index, -1, self.errors.len() as u32, -1.0, 0.0);
            }
        }
    }

    fn row(
        &mut self,
        slot: u32,
        index: u32,
        partition: i32,
        error: u32,
        offset: f64,
        timestamp: f64,
    ) {
        self.rows.extend_from_slice(&slot.to_le_bytes());
        self.rows.extend_from_slice(&index.to_le_bytes());
        self.rows.extend_from_slice(&partition.to_le_bytes());
        self.rows.extend_from_slice(&error.to_le_bytes());
        self.rows.extend_from_slice(&offset.to_le_bytes());
        self.rows.extend_from_slice(&timestamp.to_le_bytes());
    }
}
