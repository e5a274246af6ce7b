//! A broker in a process of its own that counts what arrives and discards it.
//!
//! `TOPIC PARTITIONS NODES LATE_MS`: a topic and its partitions, nodes, and how much later than the
//! others the last node answers. It prints its addresses on one line; then, for every line that it
//! reads, what has arrived since the last one, as JSON. It ends with its input.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;
use std::{env, io};

use ottla_sim::dev::{Arrived, DevBroker, DevBrokerOptions, Sink};
use serde_json::{Value, json};

type Counts = BTreeMap<(Vec<u8>, i32), Arrived>;

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let numbers: Vec<u16> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let ([topic, ..], &[partitions, nodes, late_ms]) = (&words[..], &numbers[..]) else {
        return Err(io::Error::other("usage: ottla-bench-sink TOPIC PARTITIONS NODES LATE_MS"));
    };
    let late = (late_ms > 0).then(|| (i32::from(nodes), Duration::from_millis(late_ms.into())));
    let broker = DevBroker::start(DevBrokerOptions {
        partitions_per_topic: partitions.into(),
        nodes,
        sink: true,
        late,
        ..DevBrokerOptions::default()
    })?;
    let created = broker.cluster().create_topic(topic, partitions.into(), Duration::ZERO);
    created.map_err(|error| io::Error::other(format!("{error:?}")))?;
    let addresses: Vec<_> = broker.addresses().iter().map(ToString::to_string).collect();
    println!("{}", addresses.join(","));
    let mut before = Counts::new();
    for line in io::stdin().lines() {
        line?;
        let now = broker.sink().map(Sink::arrived).unwrap_or_default();
        println!("{}", since(&before, &now));
        before = now;
    }
    Ok(())
}

/// What arrived between two looks, and in how many partitions.
fn since(before: &Counts, now: &Counts) -> Value {
    let mut sum = Arrived::default();
    let mut partitions = 0;
    for (key, now) in now {
        let before = before.get(key).copied().unwrap_or_default();
        sum.records += now.records - before.records;
        sum.batches += now.batches - before.batches;
        sum.bytes += now.bytes - before.bytes;
        partitions += u32::from(now.records > before.records);
    }
    json!({
        "records": sum.records,
        "batches": sum.batches,
        "bytes": sum.bytes,
        "partitions": partitions,
    })
}
