//! Mechanisms of the feature contract, each by itself, in virtual time. The row ids are the
//! contract's; `docs/mechanisms.md` lists them all.

mod connections;
mod message_sets;
mod metadata;
mod outcomes;
mod partitioning;
mod readiness;
mod waiting;
#[path = "../regressions/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;
