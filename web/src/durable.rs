//! Batches that outlive the page.

use alloc::vec::Vec;

use ottla_transport_ws::HeldLease;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::bindings::Engine;
use crate::channel::Link;

#[wasm_bindgen]
impl Engine {
    /// From now on batches are stored before they are sent; to be called before the first record.
    pub fn store_batches(&mut self) {
        self.inner.store_batches();
    }

    /// The next batch to be stored, little endian: its number, its topic's, the partition, how many
    /// records of open promises it has (`u32` each), the key that it replaces (`f64`, −1 for none),
    /// slot and index of each of these records (`u32` each), and the batch.
    pub fn next_to_store(&mut self) -> Option<Vec<u8>> {
        let keep = self.inner.next_to_store()?;
        let number = self.next_number;
        let head = [number, keep.topic, keep.batch.partition as u32, keep.records.len() as u32];
        let mut out: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        out.extend(keep.batch.replaces.map_or(-1.0, |key| key as f64).to_le_bytes());
        for (slot, index) in &keep.records {
            out.extend(slot.to_le_bytes());
            out.extend(index.to_le_bytes());
        }
        out.extend(keep.batch.bytes);
        let ticket = keep.batch.ticket;
        self.next_number = number.wrapping_add(1);
        self.storing.push((number, ticket));
        Some(out)
    }

    /// The batch of this number is stored under this key; −1: it could not be.
    pub fn stored(&mut self, number: u32, key: f64) {
        let at = self.storing.iter().position(|(storing, _)| *storing == number);
        if let Some(at) = at {
            let (_, ticket) = self.storing.swap_remove(at);
            self.inner.stored(ticket, (key >= 0.0).then_some(key as u64));
        }
    }

    /// The key of the next batch that need not be stored any more, or −1.
    pub fn next_to_remove(&mut self) -> f64 {
        self.inner.next_to_remove().map_or(-1.0, |key| key as f64)
    }
}

#[wasm_bindgen]
impl Link {
    /// A lease that an earlier page had, whose batches are to be sent again; to be called first.
    pub fn resume(&self, producer_id: f64, ticket: Vec<u8>) {
        let producer_id = producer_id as i64;
        self.transport().resume(HeldLease { producer_id, ticket, is_former: true });
    }

    /// Changes whenever `leases` do.
    pub fn lease_changes(&self) -> u32 {
        self.transport().lease_changes()
    }

    /// All leases, each as producer id (`f64`, little endian), whether it was an earlier page's
    /// (`u8`), the bytes of its ticket (`u8`) and these.
    pub fn leases(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for HeldLease { producer_id, ticket, is_former } in self.transport().leases() {
            out.extend((producer_id as f64).to_le_bytes());
            out.push(u8::from(is_former));
            out.push(ticket.len() as u8);
            out.extend(ticket);
        }
        out
    }

    /// Ends a lease of which every batch has its outcome.
    pub fn release(&self, producer_id: f64) {
        self.transport().release(producer_id as i64);
    }
}
