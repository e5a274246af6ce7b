//! Starting a bridge, and ending it well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{fmt, io};

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::time::{Duration, Instant, interval, sleep, timeout};

use crate::bridge::Bridge;
use crate::config::{Config, ConfigError};
use crate::http::listener;
use crate::session::Event;

/// How often what is over is taken back.
const SWEEP: Duration = Duration::from_secs(5);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How often a drain looks whether all have left.
const LOOK: Duration = Duration::from_millis(20);

/// Why a bridge does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The system does not let it listen or run.
    Io(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Io(error) => write!(f, "cannot start the bridge: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running bridge with a runtime of its own. Dropping it ends it at once; [`drain`](Self::drain)
/// ends it well.
#[derive(Debug)]
pub struct Running {
    bridge: Arc<Bridge>,
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Running {
    /// Starts a bridge. It takes connections at once, also while the cluster is not yet there.
    ///
    /// # Errors
    /// If the configuration is wrong, or the system does not let it listen.
    pub fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("ottla-bridge")
            .enable_all()
            .build()?;
        let listen = config.listen.address;
        let bridge = Arc::new(Bridge::new(config)?);
        let (listener, address) = bind(&runtime, listen)?;
        runtime.spawn(listener::serve(bridge.clone(), listener));
        runtime.spawn(sweep(bridge.clone()));
        Ok(Self { bridge, runtime: Some(runtime), address })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of sessions, as clients have to be given it.
    #[must_use]
    pub fn url(&self) -> String {
        let config = self.bridge.config();
        let scheme = if config.listen.certificate.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/session", self.address)
    }

    /// Takes no more connections, asks all clients to come back elsewhere and waits until they have
    /// left, at most `times.drain_ms`.
    pub fn drain(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(drain(&self.bridge));
            runtime.shutdown_background();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Listens; without waiting, so that it can be done anywhere.
fn bind(runtime: &Runtime, address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let _inside = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn sweep(bridge: Arc<Bridge>) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        bridge.leases.sweep();
        if bridge.cluster.nodes() == 0
            && let Ok(Err(error)) = timeout(SWEEP, bridge.cluster.probe()).await
        {
            tracing::warn!(%error, "the cluster does not answer");
        }
    }
}

async fn drain(bridge: &Bridge) {
    bridge.draining.send_replace(true);
    bridge.tell_all(|| Event::Drain);
    // Sessions close themselves at the deadline; a little later they are all gone.
    let patience = Duration::from_millis(bridge.config().times.drain_ms) + Duration::from_secs(2);
    let deadline = Instant::now() + patience;
    while bridge.session_count() > 0 && Instant::now() < deadline {
        sleep(LOOK).await;
    }
}
