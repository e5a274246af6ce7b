//! What stands in for `wire.rs` where a bridge is the only way to Kafka.

use ottla_core::time::Instant;
use ottla_transport_ws::WsTransport;

use crate::channel::ChannelSocket;
use crate::engine::Driven;

pub(crate) type Wire = WsTransport<ChannelSocket>;

impl Driven for Wire {
    fn advance(&mut self, now: Instant) {
        Self::advance(self, now);
    }

    fn next_wake(&self, now: Instant) -> Option<Instant> {
        Self::next_wake(self, now)
    }

    fn take_lost_lease(&mut self) -> Option<i64> {
        Self::take_lost_lease(self)
    }
}
