//! What must hold when a run is over, whatever went wrong in it.
//!
//! - *Acknowledged* means stored: in the partition that the delivery named, at the offset that it
//!   told, byte for byte, with the timestamp it told. With `acks=1` a record may be gone if the
//!   leader lost what it had not yet handed on; with `acks=0` nothing is promised but that nothing
//!   is stored twice.
//! - *Failed and not written*, and refused records, are in no log, but maybe one deleted since.
//! - With idempotence no log holds a record twice.
//! - Each task's records stand in a partition in the order of their sending: with idempotence all
//!   of them; without it, those that were acknowledged with `acks=all`, by the offsets they were
//!   told. The log of a topic that was deleted and made again is excused: its broker can't know
//!   what the one before held.
//! - Every record is in its log as it was sent, and was sent.

use std::collections::BTreeMap;

use ottla_core::{Acks, DeliveryError, ProducerConfig, RecordMetadata, Written};

use super::content::{Content, RecordId};
use super::history::{History, LogId};
use super::ledger::{Accepted, Entry, Ledger};
use crate::records::StoredRecord;

type Logs = BTreeMap<LogId, Vec<StoredRecord>>;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) config: &'a ProducerConfig,
    pub(crate) ledger: &'a Ledger,
    pub(crate) history: &'a History,
    pub(crate) logs: &'a Logs,
}

impl Checker<'_> {
    /// Looks for a broken rule.
    pub(crate) fn check(&self) -> Result<(), String> {
        let places = self.check_logs()?;
        for (entry, accepted) in self.accepted() {
            let id = entry.content.id;
            match accepted.outcome() {
                None if accepted.delivery.is_some() => {
                    return Err(format!("record {id} never had an outcome"));
                }
                None => {}
                Some(Ok(told)) => self.check_acknowledged(entry, accepted, &told, &places)?,
                Some(Err(error)) => self.check_failed(entry, &error, &places)?,
            }
        }
        self.check_told_order()
    }

    fn accepted(&self) -> impl Iterator<Item = (&Entry, &Accepted)> {
        let entry = |id: &RecordId| &self.ledger.entries[*id as usize];
        let accepted = self.ledger.accepted.iter().map(entry);
        accepted.filter_map(|entry| Some((entry, entry.accepted.as_ref()?)))
    }

    /// Each log for itself; returns in which logs, at which offsets, each record stands.
    fn check_logs(&self) -> Result<BTreeMap<RecordId, Vec<(LogId, i64)>>, String> {
        let mut places = BTreeMap::<RecordId, Vec<(LogId, i64)>>::new();
        for (log, records) in self.logs {
            let mut newest = BTreeMap::<u32, usize>::new();
            for stored in records {
                let (entry, accepted) = self.identify(log, stored)?;
                let id = entry.content.id;
                let before = places.entry(id).or_default();
                let repeats = before.iter().any(|(other, _)| other == log);
                if repeats && (self.config.enable_idempotence || self.config.acks == Acks::None) {
                    return Err(format!(
                        "record {id} is twice in {}, again at {}",
                        show(log),
                        stored.offset
                    ));
                }
                before.push((log.clone(), stored.offset));
                let newest = newest.entry(entry.task).or_default();
                if self.config.enable_idempotence && log.life == 0 && *newest > accepted.number {
                    return Err(format!(
                        "record {id} at offset {} of {} is behind one that was sent later",
                        stored.offset,
                        show(log)
                    ));
                }
                *newest = accepted.number.max(*newest);
            }
        }
        Ok(places)
    }

    /// The entry of a stored record that is where it belongs and as it was.
    fn identify(&self, log: &LogId, stored: &StoredRecord) -> Result<(&Entry, &Accepted), String> {
        let at = || format!("the record at offset {} of {}", stored.offset, show(log));
        let entry = Content::identify(stored).and_then(|id| self.ledger.entries.get(id as usize));
        let entry = entry.ok_or_else(|| format!("{} was never sent: {stored:?}", at()))?;
        let id = entry.content.id;
        if !entry.content.is(stored) {
            return Err(format!("{} is not as record {id} was sent: {stored:?}", at()));
        }
        let Some(accepted) = &entry.accepted else {
            return Err(format!("{} is record {id}, which was refused", at()));
        };
        if (entry.topic, accepted.partition) != (log.topic.as_str(), log.partition) {
            let (topic, partition) = (entry.topic, accepted.partition);
            return Err(format!("{} is record {id}, sent to {topic}-{partition}", at()));
        }
        Ok((entry, accepted))
    }

    fn check_acknowledged(
        &self,
        entry: &Entry,
        accepted: &Accepted,
        told: &RecordMetadata,
        places: &BTreeMap<RecordId, Vec<(LogId, i64)>>,
    ) -> Result<(), String> {
        let id = entry.content.id;
        if told.partition != accepted.partition {
            return Err(format!("record {id} was accepted for another partition than told"));
        }
        if self.config.acks == Acks::None {
            return Ok(());
        }
        let stands = places.get(&id).map_or(&[][..], Vec::as_slice);
        let there = |(_, offset): &&(LogId, i64)| told.offset.is_none_or(|told| told == *offset);
        if let Some((log, offset)) = stands.iter().find(there) {
            return self.check_timestamp(id, told, log, *offset);
        }
        let lost = self.config.acks == Acks::Leader && self.may_be_lost(entry, told);
        if lost {
            return Ok(());
        }
        let (topic, partition) = (entry.topic, told.partition);
        let offset = told.offset;
        Err(format!(
            "record {id} was acknowledged for offset {offset:?} of {topic}-{partition}, but stands at \
             {stands:?}"
        ))
    }

    fn check_failed(
        &self,
        entry: &Entry,
        error: &DeliveryError,
        places: &BTreeMap<RecordId, Vec<(LogId, i64)>>,
    ) -> Result<(), String> {
        let mut stands = places.get(&entry.content.id).into_iter().flatten();
        match stands.find(|(log, _)| !self.history.is_deleted(log)) {
            Some((log, offset)) if error.written == Written::No => Err(format!(
                "record {} failed ({error}), but stands at offset {offset} of {}",
                entry.content.id,
                show(log)
            )),
            _ => Ok(()),
        }
    }

    fn may_be_lost(&self, entry: &Entry, told: &RecordMetadata) -> bool {
        let mut lives = self
            .logs
            .keys()
            .filter(|log| (log.topic.as_str(), log.partition) == (entry.topic, told.partition));
        lives.any(|log| match told.offset {
            Some(offset) => self.history.was_cut(log, offset),
            None => self.history.was_ever_cut(log),
        })
    }

    fn check_timestamp(
        &self,
        id: RecordId,
        told: &RecordMetadata,
        log: &LogId,
        offset: i64,
    ) -> Result<(), String> {
        let stored = self.logs[log].iter().find(|stored| stored.offset == offset);
        match stored {
            Some(stored) if stored.timestamp != told.timestamp => Err(format!(
                "record {id} was acknowledged with the timestamp {}, stored with {}",
                told.timestamp, stored.timestamp
            )),
            _ => Ok(()),
        }
    }

    /// Acknowledged records of a task have rising offsets in each partition.
    fn check_told_order(&self) -> Result<(), String> {
        if self.config.acks != Acks::All {
            return Ok(());
        }
        let mut newest = BTreeMap::<(u32, &str, i32), i64>::new();
        for (entry, accepted) in self.accepted() {
            let recreated = self.logs.keys().any(|log| log.life > 0 && log.topic == entry.topic);
            let Some(Ok(RecordMetadata { offset: Some(offset), partition, .. })) =
                accepted.outcome().filter(|_| !recreated)
            else {
                continue;
            };
            let newest = newest.entry((entry.task, entry.topic, partition)).or_insert(-1);
            if offset <= *newest {
                return Err(format!(
                    "record {} of task {} was told offset {offset} of {}-{partition}, after {newest}",
                    entry.content.id, entry.task, entry.topic
                ));
            }
            *newest = offset;
        }
        Ok(())
    }
}

fn show(log: &LogId) -> String {
    let LogId { topic, life, partition } = log;
    if *life == 0 {
        format!("{topic}-{partition}")
    } else {
        format!("{topic}-{partition} (life {life})")
    }
}
