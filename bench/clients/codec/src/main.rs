//! What the codec itself costs under the benchmark's contract: the records of ottla's batches are
//! compressed, with its encoders, and go nowhere.
#![forbid(unsafe_code)]

use contract::{Latencies, Meter, Payload, Report, Task};
use ottla_core::records::{BATCH_OVERHEAD, BatchBuilder, Compression, Compressor, RecordFields};

fn main() {
    let task = Task::from_args();
    let codec = task.compression.parse().expect("it is the name of a codec");
    let compression = Compression::new(codec, None).expect("there is a default level");
    let mut compressor = Compressor::new(compression).expect("it is compiled in");
    let blocks = Blocks::new(&task, &mut Payload::read(&task), &mut compressor);
    blocks.compress(&mut compressor, task.warmup);
    let meter = Meter::start();
    let acknowledged = blocks.compress(&mut compressor, task.records);
    let used = meter.stop();
    let version = "–".to_owned();
    Report { version, acknowledged, used, latencies: Latencies::default() }.print();
}

/// The records of batches, one after the other in the payload's file, and how many each has.
struct Blocks {
    batches: Vec<Vec<u8>>,
    records: u64,
}

impl Blocks {
    /// As large as ottla's are when it knows how well the records compress.
    fn new(task: &Task, payload: &mut Payload, compressor: &mut Compressor) -> Self {
        let records = (task.batch_bytes / task.record_bytes).max(1);
        let first = batch(payload, records);
        let len = compress(compressor, &first);
        let records = records * task.batch_bytes / len;
        let batches = (payload.records() / records).max(1);
        let batches = (0..batches).map(|_| batch(payload, records)).collect();
        Self { batches, records: records as u64 }
    }

    /// Compresses so many records, the last batch in whole.
    fn compress(&self, compressor: &mut Compressor, records: u64) -> u64 {
        let count = records.div_ceil(self.records);
        for batch in self.batches.iter().cycle().take(count as usize) {
            compress(compressor, batch);
        }
        records
    }
}

fn batch(payload: &mut Payload, records: usize) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::new());
    for _ in 0..records {
        let fields = RecordFields { key: None, value: Some(payload.next_record()), headers: &[] };
        batch.append(&fields, 0).expect("there is room");
    }
    batch.into_bytes()
}

/// The size of the batch's records, compressed.
fn compress(compressor: &mut Compressor, batch: &[u8]) -> usize {
    let smaller = compressor.compress(&batch[BATCH_OVERHEAD..]).expect("it compresses");
    smaller.expect("log lines get smaller").len()
}
