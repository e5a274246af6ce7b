//! What every client program of the benchmark takes and prints, so that the programs differ in
//! their client alone. `bench/README.md` describes it for the other languages.
#![forbid(unsafe_code)]

mod latencies;
mod meter;
mod pace;
mod payload;
mod report;
mod tally;
mod task;

pub use latencies::Latencies;
pub use meter::{Meter, Used};
pub use pace::Pace;
pub use payload::Payload;
pub use report::Report;
pub use tally::Tally;
pub use task::{Mode, Task};
