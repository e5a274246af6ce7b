//! Record batches (message format v2, KIP-98) on the wire.
//!
//! | file | job |
//! |---|---|
//! | [`varint`] | zigzag variable-length integers |
//! | [`record`] | one record's bytes |
//! | [`batch`] | growing a batch and sealing it |
//! | `header` | a batch's 61-byte header; a new producer state for a finished batch |
//! | `message_set` | formats v0 and v1, made of a finished batch (feature `legacy-formats`) |
//! | [`reader`] | reading a batch back, trusting no byte of it |
//! | [`crc32c`] | the checksum of a batch |
//! | `running_crc` | that of the records, while they are appended |
//! | [`compression`] | gzip, snappy, lz4 and zstd in the framings that Kafka reads |
//! | [`ratio`] | guessing how far a topic's records will compress |

pub mod batch;
pub mod compression;
#[cfg(any(not(feature = "std"), feature = "gzip", test))]
mod crc;
pub mod crc32c;
#[cfg(any(all(not(feature = "std"), target_family = "wasm"), test))]
mod crc_late;
mod header;
#[cfg(feature = "legacy-formats")]
pub mod message_set;
pub mod ratio;
pub mod reader;
pub mod record;
mod running_crc;
pub mod varint;

pub use batch::{AppendError, Attributes, BATCH_OVERHEAD, BatchBuilder, BatchHeader};
pub use compression::{Codec, Compression, CompressionError, Compressor};
#[cfg(feature = "legacy-formats")]
pub use message_set::{MessageFormat, MessageSetError};
pub use ratio::{CompressionRatioEstimator, Ratio};
pub use reader::{RecordBatchError, RecordBatchView, RecordView};
pub use record::{Header, RecordFields};
