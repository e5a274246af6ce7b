//! What the codec itself costs under the benchmark's contract: the records of ottla's batches are
//! compressed, with its encoders, and go nowhere.
#![forbid(unsafe_code)]

use contract::{Latencies, Meter, Payload, Report, Task};
use ottla_core::records::{BATCH_OVERHEAD, BatchBuilder, Compression, Compressor, RecordFields};

/// Uncompressed, a batch grows to twice the bytes that it may have on the wire.
const GROWTH: usize = 2;

fn main() {
    let task = Task::from_args();
    let blocks = Blocks::new(&task, &mut Payload::read(&task));
    let codec = task.compression.parse().expect("it is the name of a codec");
    let compression = Compression::new(codec, None).expect("there is a default level");
    let mut compressor = Compressor::new(compression).expect("it is compiled in");
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
    fn new(task: &Task, payload: &mut Payload) -> Self {
        let most = GROWTH * task.batch_bytes;
        let records = (most / (task.record_bytes + 10)).max(1) as u64;
        let file = std::fs::metadata(&task.payload).expect("the payload file is there").len();
        let batches = file / (records * task.record_bytes as u64);
        let batches = (0..batches.max(1)).map(|_| batch(payload, records)).collect();
        Self { batches, records }
    }

    /// Compresses so many records, the last batch in whole.
    fn compress(&self, compressor: &mut Compressor, records: u64) -> u64 {
        let count = records.div_ceil(self.records);
        for batch in self.batches.iter().cycle().take(count as usize) {
            let smaller = compressor.compress(&batch[BATCH_OVERHEAD..]).expect("it compresses");
            assert!(smaller.is_some(), "what is compressed is smaller");
        }
        records
    }
}

fn batch(payload: &mut Payload, records: u64) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::new());
    for _ in 0..records {
        let fields = RecordFields { key: None, value: Some(payload.next()), headers: &[] };
        batch.append(&fields, 0).expect("there is room");
    }
    batch.into_bytes()
}
