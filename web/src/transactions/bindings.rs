//! What JavaScript calls for transactions. A row tells each call's slot what became of it.

use alloc::string::String;

use wasm_bindgen::prelude::wasm_bindgen;

use super::{Asked, Group, Offset, Offsets};
use crate::bindings::Engine;

#[wasm_bindgen]
impl Engine {
    /// When all records that wait for metadata or memory have been taken, or refused.
    pub fn accept(&mut self, slot: u32) {
        self.inner.accept(slot);
    }

    /// Takes over the transactional id.
    pub fn initialise(&mut self, slot: u32) {
        self.inner.initialise(slot);
    }

    /// Begins a transaction.
    pub fn begin(&mut self, slot: u32) {
        self.inner.ask(slot, Asked::Begin);
    }

    /// One of the offsets that [`send_offsets`](Self::send_offsets) then sends.
    pub fn offset(
        &mut self,
        topic: String,
        partition: i32,
        offset: f64,
        leader_epoch: i32,
        metadata: String,
    ) {
        let offset = offset as i64;
        self.offsets.push(Offset { topic, partition, offset, leader_epoch, metadata });
    }

    /// Makes the offsets part of the transaction.
    pub fn send_offsets(
        &mut self,
        slot: u32,
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String>,
    ) {
        let offsets = core::mem::take(&mut self.offsets);
        let group = Group { group_id, generation_id, member_id, group_instance_id };
        self.inner.ask(slot, Asked::Offsets(Offsets { offsets, group }));
    }

    /// Commits or aborts.
    pub fn end(&mut self, slot: u32, commit: bool) {
        self.inner.ask(slot, Asked::End { commit });
    }
}
