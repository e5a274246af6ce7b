//! A broker that counts records and throws them away: what is measured against it is the client.
//!
//! ```text
//! cargo run --release --package ottla-sim --example sink -- [PARTITIONS]
//! ```
//!
//! It prints its address and runs until it is killed.

use std::error::Error;
use std::{env, thread};

use ottla_sim::dev::{DevBroker, DevBrokerOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = DevBrokerOptions { sink: true, ..DevBrokerOptions::default() };
    if let Some(partitions) = env::args().nth(1) {
        options.partitions_per_topic = partitions.parse()?;
    }
    let broker = DevBroker::start(options)?;
    println!("listening on {}", broker.address());
    loop {
        thread::park();
    }
}
