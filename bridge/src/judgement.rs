//! What a client's bytes are held to, without a session: for tests that try all kinds of bytes.

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::error_code::ErrorCode;

use crate::config::Limits;
use crate::kafka::batch::{self, BatchRules, Identity};
use crate::kafka::metadata::Asked;
use crate::kafka::produce::{Plan, Rules};
use crate::kafka::{Call, api_versions, init_producer_id};
use crate::session::rules::batch_rules;

/// Everything is granted; what remains are the limits that a new configuration has.
struct Everybody(BatchRules);

impl Rules for Everybody {
    fn holds(&self, _: Identity) -> bool {
        true
    }

    fn grants(&self, _: &str) -> bool {
        true
    }

    fn counts(&self) -> (usize, usize) {
        let limits = Limits::default();
        (limits.topics_per_request, limits.partitions_per_request)
    }

    fn batches(&self) -> &BatchRules {
        &self.0
    }
}

/// Judges a partition's bytes.
///
/// # Errors
/// What the partition would be told.
pub fn of_batch(bytes: &[u8]) -> Result<(), ErrorCode> {
    batch::check(bytes, &batch_rules(&Limits::default()), &mut Vec::new())
}

/// Reads a request without its size, and writes anew what of it a broker would get or a client be
/// answered. `None` where there is nothing of that.
#[must_use]
pub fn of_request(frame: &[u8]) -> Option<Vec<u8>> {
    let call = Call::parse(frame).ok()?;
    match call.key {
        ApiKey::Produce => {
            let rules = Everybody(batch_rules(&Limits::default()));
            let plan = Plan::new(&call, &rules, &mut Vec::new()).ok()?;
            Some(plan.request(call.body, call.version, |_, _| true))
        }
        ApiKey::Metadata => match Asked::parse(&call).ok()? {
            Asked::All => Some(Vec::new()),
            Asked::Names(names) => Some(names.concat().into_bytes()),
        },
        ApiKey::InitProducerId => {
            let asked = init_producer_id::Request::parse(&call).ok()?;
            let identity = Ok((asked.producer_id, asked.epoch));
            Some(init_producer_id::answer(call.version, call.correlation_id, identity))
        }
        _ => api_versions::answer(&call).ok(),
    }
}
