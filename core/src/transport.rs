//! The seam between the producer and a network: byte pipes to nodes, opened and polled, never
//! blocking.

use core::fmt::{Debug, Display};
use core::task::{Context, Poll};

use crate::config::BrokerAddress;

/// A broker's id in the cluster's metadata. Bootstrap addresses, whose ids are not known yet, have
/// negative ones: −1, −2, …
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct NodeId(pub i32);

impl Display for NodeId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// Opens byte pipes to nodes.
pub trait Transport {
    /// The pipe.
    type Connection: Connection;

    /// Begins to connect and returns at once; the connection is `Pending` until it is up and
    /// reports a failure on first use. `address` is `None` where the transport routes by node id
    /// alone (a bridge).
    fn connect(
        &mut self,
        node: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<Self::Connection, <Self::Connection as Connection>::Error>;

    /// Whether its connections are encrypted as `security.protocol` = `SSL` and `SASL_SSL` ask for.
    /// A producer with one of these does not start on a transport that says no.
    fn is_encrypted(&self) -> bool {
        false
    }

    /// What it knows about the other end now. The driver looks before it does anything else.
    fn session(&self) -> Session {
        Session::default()
    }
}

/// What a transport knows about the other end, beside bytes. Over TCP nothing, which is the
/// default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Session {
    /// Producer ids are lent, by a bridge. Then the producer never raises an epoch by itself: it
    /// asks with `InitProducerId`, so that the lender knows.
    pub lends_ids: bool,
    /// The id that is lent now and the epoch with which its lease began, where that is known. If
    /// the producer has another id, or an earlier epoch, the lease of that is over.
    pub producer_id: Option<(i64, i16)>,
}

impl Session {
    /// That of a bridge, with the id that it lends and the first epoch.
    #[must_use]
    pub fn lending(producer_id: Option<(i64, i16)>) -> Self {
        Self { lends_ids: true, producer_id }
    }
}

/// A byte pipe to one node. Dropping it closes it.
///
/// `Pending` is the only back-pressure; whoever returns it wakes the task of `cx` when it's worth
/// trying again. Reading and writing are independent (full duplex).
pub trait Connection {
    /// Why the pipe broke. `kind()` is the shared vocabulary, the text is shown to people.
    type Error: embedded_io::Error + Display + Debug;

    /// Whether the pipe broke because one side does not accept who the other is, as with a
    /// certificate that is not trusted. Trying again does not help, so what waits fails at once.
    fn is_distrust(_error: &Self::Error) -> bool {
        false
    }

    /// Whether reading is worth a try; false only where it would be `Pending`. Whoever knows that
    /// beforehand spares a producer with many connections a look into each.
    fn is_readable(&self) -> bool {
        true
    }

    /// Whether requests may be sent. Only asked where no broker is spoken with (without the Cargo
    /// feature `brokers`): a broker's answer to the first request says so.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Reads into `buffer`; `Ok(0)` means that the peer has closed.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Self::Error>>;

    /// Writes from `slices` in order, as many bytes as fit; never `Ok(0)` for non-empty input.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, Self::Error>>;
}
