//! A producer whose batches lie in flash until they are acknowledged.

use alloc::collections::VecDeque;
use core::cell::RefCell;

use embedded_storage::nor_flash::NorFlash;
use ottla_core::sync::Platform;
use ottla_core::transport::Transport;
use ottla_core::{Driver, Producer, SendError};

use crate::flash_ring::{FlashEntry, FlashRing};

/// Stores what the driver hands out, and removes what it no longer needs. To be called after each
/// poll of a driver that [stores batches](Driver::store_batches), as
/// [`drive_storing`](crate::drive_storing) does; returns whether the driver has to be polled again.
///
/// What can't be stored is sent all the same; `failed` hears of it.
pub fn keep<X: Platform, T: Transport, F: NorFlash>(
    driver: &mut Driver<X, T>,
    ring: &RefCell<FlashRing<F>>,
    mut failed: impl FnMut(),
) -> bool {
    let mut ring = ring.borrow_mut();
    let mut stored = false;
    while let Some(batch) = driver.next_to_store() {
        let key = ring.store(&batch).ok();
        if key.is_none() {
            failed();
        }
        let ticket = batch.ticket;
        driver.stored(ticket, key);
        stored = true;
    }
    while let Some(key) = driver.next_to_remove() {
        // A mark that can't be written leaves a batch that is sent once more after a reset.
        let _ = ring.remove(key);
    }
    stored
}

/// Sends again what an earlier run left in flash, and returns how many batches that were. To be
/// awaited before the first new record is sent. A batch that is damaged, or whose partition is
/// gone, is removed; one that can't be read now stays.
///
/// # Errors
/// [`SendError`] where the cluster can't be reached within `max.block.ms`, or, when all others were
/// sent, where it refuses a topic; what was not sent stays in flash.
pub async fn resend_all<X: Platform, F: NorFlash>(
    producer: &Producer<X>,
    ring: &RefCell<FlashRing<F>>,
) -> Result<u32, SendError> {
    let mut count = 0;
    let mut deliveries = VecDeque::new();
    let mut refused = Ok(());
    // What is stored from now on is on its way already.
    let end = ring.borrow().next_order();
    let mut last: Option<FlashEntry> = None;
    while let Some(entry) = { ring.borrow_mut().next_after(last.as_ref()) }
        && entry.order < end
    {
        last = Some(entry);
        let Ok(topic) = ({ ring.borrow_mut().topic(&entry) }) else { continue };
        loop {
            // Bytes that can't be read are no batch, which the producer sees.
            let mut is_read = true;
            let read = |bytes: &mut [u8]| is_read = ring.borrow_mut().read(&entry, bytes).is_ok();
            match producer.try_resend(&topic, entry.partition, entry.key, entry.len, read) {
                Ok(delivery) => {
                    deliveries.push_back(delivery);
                    count += 1;
                    break;
                }
                Err(SendError::BufferFull) if !deliveries.is_empty() => {
                    // All that takes memory by now are the batches before this one.
                    if let Some(oldest) = deliveries.pop_front() {
                        let _ = oldest.await;
                    }
                }
                Err(SendError::MetadataPending) => match producer.partitions(&topic).await {
                    Ok(partitions) if partitions > entry.partition as u32 => {}
                    Ok(_) => {
                        let _ = ring.borrow_mut().remove(entry.key);
                        break;
                    }
                    Err(error @ SendError::Topic { .. }) => {
                        refused = refused.and(Err(error));
                        break;
                    }
                    Err(error) => return Err(error),
                },
                Err(SendError::InvalidRecord(_)) => {
                    if is_read {
                        let _ = ring.borrow_mut().remove(entry.key);
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    refused.map(|()| count)
}
