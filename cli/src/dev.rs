//! `ottla dev`: a development broker until Ctrl-C.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::mpsc;

use ottla_sim::dev::{DevBroker, DevBrokerOptions};

use crate::args::DevArgs;
use crate::client::reason;
use crate::failure::Failure;
use crate::{bridge, interrupt, stdout};

/// Runs it.
pub(crate) fn run(args: &DevArgs) -> Result<ExitCode, Failure> {
    let (stop, stopped) = mpsc::channel();
    interrupt::listen(move |_| {
        // The broker may be on its way out already.
        let _ = stop.send(());
    })?;
    let broker = DevBroker::start(options(args)).map_err(|error| cannot_start(args, &error))?;
    let bridge = if args.bridge { Some(bridge::before(&broker, args.bridge_port)?) } else { None };
    stdout::line(&welcome(args, &broker));
    if let Some(bridge) = &bridge {
        stdout::line(&format!("\nThe bridge for pages of this machine: {}", bridge.url()));
    }
    // An error means that nobody can ask to stop any more.
    let _ = stopped.recv();
    drop(bridge);
    broker.stop();
    Ok(ExitCode::SUCCESS)
}

fn options(args: &DevArgs) -> DevBrokerOptions {
    DevBrokerOptions {
        port: args.port,
        data: args.data.clone(),
        partitions_per_topic: args.partitions,
        nodes: args.nodes,
        sink: args.sink,
        late: None,
    }
}

fn cannot_start(args: &DevArgs, error: &io::Error) -> Failure {
    let port = args.port;
    Failure::new(match error.kind() {
        ErrorKind::AddrInUse => format!(
            "cannot listen on port {port}: something else does; try --port 0 for a free one"
        ),
        ErrorKind::PermissionDenied if args.data.is_none() => {
            format!("cannot listen on port {port}: not permitted; try one above 1023")
        }
        _ => format!("cannot start the dev broker: {}", reason(error)),
    })
}

fn welcome(args: &DevArgs, broker: &DevBroker) -> String {
    let addresses: Vec<_> = broker.addresses().iter().map(ToString::to_string).collect();
    let kept = match &args.data {
        _ if args.sink => "records are counted and thrown away".to_owned(),
        Some(folder) => format!("records are kept in {}", folder.display()),
        None => "records are kept in memory".to_owned(),
    };
    let first = broker.address();
    format!(
        "ottla dev broker listening on {}\n\
         It is a development broker, not a Kafka: one process, no security; {kept}.\n\
         New topics have {} partitions. Ctrl-C stops it. Try:\n\n  \
         echo hello | ottla produce -b {first} -t test\n  \
         ottla read -b {first} -t test\n  \
         kafka-console-consumer.sh --bootstrap-server {first} --topic test --from-beginning",
        addresses.join(","),
        args.partitions,
    )
}
