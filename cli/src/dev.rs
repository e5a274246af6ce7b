//! `ottla dev`: a development broker until Ctrl-C.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::mpsc;

use ottla_sim::dev::{DevBroker, DevBrokerOptions};

use crate::args::DevArgs;
use crate::demo::{self, Switch};
use crate::failure::Failure;
use crate::plain::reason;
use crate::progress::counted;
use crate::{bridge, data, interrupt, stdout};

/// Runs it.
pub(crate) fn run(args: &DevArgs) -> Result<ExitCode, Failure> {
    check_ports(args)?;
    let _lock = args.data.as_deref().map(data::lock).transpose()?;
    let (stop, stopped) = mpsc::channel();
    interrupt::listen(move |_| {
        // The broker may be on its way out already.
        let _ = stop.send(());
    })?;
    if args.bridge {
        return with_bridge(args, &stopped);
    }
    let broker = DevBroker::start(options(args)).map_err(|error| cannot_start(args, &error))?;
    let addresses: Vec<_> = broker.addresses().iter().map(ToString::to_string).collect();
    stdout::line(&welcome(args, &addresses.join(",")));
    // An error means that nobody can ask to stop any more.
    let _ = stopped.recv();
    broker.stop();
    Ok(ExitCode::SUCCESS)
}

fn check_ports(args: &DevArgs) -> Result<(), Failure> {
    let (port, nodes) = (args.port, args.nodes);
    if port == 0 || port.checked_add(nodes - 1).is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{nodes} nodes need the ports from {port} on, and {} is the last: choose a lower --port",
        u16::MAX
    )))
}

fn with_bridge(args: &DevArgs, stopped: &mpsc::Receiver<()>) -> Result<ExitCode, Failure> {
    let switch = Switch::start(options(args)).map_err(|error| cannot_start(args, &error))?;
    let bridge = bridge::before(switch.addresses(), args.bridge_port)?;
    stdout::line(&welcome(args, switch.addresses()));
    stdout::line(&format!("\nThe bridge for pages of this machine: {}", bridge.url()));
    let demo = demo::start(args.demo_port, switch, bridge.url())?;
    stdout::line(&format!("A page that uses it: {}", demo.url()));
    if !demo::has_package() {
        stdout::line(
            "  without the npm package: run `cargo xtask web`, then build this command again",
        );
    }
    let _ = stopped.recv();
    drop(bridge);
    drop(demo);
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
        _ => match &args.data {
            None => format!("cannot start the dev broker: {}", reason(error)),
            Some(folder) => format!(
                "cannot start the dev broker with the topics in {}: {}",
                folder.display(),
                reason(error)
            ),
        },
    })
}

fn welcome(args: &DevArgs, addresses: &str) -> String {
    let kept = match &args.data {
        _ if args.sink => "records are counted and thrown away".to_owned(),
        Some(folder) => format!("records are kept in {}", folder.display()),
        None if args.bridge => "records are kept until it ends".to_owned(),
        None => "records are kept in memory".to_owned(),
    };
    let first = addresses.split(',').next().unwrap_or_default();
    format!(
        "ottla dev broker listening on {}\n\
         It is a development broker, not a Kafka: one process, no security; {kept}.\n\
         New topics have {}. Ctrl-C stops it. Try:\n\n  \
         echo hello | ottla produce -b {first} -t test\n  \
         ottla read -b {first} -t test\n  \
         kafka-console-consumer.sh --bootstrap-server {first} --topic test --from-beginning",
        addresses,
        counted(args.partitions.unsigned_abs().into(), "partition"),
    )
}
