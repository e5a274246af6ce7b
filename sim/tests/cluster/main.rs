//! The model cluster against the rules that Kafka's brokers keep, asked in frames that the
//! `kafka-protocol` crate writes and reads.

mod faults;
mod fetch;
mod groups;
mod idempotent_producers;
mod metadata;
mod produce;
mod replication;
mod robustness;
mod storage;
mod support;
mod topics;
mod transactions;
mod versions;
