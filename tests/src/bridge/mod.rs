//! The bridge as its operator runs it, native clients of it, and lines between them that break.

mod client;
mod cutter;
mod open;
mod process;
pub mod raw;

pub use client::{Bridged, BridgedDelivery};
pub use cutter::{Cutter, Way};
pub use open::{open_to_all, start_open_to_all};
pub use process::BridgeProcess;
