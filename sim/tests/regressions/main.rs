//! Mistakes of older producers, and of Kafka's own, that must not come back: one test each, named
//! by what a user would have seen. The row ids are those of the feature contract.

mod batching;
mod ending;
mod isolation;
mod memory;
mod retries;
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;
