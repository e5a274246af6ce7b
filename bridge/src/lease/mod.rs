//! Producer ids, lent for a time (`LEASES.md`): who holds which, with which epoch, and when it may
//! go to somebody else.

mod book;
mod desk;
mod ticket;

pub(crate) use book::{Holder, Proven, Refusal};
pub(crate) use desk::{Granted, Leases, now_ms};
