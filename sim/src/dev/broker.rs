//! Starting and stopping the dev broker: a listener per node, a thread per connection.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connection;
use super::handler::{self, Handler};
use super::sink::Sink;
use crate::cluster::{Cluster, ClusterConfig, Node};

/// The most nodes a dev broker plays.
const MAX_NODES: u16 = 3;

/// How to run a dev broker.
#[derive(Debug, Clone)]
pub struct DevBrokerOptions {
    /// TCP port of the first node on 127.0.0.1; further nodes have the next ports. 0: any free
    /// ones. Default 0.
    pub port: u16,
    /// Directory to keep the logs in, as Kafka's own segment files; made if it isn't there.
    /// `None`, the default: in memory.
    pub data: Option<PathBuf>,
    /// Partitions of topics that clients make by using them. Default 6.
    pub partitions_per_topic: i32,
    /// Brokers to play, 1 to 3. Default 1.
    pub nodes: u16,
    /// Count the records of Produce requests and discard them: for benchmarks. Default no.
    pub sink: bool,
    /// A node of a sink that answers each Produce request so much after it came, and takes the
    /// next ones meanwhile. Default none.
    pub late: Option<(i32, Duration)>,
}

impl Default for DevBrokerOptions {
    fn default() -> Self {
        Self { port: 0, data: None, partitions_per_topic: 6, nodes: 1, sink: false, late: None }
    }
}

/// A running dev broker; dropping it stops it.
#[derive(Debug)]
pub struct DevBroker {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    acceptors: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    handler: Handler,
    connections: Mutex<Connections>,
}

/// The open sockets, so that they can be closed from outside, and the threads that serve them.
#[derive(Debug, Default)]
struct Connections {
    opened: u64,
    open: BTreeMap<u64, (TcpStream, JoinHandle<()>)>,
}

impl DevBroker {
    /// Starts listening.
    ///
    /// # Errors
    /// `InvalidInput` for a number of nodes or partitions out of range; what the system says of
    /// the ports and of the data directory.
    pub fn start(options: DevBrokerOptions) -> io::Result<Self> {
        if !(1..=MAX_NODES).contains(&options.nodes) || options.partitions_per_topic < 1 {
            let message = "a dev broker has 1 to 3 nodes and at least 1 partition per topic";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listeners = bind(options.port, options.nodes)?;
        let addresses =
            listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let nodes = (1..).zip(&addresses);
        let nodes = nodes.map(|(id, at)| Node::new(id, at.ip().to_string(), at.port())).collect();
        let now = handler::now();
        let config = ClusterConfig {
            cluster_id: "ottla-dev".to_owned(),
            seed: now.as_nanos() as u64,
            default_partitions: options.partitions_per_topic,
            data: options.data,
            // Of what is thrown away no leader can tell the coordinator.
            transaction_version: if options.sink { 1 } else { 2 },
            ..ClusterConfig::default()
        };
        let cluster = Cluster::new(config, nodes, now)?;
        let handler = Handler::new(cluster, options.sink.then(|| Sink::new(options.late)));
        let shared = Arc::new(Shared { handler, connections: Mutex::default() });
        let mut this = Self { addresses, shared, acceptors: Vec::new() };
        for (node, listener) in (1..).zip(listeners) {
            let shared = Arc::clone(&this.shared);
            let acceptor = thread::Builder::new().name(format!("dev-broker-{node}"));
            this.acceptors.push(acceptor.spawn(move || accept(&listener, node, &shared))?);
        }
        Ok(this)
    }

    /// Where the first node listens: enough to bootstrap from.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where each node listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The cluster, to read its logs, plan faults or move leaders; connections wait meanwhile.
    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.shared.handler.cluster()
    }

    /// The counts of a broker that was started as a sink.
    pub fn sink(&self) -> Option<&Sink> {
        self.shared.handler.sink.as_ref()
    }

    /// Closes all connections and waits for their threads.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for DevBroker {
    fn drop(&mut self) {
        self.shared.handler.stop();
        for address in &self.addresses {
            // An acceptor notices the stop when somebody comes; a failure means it is gone.
            drop(TcpStream::connect(address));
        }
        for acceptor in self.acceptors.drain(..) {
            drop(acceptor.join());
        }
        let open = std::mem::take(&mut self.shared.connections().open);
        for (stream, thread) in open.into_values() {
            drop(stream.shutdown(Shutdown::Both));
            drop(thread.join());
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a new connection on a thread of its own, which takes it off the list at its end.
    fn open(self: &Arc<Self>, stream: TcpStream, node: i32) -> io::Result<()> {
        let outside = stream.try_clone()?;
        let mut connections = self.connections();
        connections.opened += 1;
        let id = connections.opened;
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name(format!("dev-broker-{node}-{id}"));
        let thread = thread.spawn(move || {
            // The client learns of an error by the end of its connection.
            drop(connection::serve(&stream, node, &shared.handler));
            drop(stream.shutdown(Shutdown::Both));
            shared.connections().open.remove(&id);
        })?;
        connections.open.insert(id, (outside, thread));
        Ok(())
    }
}

fn accept(listener: &TcpListener, node: i32, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.handler.is_stopped() {
            return;
        }
        // A connection that can't be served, for want of threads or files, is dropped.
        drop(stream.and_then(|stream| shared.open(stream, node)));
    }
}

/// Listeners on consecutive ports, or on any.
fn bind(port: u16, nodes: u16) -> io::Result<Vec<TcpListener>> {
    let port_of = |index: u16| match port {
        0 => Ok(0),
        first => first.checked_add(index).ok_or(io::ErrorKind::InvalidInput),
    };
    (0..nodes).map(|index| TcpListener::bind((Ipv4Addr::LOCALHOST, port_of(index)?))).collect()
}
