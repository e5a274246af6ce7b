//! Where records wait for company: per-partition queues of batches over one fixed memory.
//!
//! Sending threads touch only this side: a partition's queue under its own lock, the pool's lock
//! once per batch, and the sender's inbox once per batch. What happens to a batch after it has left
//! its queue is the [sender](crate::sender)'s.

#[cfg(test)]
pub(crate) mod alone;
pub(crate) mod batch;
pub(crate) mod buffer_pool;
pub(crate) mod deliveries;
pub(crate) mod delivery;
pub(crate) mod partition;
#[cfg(feature = "waiting")]
pub(crate) mod waiters;
#[cfg(not(feature = "waiting"))]
#[path = "no_waiters.rs"]
mod waiters;
