//! What must hold of transactions when a run is over.
//!
//! - No transaction goes on for ever: the coordinator knows of none that is not over.
//! - Of a transaction that the application was told to be committed, all records are visible to
//!   those who read committed records, each once; of one that was aborted, or never committed, no
//!   record is. Where nobody told, all are or none is.
//! - The group's offset is that of the last transaction that was committed with one.
//! - What was ever seen by those who read committed records is what is visible in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::content::{Content, RecordId};
use super::ledger::{Ledger, Told, TransactionEntry};
use super::network::World;
use super::transacting::{CONSUMED, GROUP};

/// Longer than any transaction may take.
const ALL_TIMEOUTS: Duration = Duration::from_secs(3600);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Atomicity<'a> {
    pub(crate) ledger: &'a Ledger,
}

impl Atomicity<'_> {
    /// Looks for a broken rule at the end of a run.
    pub(crate) fn check(&self, world: &mut World, now: Duration) -> Result<(), String> {
        if self.ledger.transactions.is_empty() {
            return Ok(());
        }
        world.cluster.elect_leaders(now).map_err(|error| error.to_string())?;
        if !world.cluster.transactions_are_over(now + ALL_TIMEOUTS)
            && !world.cluster.transactions_are_over(now + ALL_TIMEOUTS + ALL_TIMEOUTS)
        {
            return Err("a transaction never ends".to_owned());
        }
        let visible = visible(world)?;
        let mut offsets = BTreeSet::from([None]);
        for (index, transaction) in self.ledger.transactions.iter().enumerate() {
            let committed = was_committed(index, transaction, &visible)?;
            if let Some(offset) = transaction.offset {
                match committed {
                    Some(true) if !transaction.offset_unsure => {
                        offsets = BTreeSet::from([Some(offset)]);
                    }
                    Some(true) | None => drop(offsets.insert(Some(offset))),
                    Some(false) => {}
                }
            }
        }
        let offset = world.cluster.committed_offset(GROUP, CONSUMED, 0);
        if !offsets.contains(&offset) {
            return Err(format!("the group's offset is {offset:?}, not one of {offsets:?}"));
        }
        Ok(())
    }
}

/// Whether a transaction was committed; `None` where that can't be told.
fn was_committed(
    index: usize,
    transaction: &TransactionEntry,
    visible: &BTreeMap<RecordId, u32>,
) -> Result<Option<bool>, String> {
    let times = |id: &RecordId| visible.get(id).copied().unwrap_or(0);
    let shown = transaction.records.iter().find(|id| times(id) > 0);
    let hidden = transaction.records.iter().find(|id| times(id) == 0);
    if let Some(id) = transaction.records.iter().find(|id| times(id) > 1) {
        return Err(format!("record {id} of transaction {index} is visible twice"));
    }
    match (transaction.told, shown, hidden) {
        (Told::Committed, _, Some(id)) => {
            Err(format!("transaction {index} was committed, but record {id} is not visible"))
        }
        (Told::Aborted, Some(id), _) => {
            Err(format!("transaction {index} was aborted, but record {id} is visible"))
        }
        (Told::Nothing, Some(shown), Some(hidden)) => Err(format!(
            "of transaction {index}, record {shown} is visible, but record {hidden} is not"
        )),
        (Told::Committed, ..) | (Told::Nothing, Some(_), None) => Ok(Some(true)),
        (Told::Aborted, ..) | (Told::Nothing, None, Some(_)) => Ok(Some(false)),
        (Told::Nothing, None, None) => Ok(None),
    }
}

/// How often each record is visible to those who read committed records. What they saw on the way
/// has to be the same as far as it went.
fn visible(world: &World) -> Result<BTreeMap<RecordId, u32>, String> {
    let mut times = BTreeMap::new();
    let topics: Vec<_> = world.cluster.topics().map(|(name, _, n)| (name.to_owned(), n)).collect();
    for (topic, count) in topics {
        for partition in 0..count as i32 {
            let records = world.cluster.committed_records(&topic, partition);
            let records = records.map_err(|error| error.to_string())?;
            let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
            if let Some((end, seen)) = world.seen.get(&(topic.clone(), partition)) {
                let until = offsets.partition_point(|offset| offset < end);
                if offsets[..until] != seen[..] {
                    return Err(format!(
                        "readers of {topic}-{partition} saw {seen:?} below {end}, not {:?}",
                        &offsets[..until]
                    ));
                }
            }
            for record in &records {
                if let Some(id) = Content::identify(record) {
                    *times.entry(id).or_default() += 1;
                }
            }
        }
    }
    Ok(times)
}
