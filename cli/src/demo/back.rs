//! The demo's topic, read back from the broker by Fetch requests, as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::TOPIC;
use crate::client::Properties;
use crate::failure::Failure;
use crate::read::batches::{self, Reader, Stored};
use crate::read::topic::{Range, Topic};

/// What is stored from these offsets on, one for each partition and 0 where one is missing:
/// `{"records": […], "next": […]}`, with the offsets to go on from.
pub(super) fn read(brokers: &str, from: &[i64]) -> Result<Value, Failure> {
    let mut properties = Properties::new();
    properties.set_brokers(brokers);
    let mut topic = Topic::open(properties.ask()?, TOPIC)?;
    let (mut records, mut next) = (Records::default(), BTreeMap::new());
    for partition in topic.partitions() {
        let index = usize::try_from(partition).unwrap_or_default();
        let Range { first, end } = topic.range(partition)?;
        let start = from.get(index).copied().unwrap_or_default().max(first);
        topic.fetch(partition, Range { first: start, end }, |fetched| {
            batches::read(partition, start, fetched, &mut records)
        })?;
        next.insert(partition, start.max(end));
    }
    let next: Vec<i64> = next.into_values().collect();
    Ok(json!({ "records": records.0, "next": next }))
}

#[derive(Default)]
struct Records(Vec<Value>);

impl Reader for Records {
    fn batch(&mut self, _: i32, _: usize) {}

    fn record(&mut self, stored: &Stored<'_>) -> Result<(), Failure> {
        let text =
            |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        self.0.push(json!({
            "partition": stored.partition,
            "offset": stored.offset,
            "key": text(stored.record.key),
            "value": text(stored.record.value),
        }));
        Ok(())
    }
}
