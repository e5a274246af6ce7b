//! The Kafka protocol as a producer speaks it: requests written, responses read, frames cut.
//!
//! Requests are appended to a `Vec<u8>` that the caller reuses. Responses are views into the
//! received bytes: `parse` checks a whole body before it hands out anything, decoding allocates
//! nothing, and no size or count on the wire is believed beyond the bytes that are really there.
//!
//! Field layouts are those of Kafka's message definitions
//! (`clients/src/main/resources/common/message/*.json`).

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod api_key;
pub mod api_versions;
pub mod array;
pub mod codec;
pub mod condenser;
pub mod decode_error;
pub mod describe_configs;
pub mod end_txn;
pub mod error_code;
pub mod find_coordinator;
pub mod frame;
pub mod header;
pub mod init_producer_id;
pub mod metadata;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod txn_offset_commit;
pub mod uuid;
