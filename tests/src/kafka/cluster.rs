//! A cluster of brokers, started for a test and gone after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::LAST_3;
use super::admin::{self, Edge, Operation, Partition};
use super::door::Door;
use super::jars::Jars;
use super::layout::lay_out;
use super::node::Node;
use super::properties;
use super::tool::Tool;
use super::zookeeper::ZooKeeper;
use crate::progress::Progress;
use crate::scratch::Scratch;

/// A broker's id: 1, 2, 3 …
pub type NodeId = i32;

/// How long a broker may take to start or a partition to find a leader, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);

/// A running Kafka cluster. Dropping it kills its processes and removes its directory.
#[derive(Debug)]
pub struct Cluster {
    jars: Jars,
    /// Those of the tools.
    tools: Jars,
    nodes: Vec<Node>,
    /// After the nodes: they take leave of it.
    _zookeeper: Option<ZooKeeper>,
    // After the nodes: the directory goes when they are dead.
    scratch: Scratch,
}

impl Cluster {
    /// Starts `count` nodes of Kafka `version` and waits until each knows all others.
    ///
    /// `overrides` are broker properties, such as `("message.max.bytes", "2000000")`.
    ///
    /// # Panics
    /// If Java or Maven is missing or a node does not start; the message ends with its log.
    #[must_use]
    pub fn start(version: &str, count: usize, overrides: &[(&str, &str)]) -> Self {
        Self::start_with_doors(version, count, overrides, &[])
    }

    /// As [`Cluster::start`], with further listeners.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_with_doors(
        version: &str,
        count: usize,
        overrides: &[(&str, &str)],
        doors: &[Door],
    ) -> Self {
        let jars = Jars::fetch(version);
        if jars.is_2() {
            assert!(doors.is_empty(), "a Kafka 2 has one listener here");
            return Self::start_on_zookeeper(version, count, overrides);
        }
        let scratch = Scratch::new("kafka");
        let nodes = lay_out(&scratch, count, overrides, doors, None);
        let cluster = Self { tools: jars.clone(), jars, nodes, _zookeeper: None, scratch };
        cluster.format(doors);
        cluster.launch_all()
    }

    /// As [`Cluster::start`], with ZooKeeper in place of controllers; not for Kafka 4.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_on_zookeeper(version: &str, count: usize, overrides: &[(&str, &str)]) -> Self {
        let jars = Jars::fetch(version);
        // The console consumer of 2.1 does not say which partition a record is from.
        let tools = if jars.is_2() { Jars::fetch(LAST_3) } else { jars.clone() };
        let scratch = Scratch::new("kafka");
        let zookeeper = ZooKeeper::start(&jars, &scratch.path().join("zookeeper"));
        let nodes = lay_out(&scratch, count, overrides, &[], Some(&zookeeper.address()));
        Self { jars, tools, nodes, _zookeeper: Some(zookeeper), scratch }.launch_all()
    }

    fn launch_all(self) -> Self {
        for node in &self.nodes {
            node.launch(&self.jars);
        }
        self.await_ready();
        self
    }

    /// The cluster that all tests of this process share, started by the first that asks. It ends
    /// with the process. Tests must use topics of their own and leave every node running.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn shared(version: &str, count: usize) -> &'static Self {
        static SHARED: Mutex<BTreeMap<(String, usize), &'static Cluster>> =
            Mutex::new(BTreeMap::new());
        let mut shared = SHARED.lock().expect("another test could not start the shared cluster");
        shared
            .entry((version.into(), count))
            .or_insert_with(|| Box::leak(Box::new(Self::start(version, count, &[]))))
    }

    /// Every broker's `127.0.0.1:PORT`, with commas between.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> =
            self.nodes.iter().map(|node| node.address().to_string()).collect();
        addresses.join(",")
    }

    /// The address of one broker.
    ///
    /// # Panics
    /// If there is no such node, as every method that takes one.
    #[must_use]
    pub fn address(&self, node: NodeId) -> SocketAddr {
        self.node(node).address()
    }

    /// The port of a listener on the first node.
    ///
    /// # Panics
    /// If there is no such listener.
    #[must_use]
    #[track_caller]
    pub fn door(&self, name: &str) -> u16 {
        self.nodes[0].port(name).unwrap_or_else(|| panic!("no listener {name}"))
    }

    /// The ids of all nodes, running or not.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().map(Node::id)
    }

    /// Kills a node at once (SIGKILL).
    pub fn kill(&self, node: NodeId) {
        self.node(node).kill();
    }

    /// Freezes a node (SIGSTOP): its connections stay open and nothing answers.
    pub fn pause(&self, node: NodeId) {
        self.node(node).pause();
    }

    /// Lets a frozen node go on (SIGCONT).
    pub fn resume(&self, node: NodeId) {
        self.node(node).resume();
    }

    /// Shuts a node down in order (SIGTERM), as an operator would.
    pub fn stop(&self, node: NodeId) {
        self.node(node).stop();
    }

    /// Starts a node that was killed or stopped and waits until it is back in the cluster.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn launch(&self, node: NodeId) {
        self.node(node).launch(&self.jars);
        self.await_ready();
    }

    /// Shuts a node down in order and starts it again.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart(&self, node: NodeId) {
        self.stop(node);
        self.launch(node);
    }

    /// Creates a topic and waits until every node knows its leaders.
    ///
    /// # Panics
    /// If the cluster refuses it.
    #[track_caller]
    pub fn create_topic(
        &self,
        topic: &str,
        partitions: i32,
        replication: i16,
        configs: &[(&str, &str)],
    ) {
        self.ask(|address| admin::create_topic(address, topic, partitions, replication, configs))
            .unwrap_or_else(|e| panic!("cannot create topic {topic}: {e}"));
        self.await_state(&format!("leaders of {topic}"), || {
            self.running().all(|node| {
                let known = admin::partitions(node.address(), topic).unwrap_or_default();
                !known.is_empty() && known.iter().all(|p| p.leader >= 0)
            })
        });
    }

    /// Lets a user do something to a topic, some moments later; the cluster needs an authorizer.
    ///
    /// # Panics
    /// If the cluster refuses it.
    #[track_caller]
    pub fn allow(&self, user: &str, operation: Operation, topic: &str) {
        self.ask(|address| admin::allow(address, user, operation, topic))
            .unwrap_or_else(|e| panic!("cannot allow {user} {operation:?} on {topic}: {e}"));
    }

    /// The partitions of a topic: leaders, replicas, who is in sync.
    ///
    /// # Panics
    /// If no node can tell.
    #[must_use]
    #[track_caller]
    pub fn partitions(&self, topic: &str) -> Vec<Partition> {
        self.ask(|address| admin::partitions(address, topic))
            .unwrap_or_else(|e| panic!("cannot describe topic {topic}: {e}"))
    }

    /// The node that leads a partition, waiting for an election if there is one.
    ///
    /// # Panics
    /// If none is elected.
    #[must_use]
    #[track_caller]
    pub fn leader(&self, topic: &str, partition: usize) -> NodeId {
        let mut leader = -1;
        self.await_state(&format!("leader of {topic}-{partition}"), || {
            leader = self.partitions(topic)[partition].leader;
            leader >= 0
        });
        leader
    }

    /// Kills the node that leads a partition, says which that was, and waits until another leads.
    ///
    /// # Panics
    /// If none does within `patience`.
    #[track_caller]
    pub fn kill_leader(&self, topic: &str, partition: usize, patience: Duration) -> NodeId {
        let victim = self.leader(topic, partition);
        self.kill(victim);
        let begun = Instant::now();
        while self.leader(topic, partition) == victim {
            assert!(begun.elapsed() < patience, "node {victim} is dead and still leads");
            thread::sleep(POLL);
        }
        victim
    }

    /// Waits until every replica of a topic is in sync.
    ///
    /// # Panics
    /// If that takes minutes.
    pub fn await_in_sync(&self, topic: &str) {
        self.await_state(&format!("in-sync replicas of {topic}"), || {
            let partitions = self.partitions(topic);
            partitions.iter().all(|p| p.leader >= 0 && p.in_sync.len() == p.replicas.len())
        });
    }

    /// The end offset of each partition of a topic.
    ///
    /// # Panics
    /// If a leader cannot tell.
    #[must_use]
    #[track_caller]
    pub fn end_offsets(&self, topic: &str) -> Vec<i64> {
        self.offsets(topic, Edge::End)
    }

    /// The producer ids that a partition's leader remembers.
    ///
    /// # Panics
    /// If it cannot tell.
    #[must_use]
    #[track_caller]
    pub fn producer_ids(&self, topic: &str, partition: i32) -> Vec<i64> {
        let index = usize::try_from(partition).expect("a partition's number");
        let leader = self.address(self.leader(topic, index));
        admin::producer_ids(leader, topic, partition)
            .unwrap_or_else(|e| panic!("no producers of {topic}-{partition}: {e}"))
    }

    /// How many offsets a topic holds, over all partitions.
    pub(super) fn record_count(&self, topic: &str) -> u64 {
        let sum = |edge| self.offsets(topic, edge).iter().sum::<i64>();
        u64::try_from(sum(Edge::End) - sum(Edge::Start)).expect("the end is not before the start")
    }

    #[track_caller]
    fn offsets(&self, topic: &str, edge: Edge) -> Vec<i64> {
        let offset = |p: Partition| {
            admin::offset(self.address(p.leader), topic, p.index, edge)
                .unwrap_or_else(|e| panic!("no offset of {topic}-{}: {e}", p.index))
        };
        self.partitions(topic).into_iter().map(offset).collect()
    }

    /// The directory in which a node keeps a partition's segments.
    #[must_use]
    pub fn log_dir(&self, node: NodeId, topic: &str, partition: i32) -> PathBuf {
        self.node(node).log_dir().join(format!("{topic}-{partition}"))
    }

    /// A directory of the cluster's, for files that a test gives to Kafka's tools.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// One of Kafka's own tools.
    pub(super) fn tool(&self, class: &'static str) -> Tool<'_> {
        Tool::new(&self.tools, class, self.scratch.path())
    }

    pub(super) fn has_tools_before_4(&self) -> bool {
        self.tools.is_before_4()
    }

    #[track_caller]
    fn node(&self, id: NodeId) -> &Node {
        self.nodes.iter().find(|n| n.id() == id).unwrap_or_else(|| panic!("no node {id}"))
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_running())
    }

    /// Asks one running node after the other until one answers.
    fn ask<T>(&self, question: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
        let mut result = Err(io::Error::other("no node is running"));
        for node in self.running() {
            result = question(node.address());
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn format(&self, doors: &[Door]) {
        let users: BTreeSet<String> = doors.iter().flat_map(Door::scram_users).collect();
        for node in &self.nodes {
            let tool = self.tool("kafka.tools.StorageTool").arg("format");
            let tool = tool.args(["-t", properties::CLUSTER_ID, "-c"]).arg(node.config());
            tool.args(users.iter().flat_map(|user| ["--add-scram", user.as_str()])).run();
        }
    }

    /// Waits until every running node sees every running node.
    fn await_ready(&self) {
        let mut progress = Progress::new(format!("starting Kafka {}", self.jars.version()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = self.running().count();
            let sees_all = |node: &&Node| {
                node.check_alive();
                admin::nodes(node.address()).is_ok_and(|nodes| nodes.len() >= all)
            };
            let ready = self.running().filter(sees_all).count();
            if ready == all {
                return;
            }
            assert!(Instant::now() < deadline, "not ready in time:\n{}", self.nodes[0].log_tail());
            progress.tick(|| format!("{ready} of {all} nodes ready"));
            thread::sleep(POLL);
        }
    }

    #[track_caller]
    fn await_state(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let mut progress = Progress::new(format!("waiting for {what}"));
        let deadline = Instant::now() + PATIENCE;
        while !reached() {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            progress.tick(|| "not yet".into());
            thread::sleep(POLL);
        }
    }
}
