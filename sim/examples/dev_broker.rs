//! Serves the dev broker until the standard input ends: `dev_broker [PORT [NODES [DIRECTORY]]]`.

use std::io::{self, Read};

use ottla_sim::dev::{DevBroker, DevBrokerOptions};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (port, nodes) = (number().unwrap_or(0), number().unwrap_or(1));
    let data = arguments.next().map(Into::into);
    let broker = DevBroker::start(DevBrokerOptions { port, nodes, data, ..Default::default() })?;
    println!("{}", broker.cluster().bootstrap_servers());
    io::stdin().read_to_end(&mut Vec::new())?;
    broker.stop();
    Ok(())
}
