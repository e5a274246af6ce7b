//! How errors and log lines name nodes and partitions.

use alloc::string::{String, ToString};
use core::fmt;

use super::{LaneId, Sender};
use crate::error::ErrorCode;
use crate::log::{Spot, line};
use crate::sync::{Lock, Platform};
use crate::texts::TEXTS;
use crate::transport::NodeId;

impl<X: Platform> Sender<X> {
    pub(super) fn note_error(&self, error: String) {
        line!(Warn, "{error}");
        self.shared.last_error.with(|last| *last = Some(error.into()));
    }

    /// What went wrong, and where.
    pub(super) fn blame(&self, id: NodeId, why: &dyn fmt::Display) -> String {
        if !TEXTS {
            return String::new();
        }
        let (node, why) = (self.name_of(id), why.to_string());
        // The transport may have said where.
        if why.starts_with(&node) { why } else { alloc::format!("{node}: {why}") }
    }

    pub(super) fn name_of(&self, id: NodeId) -> String {
        let address = self.nodes.get(&id).and_then(|node| node.address.as_ref());
        address.map_or_else(|| alloc::format!("node {id}"), ToString::to_string)
    }

    /// A lane's partition, for log lines.
    pub(super) fn spot(&self, id: LaneId) -> Spot<'_> {
        let lane = &self.lanes[id as usize];
        Spot { topic: &self.topics[lane.topic].state.name, partition: lane.partition.index }
    }
}

/// What a broker refuses, in `words` or by its code alone.
pub(super) fn refusal(words: fmt::Arguments<'_>, code: ErrorCode) -> String {
    if TEXTS { words.to_string() } else { code.name().into() }
}
