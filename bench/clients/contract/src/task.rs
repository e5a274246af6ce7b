//! What a program is to do: `key=value` words, which every language reads without a library.

use std::collections::HashMap;
use std::env;
use std::time::Duration;

/// How records are sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Mode {
    /// As fast as they go.
    Flood,
    /// One at a time, each awaited.
    Await,
    /// So many a second.
    Pace(f64),
}

/// One run's task.
#[derive(Clone, Debug)]
pub struct Task {
    /// `HOST:PORT` of brokers, with commas between.
    pub bootstrap: String,
    /// The topic.
    pub topic: String,
    /// Its partitions.
    pub partitions: u32,
    /// The file of records, one after the other.
    pub payload: String,
    /// Bytes of each.
    pub record_bytes: usize,
    /// Records that are measured.
    pub records: u64,
    /// Records before those, which are awaited and not measured.
    pub warmup: u64,
    /// Threads that send.
    pub threads: u32,
    /// `none`, `lz4` or `zstd`.
    pub compression: String,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// Bytes of a batch.
    pub batch_bytes: usize,
    /// Bytes of all records that are not acknowledged yet.
    pub buffer_bytes: usize,
    /// How they are sent.
    pub mode: Mode,
    /// Brokers; partition p is led by the one with index p % brokers.
    pub brokers: u32,
    /// The index of the one that answers late, if one does.
    pub late: Option<u32>,
    /// For clients that can be used in several ways: which.
    pub way: String,
}

impl Task {
    /// Reads the words that the program was started with.
    ///
    /// # Panics
    /// If one is missing or wrong: the benchmark itself writes them.
    #[must_use]
    pub fn from_args() -> Self {
        let words: HashMap<String, String> = env::args()
            .skip(1)
            .filter_map(|word| word.split_once('=').map(|(key, value)| (key.into(), value.into())))
            .collect();
        let words = Words(words);
        Self {
            bootstrap: words.text("bootstrap"),
            topic: words.text("topic"),
            partitions: words.number("partitions") as u32,
            payload: words.text("payload"),
            record_bytes: words.number("record-bytes") as usize,
            records: words.number("records"),
            warmup: words.number("warmup"),
            threads: words.number("threads") as u32,
            compression: words.text("compression"),
            linger: Duration::from_millis(words.number("linger-ms")),
            batch_bytes: words.number("batch-bytes") as usize,
            buffer_bytes: words.number("buffer-bytes") as usize,
            mode: words.mode(),
            brokers: words.number("brokers") as u32,
            late: words.0.get("late").map(|text| text.parse().expect("late is an index")),
            way: words.0.get("way").cloned().unwrap_or_default(),
        }
    }

    /// The records of thread `thread`: how many of `total` it sends.
    #[must_use]
    pub fn share(&self, total: u64, thread: u32) -> u64 {
        let threads = u64::from(self.threads);
        total / threads + u64::from(u64::from(thread) < total % threads)
    }

    /// Whether latencies of records to this partition count: not those of a late broker.
    #[must_use]
    pub fn is_healthy(&self, partition: i32) -> bool {
        self.late.is_none_or(|late| partition.unsigned_abs() % self.brokers != late)
    }
}

struct Words(HashMap<String, String>);

impl Words {
    fn text(&self, key: &str) -> String {
        self.0.get(key).unwrap_or_else(|| panic!("{key}=… is missing")).clone()
    }

    fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_else(|_| panic!("{key}=… is no number"))
    }

    fn mode(&self) -> Mode {
        match self.text("mode").as_str() {
            "flood" => Mode::Flood,
            "await" => Mode::Await,
            "pace" => Mode::Pace(self.number("rate") as f64),
            other => panic!("mode={other}?"),
        }
    }
}
