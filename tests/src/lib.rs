//! What the tests against real parts share: a real Apache Kafka, and the size of a run.
//!
//! Everything here is for tests, so it panics with a message that says what to do; none of it is
//! published.
#![forbid(unsafe_code)]

pub mod answers;
pub mod bridge;
pub mod budget;
pub mod cache;
pub mod callgrind;
mod calm;
pub mod certificates;
pub mod command;
pub mod firmware;
pub mod gateway;
pub mod kafka;
pub mod mutate;
mod ports;
mod process;
mod progress;
pub mod requests;
mod scratch;
pub mod text;
pub mod transactional;
pub mod web;

pub use calm::calm_after;
pub use process::Guarded;
pub use progress::Progress;
pub use scratch::Scratch;
