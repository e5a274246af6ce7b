//! How much memory a producer takes, as a sum of named terms.

use alloc::vec::Vec;
use core::fmt;

use super::ProducerConfig;
use crate::protocol::frame::SIZE_LENGTH;
use crate::records::compression::{Codec, Compression, SNAPPY_TABLE, lz4_table, worst_case};

/// Whether memory can be taken at the start, and connections be fewer than brokers.
pub(crate) const FIXED_MEMORY: bool = cfg!(feature = "fixed-memory");

/// Room for what surrounds the batches of one request: its header, topics and partitions. The
/// batches themselves are sent from where they are.
const REQUEST_HEAD: usize = 256;

/// Lists have room for so many batches at the start, where the memory is fixed.
const MOST_RESERVED: usize = 64;

/// How much more than `batch.size` an uncompressed batch may take, expecting to be compressed.
const MOST_GROWTH: usize = 8;

/// And which part of `buffer.memory` at most: small memory is cut into buffers of one size, which
/// can't fragment.
const SMALLEST_PART: usize = 16;

/// The most bytes that a producer's parts take, beyond its code and stack.
///
/// Not in the sum, as no key bounds them: the metadata (the cluster's nodes, and 32 bytes or so per
/// partition of the topics in use) and the delivery futures that the program keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MemoryBudget {
    /// `buffer.memory`: the batches that are filled, wait or are in flight.
    pub pool: usize,
    /// The tables of the codecs in use, one compressor for each pair of codec and level. Natively
    /// there are as many more of them as threads fill batches at a time.
    pub codec_tables: usize,
    /// The output of those compressors: for each the largest batch before compression, and an
    /// eighth more for what does not shrink.
    pub codec_output: usize,
    /// The responses being received: `receive.message.max.bytes` and their size per connection.
    /// Memory is taken as bytes arrive, so a connection seldom takes more than some kilobytes.
    pub receive_frames: usize,
    /// What surrounds the batches of the requests in flight, about 256 bytes each.
    pub request_heads: usize,
}

impl MemoryBudget {
    const fn terms(&self) -> [(&'static str, usize); 5] {
        [
            ("record batches (buffer.memory)", self.pool),
            ("codec tables", self.codec_tables),
            ("codec output", self.codec_output),
            ("receive frames, at most", self.receive_frames),
            ("request heads", self.request_heads),
        ]
    }

    /// The sum of all terms.
    #[must_use]
    pub fn total(&self) -> usize {
        self.terms().into_iter().fold(0, |sum, (_, bytes)| sum.saturating_add(bytes))
    }
}

impl fmt::Display for MemoryBudget {
    /// One line per term, then the total.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, bytes) in self.terms() {
            writeln!(f, "{name:<32}{bytes:>14}")?;
        }
        write!(f, "{:<32}{:>14}", "total bytes", self.total())
    }
}

impl ProducerConfig {
    /// The memory that a producer with `connections` open at a time takes at most.
    #[must_use]
    pub fn memory(&self, connections: usize) -> MemoryBudget {
        let compressions = self.compressions();
        let head = self.request_head();
        let largest = self.largest_input();
        let table = |each: &Compression| table_size(each.codec(), largest);
        let frame = self.receive_max_bytes.saturating_add(SIZE_LENGTH);
        MemoryBudget {
            pool: self.buffer_memory,
            codec_tables: compressions.iter().map(table).sum(),
            codec_output: compressions.len().saturating_mul(worst_case(largest)),
            receive_frames: connections.saturating_mul(frame),
            request_heads: connections.saturating_mul(self.max_in_flight).saturating_mul(head),
        }
    }

    /// What a request's bytes are given room for at first, without its batches.
    pub(crate) fn request_head(&self) -> usize {
        REQUEST_HEAD + self.client_id.len()
    }

    /// Whether all memory is taken at the start.
    pub(crate) fn is_preallocated(&self) -> bool {
        FIXED_MEMORY && self.preallocate
    }

    /// How many batches lists have room for at the start: all there can be, where the memory is
    /// fixed, so that no list grows later.
    pub(crate) fn reserved_batches(&self) -> usize {
        let fixed = self.is_preallocated() && self.batch_size > 0;
        if fixed { (self.buffer_memory / self.batch_size).min(MOST_RESERVED) } else { 0 }
    }

    /// How large a batch may grow that is expected to shrink to `batch.size`. Not beyond that where
    /// buffers of this size are all there is.
    pub(crate) fn largest_batch(&self) -> usize {
        if self.is_preallocated() {
            return self.batch_size;
        }
        let most = self.batch_size.saturating_mul(MOST_GROWTH);
        most.min(self.buffer_memory / SMALLEST_PART).max(self.batch_size)
    }

    /// The most that a compressor gets: such a batch, or a large record alone.
    pub(crate) fn largest_input(&self) -> usize {
        self.largest_batch().max(self.max_request_size)
    }

    /// Each pair of codec and level that some topic uses, once.
    fn compressions(&self) -> Vec<Compression> {
        let mut all: Vec<Compression> = Vec::new();
        let of_topics = self.topics.values().filter_map(|topic| topic.compression);
        for compression in of_topics.chain([self.compression]) {
            if compression.codec() != Codec::None && !all.contains(&compression) {
                all.push(compression);
            }
        }
        all
    }
}

/// The working memory of this crate's encoders, as [`crate::records::compression`] gives it.
const fn table_size(codec: Codec, largest_batch: usize) -> usize {
    match codec {
        Codec::None => 0,
        Codec::Snappy => SNAPPY_TABLE,
        Codec::Lz4 => lz4_table(largest_batch),
        Codec::Gzip => 310 * 1024,
        Codec::Zstd => 400 * 1024,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::config::TopicOverrides;

    #[test]
    fn the_small_profile_fits_a_microcontroller() {
        let budget = ProducerConfig::small().memory(2);
        assert!(budget.total() < 32 * 1024, "\n{budget}");
    }

    /// A larger one would be made of two buffers that are there from the start, and not be one of
    /// them afterwards.
    #[test]
    #[cfg(feature = "fixed-memory")]
    fn preallocated_buffers_are_not_exchanged_for_larger_ones() {
        let mut config = ProducerConfig::small();
        config.buffer_memory = 64 * config.batch_size;
        config.compression = Codec::Lz4.into();
        assert_eq!(config.largest_batch(), config.batch_size);
        config.preallocate = false;
        assert_eq!(config.largest_batch(), 4 * config.batch_size);
    }

    #[test]
    fn each_codec_and_level_counts_once() {
        let mut config = ProducerConfig::default();
        assert_eq!((config.memory(1).codec_tables, config.memory(1).codec_output), (0, 0));
        config.compression = Codec::Lz4.into();
        for (topic, codec) in [("a", Codec::Lz4), ("b", Codec::Snappy), ("c", Codec::None)] {
            let compression = Some(codec.into());
            config
                .topics
                .insert(topic.into(), TopicOverrides { compression, ..Default::default() });
        }
        let budget = config.memory(1);
        assert_eq!(budget.codec_tables, 32 * 1024 + SNAPPY_TABLE);
        assert_eq!(budget.codec_output, 2 * worst_case(config.max_request_size));
    }

    #[test]
    fn the_sum_saturates() {
        assert_eq!(ProducerConfig::default().memory(usize::MAX).total(), usize::MAX);
    }

    #[test]
    fn display_is_a_table_with_a_total() {
        let budget = ProducerConfig::small().memory(1);
        let text = budget.to_string();
        let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
        let numbers: Vec<_> = text.lines().map(number).collect();
        let (total, terms) = numbers.split_last().unwrap();
        assert_eq!((terms.iter().sum(), *total), (budget.total(), budget.total()), "\n{text}");
        assert!(text.contains("record batches (buffer.memory)           16384\n"), "\n{text}");
    }
}
