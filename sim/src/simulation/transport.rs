//! The producer's end of the simulated network.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use embedded_io::ErrorKind;
use ottla_core::BrokerAddress;
use ottla_core::transport::{Connection, NodeId, Transport};

use super::link::LinkId;
use super::network::World;

/// Opens simulated connections.
#[derive(Debug)]
pub(crate) struct SimulatedTransport {
    pub(crate) world: Rc<RefCell<World>>,
}

impl Transport for SimulatedTransport {
    type Connection = SimulatedConnection;

    fn connect(
        &mut self,
        _node: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<SimulatedConnection, ErrorKind> {
        let link = self.world.borrow_mut().connect(address)?;
        Ok(SimulatedConnection { world: self.world.clone(), link })
    }
}

/// A simulated connection.
#[derive(Debug)]
pub(crate) struct SimulatedConnection {
    world: Rc<RefCell<World>>,
    link: LinkId,
}

impl Connection for SimulatedConnection {
    type Error = ErrorKind;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ErrorKind>> {
        self.world.borrow_mut().read(self.link, cx, buffer)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, ErrorKind>> {
        self.world.borrow_mut().write(self.link, cx, slices)
    }
}

impl Drop for SimulatedConnection {
    fn drop(&mut self) {
        self.world.borrow_mut().hang_up(self.link);
    }
}
