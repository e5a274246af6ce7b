//! Deterministic runs of the real producer against the model cluster over a faulty network.
//!
//! A seed stands for everything: the configuration, the cluster, what the application does and
//! when, and what goes wrong. There are no threads, no sockets and no real time, so the same seed
//! gives the same run, to the byte, on every machine. At its end the [checker](self) compares what
//! the application was told with what the logs hold.
//!
//! | file | job |
//! | --- | --- |
//! | `run.rs` | the loop: who was woken is polled, then time jumps to the next event |
//! | `scenario.rs`, `dice.rs` | what a seed stands for |
//! | `clock.rs`, `executor.rs`, `trace.rs` | virtual time, tasks, the timeline |
//! | `fleet.rs` | the producers and their drivers |
//! | `workload.rs`, `content.rs`, `ledger.rs` | the application, its records, what it was told |
//! | `transacting.rs` | the application whose producers have a transactional id |
//! | `network.rs`, `pipe.rs`, `link.rs`, `transport.rs` | bytes between producer and brokers |
//! | `serving.rs` | requests to the model cluster, answers back |
//! | `faults.rs`, `mishaps.rs` | what can go wrong, and how it happens |
//! | `watch.rs`, `limits.rs` | rules that are checked on the wire |
//! | `checker.rs`, `history.rs` | rules that are checked at the end |
//! | `atomicity.rs` | those for transactions |
//! | `regressions.rs` | scenarios made of what was found before |
//! | `sabotage.rs` | producers broken on purpose, which the checker must find |

mod atomicity;
mod checker;
mod clock;
mod content;
mod dice;
mod executor;
mod faults;
mod fleet;
mod history;
mod ledger;
mod limits;
mod link;
mod mishaps;
mod network;
mod pipe;
#[cfg(test)]
mod regressions;
mod run;
mod sabotage;
mod scenario;
mod serving;
mod trace;
mod transacting;
mod transport;
mod watch;
mod workload;

pub use clock::{Simulated, VirtualClock};
pub use run::{Failure, Options, Report, run};
pub use sabotage::Sabotage;
