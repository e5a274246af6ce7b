//! The core of ottla: a Kafka producer as plain state machines, without sockets, clocks or threads.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod accumulator;
pub mod config;
pub mod partitioner;
pub mod protocol;
pub mod records;
pub mod rng;
pub mod sender;
pub mod serializer;
pub mod sync;
pub mod time;
pub mod transport;
