//! A topic that was deleted and created again: another log, and maybe fewer partitions.

use alloc::vec::Vec;
use core::mem;

use super::{LaneId, Sender};
use crate::error::Reason;
use crate::protocol::api_key::BROKERS;
use crate::protocol::uuid::Uuid;
use crate::sync::Platform;

impl<X: Platform> Sender<X> {
    /// Another id means another topic of the same name (KIP-516). What was on its way to the old
    /// one is lost or in a log that is gone; what was never sent goes to the new one.
    pub(super) fn apply_topic_id(&mut self, index: usize, id: Uuid) {
        if !BROKERS {
            return; // a bridge tells no ids
        }
        let old = mem::replace(&mut self.topics[index].id, id);
        if old.is_zero() || id.is_zero() || old == id {
            return;
        }
        self.topics[index].count = 0;
        for lane_id in self.topics[index].lanes.clone() {
            let lane = &mut self.lanes[lane_id as usize];
            (lane.leader, lane.leader_epoch) = (None, -1);
            lane.gap = true; // the new log knows nothing of the old one's sequences
            self.lose_log(lane_id);
            let lane = &mut self.lanes[lane_id as usize];
            let sealed = mem::take(&mut lane.retries);
            let (sent, unsent) = sealed.into_iter().partition::<Vec<_>, _>(|batch| batch.resend);
            lane.retries = unsent.into();
            for batch in sent {
                let error = batch.failed(Reason::TopicRecreated);
                self.fail(lane_id, batch, error);
            }
        }
    }

    /// Whether the topic was created anew without this partition.
    pub(super) fn is_gone(&self, id: LaneId) -> bool {
        if !BROKERS {
            return false;
        }
        let lane = &self.lanes[id as usize];
        lane.partition.index as usize >= self.topics[lane.topic].count
    }
}
