//! Where the nodes of a cluster listen and keep their files.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use super::door::Door;
use super::node::Node;
use super::properties::{self, Keeper, Listeners};
use crate::ports::Port;
use crate::scratch::Scratch;

/// Reserves the ports and writes the configurations.
pub(super) fn lay_out(
    scratch: &Scratch,
    count: usize,
    overrides: &[(&str, &str)],
    doors: &[Door],
    zookeeper: Option<&str>,
) -> Vec<Node> {
    let controller = zookeeper.is_none().then_some("CONTROLLER");
    let own = ["PLAINTEXT"].into_iter().chain(controller);
    let names: Vec<&str> = own.chain(doors.iter().map(|door| door.name)).collect();
    let reserve = |_| names.iter().map(|name| (*name, Port::reserve())).collect();
    let ports: Vec<Vec<(&str, Port)>> = (0..count).map(reserve).collect();
    let listeners: Vec<_> = (1..)
        .zip(&ports)
        .map(|(id, ports)| {
            let mut numbers = ports.iter().map(|(_, port)| port.number);
            let broker = numbers.next().expect("a node has a port");
            let controller = controller.and_then(|_| numbers.next());
            Listeners {
                id,
                broker,
                controller,
                doors: doors.iter().copied().zip(numbers).collect(),
            }
        })
        .collect();
    let keeper = zookeeper.map_or(Keeper::Controllers(&listeners), Keeper::ZooKeeper);
    let node = |(own, ports): (&Listeners, _)| {
        let dir = scratch.path().join(format!("node-{}", own.id));
        let log_dir = Node::log_dir_in(&dir);
        let config = properties::server(own, count, keeper, &log_dir, overrides);
        fs::create_dir_all(&dir).expect("cannot create a node's directory");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, own.broker));
        Node::new(own.id, address, dir, &config, ports)
    };
    listeners.iter().zip(ports).map(node).collect()
}
