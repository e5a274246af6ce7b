//! The configuration files of a node.

use std::fmt::Write;
use std::path::Path;

use super::cluster::NodeId;

/// Sixteen bytes in base64url, as Kafka's ids are.
pub(super) const CLUSTER_ID: &str = "b3R0bGEtdGVzdC1jbHVzdA";

/// A further listener of every broker, beside the plaintext one that the kit itself uses.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// Its name, in capitals, as properties of the broker name it in small letters.
    pub name: &'static str,
    /// `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: &'static str,
}

/// Where a node listens.
#[derive(Debug, Clone)]
pub(super) struct Listeners {
    pub(super) id: NodeId,
    pub(super) broker: u16,
    pub(super) controller: u16,
    pub(super) doors: Vec<(Door, u16)>,
}

/// `server.properties` of a combined broker and controller. Later lines win, so `overrides` may
/// replace any of them.
pub(super) fn server(
    node: &Listeners,
    all: &[Listeners],
    log_dir: &Path,
    overrides: &[(&str, &str)],
) -> String {
    let voters: Vec<String> =
        all.iter().map(|n| format!("{}@127.0.0.1:{}", n.id, n.controller)).collect();
    let replicas = all.len().min(3);
    let Listeners { id, broker, controller, doors } = node;
    let mut listeners = String::new();
    let mut advertised = String::new();
    let mut protocols = String::new();
    for (Door { name, protocol }, port) in doors {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        advertised += &format!(",{name}://localhost:{port}");
        protocols += &format!(",{name}:{protocol}");
    }
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{listeners}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker}{advertised}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         log.dirs={log_dir}\n\
         auto.create.topics.enable=false\n\
         group.initial.rebalance.delay.ms=0\n\
         log.retention.ms=-1\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor={replicas}\n\
         transaction.state.log.num.partitions=1\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr=1\n",
        voters = voters.join(","),
        log_dir = log_dir.display(),
    );
    for (key, value) in overrides {
        writeln!(text, "{key}={value}").expect("a string takes any text");
    }
    text
}

/// Log4j's configuration, for Kafka 4 in version 2's format: everything from INFO to the console.
pub(super) const LOG4J_2: &str = "appender.console.type=Console\n\
     appender.console.name=console\n\
     appender.console.layout.type=PatternLayout\n\
     appender.console.layout.pattern=[%d] %p %m (%c)%n\n\
     rootLogger.level=INFO\n\
     rootLogger.appenderRef.console.ref=console\n";

/// The same for Kafka 3 in version 1's format.
pub(super) const LOG4J_1: &str = "log4j.rootLogger=INFO, console\n\
     log4j.appender.console=org.apache.log4j.ConsoleAppender\n\
     log4j.appender.console.layout=org.apache.log4j.PatternLayout\n\
     log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n\n";
