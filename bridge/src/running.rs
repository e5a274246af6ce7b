//! Starting a bridge, and ending it well.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::{fmt, io};

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::time::{Duration, Instant, interval, sleep, timeout};

use crate::bridge::Bridge;
use crate::config::{Config, ConfigError};
use crate::http::{admin, listener, tls};
use crate::otlp::Exporter;
use crate::reload;
use crate::session::Event;
use crate::signals;

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
    /// The system does not let it listen: the key, the address, and why.
    Listen(String, io::Error),
    /// The system does not let it run.
    Io(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Listen(place, error) => write!(f, "cannot listen on {place}: {error}"),
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
    admin: Option<SocketAddr>,
    file: Option<PathBuf>,
}

impl Running {
    /// Starts a bridge. It takes connections at once, also while the cluster is not yet there.
    ///
    /// # Errors
    /// If the configuration is wrong, or the system does not let it listen.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, None)
    }

    /// The same with a file, which is followed: who may come and limits change while it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start), and what is wrong with the file.
    pub fn start_from(file: &Path) -> Result<Self, StartError> {
        Self::start_with(Config::load(file)?, Some(file.to_owned()))
    }

    fn start_with(config: Config, file: Option<PathBuf>) -> Result<Self, StartError> {
        config.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("ottla-bridge")
            .enable_all()
            .build()?;
        let listen = config.listen.address;
        let admin = Some(config.admin.address).filter(|_| config.admin.enabled);
        let tls = tls::acceptor(&config.listen)?;
        let exporter = Exporter::new(&config.otlp)?;
        let bridge = Arc::new(Bridge::new(config)?);
        let (listener, address) = bind(&runtime, "listen.address", listen)?;
        runtime.spawn(listener::serve(bridge.clone(), listener, tls));
        let admin = match admin {
            None => None,
            Some(admin) => {
                let (listener, address) = bind(&runtime, "admin.address", admin)?;
                runtime.spawn(admin::serve(bridge.clone(), listener));
                Some(address)
            }
        };
        runtime.spawn(reload::follow(bridge.clone(), file.clone()));
        runtime.spawn(sweep(bridge.clone()));
        if let Some(exporter) = exporter {
            runtime.spawn(exporter.run(bridge.clone()));
        }
        Ok(Self { bridge, runtime: Some(runtime), address, admin, file })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator looks; `None`: nowhere.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Reads the configuration file and the keys again. What is wrong is logged, and the former
    /// stays.
    pub fn reload(&self) {
        reload::reload(&self.bridge, self.file.as_deref());
    }

    /// Runs until the process is asked to end (Ctrl-C, SIGTERM), and then drains; the second time
    /// it ends at once. SIGHUP reads the configuration again.
    ///
    /// # Errors
    /// If the system does not let it listen for signals.
    pub fn run_until_signal(self) -> io::Result<()> {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(signals::wait(|| self.reload()))?;
            runtime.spawn(async {
                // The drain ends the process anyway, if this does not.
                if signals::wait(|| {}).await.is_ok() {
                    std::process::exit(130);
                }
            });
        }
        self.drain();
        Ok(())
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
fn bind(
    runtime: &Runtime,
    key: &str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    listen(runtime, address).map_err(|error| StartError::Listen(format!("{key} {address}"), error))
}

fn listen(runtime: &Runtime, address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
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
        let probed = timeout(SWEEP, bridge.cluster.probe()).await;
        let reached = matches!(probed, Ok(Ok(())));
        if bridge.reached.swap(reached, Relaxed) != reached {
            tracing::info!(reached, "whether the cluster answers has changed");
        }
    }
}

async fn drain(bridge: &Bridge) {
    bridge.draining.send_replace(true);
    bridge.tell_all(|| Event::Drain);
    // Sessions close themselves at the deadline; a little later all are gone who wait for answers.
    let patience = Duration::from_millis(bridge.config().times.drain_ms) + Duration::from_secs(2);
    let deadline = Instant::now() + patience;
    while !bridge.is_idle() && Instant::now() < deadline {
        sleep(LOOK).await;
    }
}
