//! What a session's Produce requests are held to.

use std::ops::RangeInclusive;

use crate::auth::Topics;
use crate::config::Limits;
use crate::id::SessionId;
use crate::kafka::batch::{BatchRules, Identity};
use crate::kafka::produce::Rules;
use crate::lease::{Leases, now_ms};

/// The rules for batches that the configuration makes, now.
pub(crate) fn batch_rules(limits: &Limits) -> BatchRules {
    BatchRules {
        records: limits.batch_records,
        inspect: limits.inspect,
        inspect_bytes: limits.inspect_bytes,
        inspect_ratio: limits.inspect_ratio,
        timestamps: timestamps(limits),
    }
}

fn timestamps(limits: &Limits) -> RangeInclusive<i64> {
    let (now, ms) = (now_ms(), |seconds: u64| i64::try_from(seconds * 1000).unwrap_or(i64::MAX));
    let oldest = match limits.timestamp_past_s {
        0 => i64::MIN,
        past => now.saturating_sub(ms(past)),
    };
    let newest = match limits.timestamp_future_s {
        0 => i64::MAX,
        future => now.saturating_add(ms(future)),
    };
    oldest..=newest
}

/// The rules of one session.
pub(crate) struct ProduceRules<'a> {
    pub(crate) session: SessionId,
    pub(crate) leases: &'a Leases,
    pub(crate) topics: &'a Topics,
    pub(crate) limits: &'a Limits,
    pub(crate) batches: &'a BatchRules,
}

impl Rules for ProduceRules<'_> {
    fn holds(&self, identity: Identity) -> bool {
        self.leases.holds(self.session, identity)
    }

    fn grants(&self, topic: &str) -> bool {
        self.topics.grants(topic)
    }

    fn counts(&self) -> (usize, usize) {
        (self.limits.topics_per_request, self.limits.partitions_per_request)
    }

    fn batches(&self) -> &BatchRules {
        self.batches
    }
}
