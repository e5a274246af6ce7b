//! Metadata of clusters that are too large for the receive buffer.
//!
//! Which brokers lead is known at the end of an answer, their addresses stand at its beginning. So
//! it takes two answers where there is little memory: the first tells who leads, and from the next
//! one those are kept.

use alloc::boxed::Box;
use alloc::string::String;
use core::ops::ControlFlow;

use super::Sender;
use super::node::Request;
use crate::protocol::condenser::MetadataCondenser;
use crate::protocol::frame::FrameReader;
use crate::sync::Platform;
use crate::texts::text_of;
use crate::time::Instant;
use crate::transport::NodeId;

/// Whether it is compiled in.
const CONDENSE: bool = cfg!(feature = "condense");

impl<X: Platform> Sender<X> {
    /// Reads on in a long answer, or begins with one. Breaks where more bytes have to come.
    pub(super) fn condense(
        &mut self,
        id: NodeId,
        reader: &mut FrameReader,
        now: Instant,
    ) -> Result<ControlFlow<()>, String> {
        if !CONDENSE {
            return Ok(ControlFlow::Continue(()));
        }
        let begun = self.nodes.get_mut(&id).and_then(|node| node.condenser.take());
        let Some(mut condenser) = begun.or_else(|| self.begin_condensing(id, reader)) else {
            return Ok(ControlFlow::Continue(()));
        };
        let taken = condenser.feed(reader.received()).map_err(|error| text_of(&error))?;
        reader.consume(taken);
        match condenser.finish() {
            Some(frame) => {
                self.handle_frame(id, &frame, now).map_err(|error| text_of(&error))?;
                Ok(ControlFlow::Continue(()))
            }
            None => {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.condenser = Some(condenser);
                }
                Ok(ControlFlow::Break(()))
            }
        }
    }

    /// Only Metadata gets longer with the cluster; what else is too long is an error.
    fn begin_condensing(
        &self,
        id: NodeId,
        reader: &mut FrameReader,
    ) -> Option<Box<MetadataCondenser>> {
        let size = reader.too_long()?;
        let request = self.nodes.get(&id)?.in_flight.front().filter(|r| r.is_written())?;
        if !matches!(request.request, Request::Metadata) {
            return None;
        }
        reader.skip_size();
        let leads = |id: &&NodeId| self.lanes.iter().any(|lane| lane.leader == Some(**id));
        let wanted = self.nodes.keys().filter(leads).chain(&self.metadata.sought);
        let wanted = wanted.map(|node| node.0).collect();
        let max = self.config().receive_max_bytes;
        Some(Box::new(MetadataCondenser::new(size, request.version, wanted, max)))
    }
}
