//! Where there are no transactions: nothing to do, nothing to wait for, and no code for it.

use core::convert::Infallible;
use core::time::Duration;

use super::response::Nonsense;
use super::{LaneId, Sender};
use crate::error::{DeliveryError, ErrorCode};
use crate::protocol::api_key::ApiKey;
use crate::protocol::api_versions::Features;
use crate::sync::{Arc, Platform};
use crate::time::Instant;
use crate::transport::NodeId;

/// No request is about transactions.
pub(super) struct Asked(Infallible);

impl Asked {
    pub(super) fn key(&self) -> ApiKey {
        match self.0 {}
    }
}

impl<X: Platform> Sender<X> {
    pub(super) const fn transactional_id(&self) -> Option<&str> {
        None
    }

    pub(super) const fn produce_limit(&self) -> i16 {
        i16::MAX
    }

    pub(super) const fn join_transaction(&mut self, _lane: LaneId) -> bool {
        true
    }

    pub(super) const fn mend_by_abort(&mut self, _lane: LaneId) -> bool {
        false
    }

    pub(super) const fn shorten(&self, backoff: Duration, _code: Option<ErrorCode>) -> Duration {
        backoff
    }

    pub(super) const fn doom_transaction(&mut self, _error: &DeliveryError, _numbered: bool) {}

    pub(super) const fn lose_log(&mut self, _lane: LaneId) {}

    pub(super) const fn batch_opened(&mut self) {}

    pub(super) const fn advance_transaction(&mut self, _now: Instant) {}

    pub(super) const fn transaction_due(&self) -> Option<Instant> {
        None
    }

    pub(super) const fn close_transaction(&mut self) {}

    pub(super) const fn is_transaction_settled(&self) -> bool {
        true
    }

    pub(super) const fn stop_transactions(&mut self) {}

    pub(super) const fn learn_features(&mut self, _features: Features) {}

    pub(super) const fn coordinator_lost(&mut self, _node: NodeId) {}

    pub(super) const fn coordinator_silent(&mut self, asked: &Asked, _now: Instant) {
        match asked.0 {}
    }

    pub(super) const fn distrust_transaction(&mut self, _why: &Arc<str>) {}

    pub(super) const fn handle_coordinator(
        &mut self,
        _node: NodeId,
        _body: &[u8],
        _version: i16,
        _now: Instant,
    ) -> Result<(), Nonsense> {
        Err(Nonsense::Unasked)
    }
}
