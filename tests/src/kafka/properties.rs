//! The configuration files of a node.

use std::fmt::Write;
use std::path::Path;

use super::cluster::NodeId;
use super::door::Door;

/// Sixteen bytes in base64url, as Kafka's ids are.
pub(super) const CLUSTER_ID: &str = "b3R0bGEtdGVzdC1jbHVzdA";

/// Where a node listens.
#[derive(Debug, Clone)]
pub(super) struct Listeners {
    pub(super) id: NodeId,
    pub(super) broker: u16,
    /// `None` where ZooKeeper is used.
    pub(super) controller: Option<u16>,
    pub(super) doors: Vec<(Door, u16)>,
}

/// Who keeps a cluster's state.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keeper<'a> {
    /// Its own nodes, which are these.
    Controllers(&'a [Listeners]),
    /// ZooKeeper, at this address.
    ZooKeeper(&'a str),
}

/// `server.properties` of a broker. Later lines win, so `overrides` may replace any of them.
pub(super) fn server(
    node: &Listeners,
    nodes: usize,
    keeper: Keeper<'_>,
    log_dir: &Path,
    overrides: &[(&str, &str)],
) -> String {
    let mut text = match keeper {
        Keeper::Controllers(all) => with_controller(node, all),
        Keeper::ZooKeeper(address) => with_zookeeper(node, address),
    };
    text += &format!(
        "inter.broker.listener.name=PLAINTEXT\n\
         log.dirs={log_dir}\n\
         auto.create.topics.enable=false\n\
         group.initial.rebalance.delay.ms=0\n\
         log.retention.ms=-1\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor={replicas}\n\
         transaction.state.log.num.partitions=1\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr=1\n",
        log_dir = log_dir.display(),
        replicas = nodes.min(3),
    );
    text.extend(node.doors.iter().map(|(door, _)| door.logins()));
    for (key, value) in overrides {
        writeln!(text, "{key}={value}").expect("a string takes any text");
    }
    text
}

/// A combined broker and controller.
fn with_controller(node: &Listeners, all: &[Listeners]) -> String {
    let voter = |n: &Listeners| n.controller.map(|port| format!("{}@127.0.0.1:{port}", n.id));
    let voters: Vec<String> = all.iter().filter_map(voter).collect();
    let id = node.id;
    let (listeners, advertised, protocols) = listeners(node);
    format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         listeners={listeners}\n\
         advertised.listeners={advertised}\n\
         listener.security.protocol.map={protocols}\n\
         controller.listener.names=CONTROLLER\n\
         share.coordinator.state.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr=1\n",
        voters = voters.join(","),
        replicas = all.len().min(3),
    )
}

/// A broker before KRaft, which waits for ZooKeeper to come up, and is patient on a busy machine.
fn with_zookeeper(node: &Listeners, zookeeper: &str) -> String {
    let id = node.id;
    let (listeners, advertised, protocols) = listeners(node);
    format!(
        "broker.id={id}\n\
         zookeeper.connect={zookeeper}\n\
         zookeeper.connection.timeout.ms=120000\n\
         zookeeper.session.timeout.ms=40000\n\
         listeners={listeners}\n\
         advertised.listeners={advertised}\n\
         listener.security.protocol.map={protocols}\n"
    )
}

/// The values of `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
fn listeners(node: &Listeners) -> (String, String, String) {
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{}", node.broker);
    let mut advertised = listeners.clone();
    let mut protocols = "PLAINTEXT:PLAINTEXT".to_owned();
    if let Some(port) = node.controller {
        listeners += &format!(",CONTROLLER://127.0.0.1:{port}");
        protocols += ",CONTROLLER:PLAINTEXT";
    }
    for (Door { name, protocol, .. }, port) in &node.doors {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        advertised += &format!(",{name}://localhost:{port}");
        protocols += &format!(",{name}:{protocol}");
    }
    (listeners, advertised, protocols)
}

/// Log4j's configuration, for Kafka 4 in version 2's format: everything from INFO to the console.
pub(super) const LOG4J_2: &str = "appender.console.type=Console\n\
     appender.console.name=console\n\
     appender.console.layout.type=PatternLayout\n\
     appender.console.layout.pattern=[%d] %p %m (%c)%n\n\
     rootLogger.level=INFO\n\
     rootLogger.appenderRef.console.ref=console\n";

/// The same for older Kafka in version 1's format.
pub(super) const LOG4J_1: &str = "log4j.rootLogger=INFO, console\n\
     log4j.appender.console=org.apache.log4j.ConsoleAppender\n\
     log4j.appender.console.layout=org.apache.log4j.PatternLayout\n\
     log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n\n";
