//! Brokers coming and going, and who leads what.

use std::io;
use std::time::Duration;

use super::Cluster;
use super::config::ApiRanges;

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number; unique in the cluster.
    pub id: i32,
    /// Where clients are told to reach it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Whether it answers. Requests to a node that is down end their connection.
    pub up: bool,
    /// The APIs and versions that it speaks.
    pub apis: ApiRanges,
    /// Whether the cluster still counts on it: a node that went down is listed in Metadata and
    /// named as leader until [`Cluster::elect_leaders`].
    pub(crate) registered: bool,
}

impl Node {
    /// A running node that speaks all that the model implements.
    pub fn new(id: i32, host: impl Into<String>, port: u16) -> Self {
        let apis = ApiRanges::current();
        Self { id, host: host.into(), port, up: true, apis, registered: true }
    }

    /// The same node speaking only these APIs.
    #[must_use]
    pub fn with_apis(self, apis: ApiRanges) -> Self {
        Self { apis, ..self }
    }
}

/// Which nodes hold which partition of a new topic: consecutive ones, the first of which leads.
pub(crate) fn replica_plan(nodes: &[Node], factor: i16) -> impl Fn(usize) -> Vec<i32> + use<> {
    let ids: Vec<i32> = nodes.iter().map(|node| node.id).collect();
    let copies = usize::try_from(factor).unwrap_or(1).clamp(1, ids.len().max(1));
    move |partition| {
        ids.iter().cycle().skip(partition % ids.len().max(1)).take(copies).copied().collect()
    }
}

impl Cluster {
    /// The nodes, up or down.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node by its number.
    pub fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// A node by its number, to be changed: its address, its API versions.
    pub fn node_mut(&mut self, id: i32) -> Option<&mut Node> {
        self.changes += 1;
        self.nodes.iter_mut().find(|node| node.id == id)
    }

    /// Takes a node down. Its partitions keep it as their leader until
    /// [`elect_leaders`](Self::elect_leaders), as between a crash and its discovery.
    pub fn stop_node(&mut self, id: i32) {
        if let Some(node) = self.node_mut(id) {
            node.up = false;
        }
    }

    /// Brings a node back; it catches up with its leaders at once.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn start_node(&mut self, id: i32, now: Duration) -> io::Result<()> {
        let Some(node) = self.node_mut(id) else { return Ok(()) };
        node.up = true;
        node.registered = true;
        for partition in self.topics.all_partitions_mut() {
            if partition.replicas.contains(&id) && !partition.in_sync.contains(&id) {
                partition.in_sync.push(id);
            }
            if partition.leader.is_none() && partition.in_sync.contains(&id) {
                partition.move_leader(Some(id), now)?;
            }
        }
        Ok(())
    }

    /// Discovers the nodes that went down: each partition led by one is handed to the next
    /// in-sync replica, which lacks what wasn't replicated, or is left without a leader.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn elect_leaders(&mut self, now: Duration) -> io::Result<()> {
        self.changes += 1;
        for node in &mut self.nodes {
            node.registered = node.up;
        }
        let up: Vec<i32> = self.nodes.iter().filter(|node| node.up).map(|node| node.id).collect();
        for partition in self.topics.all_partitions_mut() {
            let survivors: Vec<i32> =
                partition.in_sync.iter().copied().filter(|id| up.contains(id)).collect();
            let leads = partition.leader.is_some_and(|leader| up.contains(&leader));
            if !leads && partition.leader.is_some() {
                partition.move_leader(survivors.first().copied(), now)?;
            }
            if !survivors.is_empty() {
                // The last replica stays in sync although it is down: only it may lead again.
                partition.in_sync = survivors;
            }
        }
        Ok(())
    }

    /// Hands a partition to another replica, under the next leader epoch. What wasn't replicated
    /// ([`ClusterConfig::replication_lag`](super::ClusterConfig::replication_lag)) is lost. False
    /// if there is no such partition.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn move_leader(
        &mut self,
        topic: &str,
        partition: i32,
        to: Option<i32>,
        now: Duration,
    ) -> io::Result<bool> {
        self.changes += 1;
        let Some(partition) = self.topics.partition_mut(topic, partition) else { return Ok(false) };
        partition.move_leader(to, now)?;
        Ok(true)
    }

    /// Takes replicas out of a partition's in-sync set or puts them back: fewer than
    /// `min.insync.replicas` make acks=all fail. False if there is no such partition.
    pub fn set_in_sync(&mut self, topic: &str, partition: i32, replicas: &[i32]) -> bool {
        self.changes += 1;
        let partition = self.topics.partition_mut(topic, partition);
        partition.map(|partition| partition.in_sync = replicas.to_vec()).is_some()
    }

    /// Cuts a partition's log, replicated or not, as an unclean election does. False if there is
    /// no such partition.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn truncate(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        now: Duration,
    ) -> io::Result<bool> {
        self.changes += 1;
        let Some(partition) = self.topics.partition_mut(topic, partition) else { return Ok(false) };
        partition.truncate(offset, now)?;
        Ok(true)
    }

    /// Forgets all producers of a partition, as when their ids expired. False if there is no such
    /// partition.
    pub fn forget_producers(&mut self, topic: &str, partition: i32) -> bool {
        let partition = self.topics.partition_mut(topic, partition);
        partition.map(super::partition::Partition::forget_producers).is_some()
    }

    /// Where clients reach the nodes that are up: `HOST:PORT,…`, as `bootstrap.servers` takes it.
    pub fn bootstrap_servers(&self) -> String {
        let up = self.nodes.iter().filter(|node| node.up);
        up.map(|node| format!("{}:{}", node.host, node.port)).collect::<Vec<_>>().join(",")
    }
}
