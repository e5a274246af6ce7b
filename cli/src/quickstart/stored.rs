//! What the broker gives back, and whether it is what was in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::read::{Reader, Stored, to_json};

/// Records of a partition that are shown.
const SAMPLES: usize = 2;

/// A record's bytes; `None` is null.
type Bytes = Option<Vec<u8>>;

/// What is in one partition.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) records: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) batches: u64,
    /// Keys and values.
    pub(crate) raw_bytes: u64,
    /// Whole batches, compressed.
    pub(crate) stored_bytes: u64,
}

/// A record to show.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
    /// The same for programs.
    pub(crate) json: Value,
}

/// A topic, read back.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    pub(crate) partitions: BTreeMap<i32, Partition>,
    pub(crate) samples: Vec<Sample>,
    /// Values by key, in the order in which they are stored, and where.
    by_key: HashMap<Bytes, (Vec<Bytes>, BTreeSet<i32>)>,
}

impl Reader for Topic {
    fn batch(&mut self, partition: i32, bytes: usize) {
        let partition = self.partitions.entry(partition).or_default();
        partition.batches += 1;
        partition.stored_bytes += bytes as u64;
    }

    fn record(&mut self, stored: &Stored<'_>) -> Result<(), Failure> {
        let record = &stored.record;
        let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
        let len = |bytes: &Bytes| bytes.as_ref().map_or(0, Vec::len) as u64;
        let partition = self.partitions.entry(stored.partition).or_default();
        if partition.records == 0 {
            partition.first = stored.offset;
        }
        partition.last = stored.offset;
        partition.records += 1;
        partition.raw_bytes += len(&key) + len(&value);
        if partition.records <= SAMPLES as u64 {
            let (partition, offset) = (stored.partition, stored.offset);
            let (timestamp, key, value) = (record.timestamp, key.clone(), value.clone());
            let json = to_json(stored);
            self.samples.push(Sample { partition, offset, timestamp, key, value, json });
        }
        let (values, partitions) = self.by_key.entry(key).or_default();
        values.push(value);
        partitions.insert(stored.partition);
        Ok(())
    }
}

impl Topic {
    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.partitions.values().map(|partition| partition.records).sum()
    }

    /// Whether exactly the lines of `input` are stored, those of a key in one partition and in
    /// order.
    pub(crate) fn verify(&self, input: &[u8]) -> Result<(), Failure> {
        let mut expected: HashMap<Bytes, Vec<Bytes>> = HashMap::new();
        for line in input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (key, value) = match line.iter().position(|byte| *byte == b':') {
                Some(colon) => (Some(line[..colon].to_vec()), line[colon + 1..].to_vec()),
                None => (None, line.to_vec()),
            };
            expected.entry(key).or_default().push(Some(value));
        }
        if expected.len() != self.by_key.len() {
            return Err(Failure::new("the keys stored are not those of the file"));
        }
        for (key, mut values) in expected {
            let Some((stored, partitions)) = self.by_key.get(&key) else {
                return Err(differs(&key, "is not stored"));
            };
            let mut stored = stored.clone();
            if key.is_none() {
                // Without a key there is no order to keep.
                values.sort();
                stored.sort();
            } else if partitions.len() > 1 {
                return Err(differs(&key, "is in several partitions"));
            }
            if stored != values {
                return Err(differs(&key, "has other values, or in another order"));
            }
        }
        Ok(())
    }

    /// For `--json`.
    pub(crate) fn to_json(&self) -> Value {
        let partitions = self.partitions.iter().map(|(number, partition)| {
            json!({
                "partition": number,
                "records": partition.records,
                "first_offset": partition.first,
                "last_offset": partition.last,
                "batches": partition.batches,
                "raw_bytes": partition.raw_bytes,
                "stored_bytes": partition.stored_bytes,
            })
        });
        partitions.collect()
    }
}

fn differs(key: &Bytes, how: &str) -> Failure {
    let key = key.as_deref().map_or_else(|| "(none)".into(), String::from_utf8_lossy);
    Failure::new(format!("what was read back differs from the file: key {key} {how}"))
}
