//! Accepts connections and speaks HTTP/1.1 on them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::routes;
use crate::audit::Who;
use crate::bridge::Bridge;
use crate::limits::Entered;

/// What the head of a request may have: a HELLO in it takes 5.5 KiB.
const HEAD_BYTES: usize = 16 << 10;
const HEADERS: usize = 64;
/// After a failure to accept, for instance for want of files.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the bridge drains.
pub(crate) async fn serve(bridge: Arc<Bridge>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut draining = bridge.draining.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (bridge, tls) = (bridge.clone(), tls.clone());
                    tokio::spawn(async move {
                        if let Err(error) = open(bridge, stream, peer, tls).await {
                            tracing::debug!(%error, "connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
            () = async { drop(draining.wait_for(|draining| *draining).await) } => return,
        }
    }
}

async fn open(
    bridge: Arc<Bridge>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let config = bridge.config();
    let Some(counted) = bridge.admission.connection(peer.ip(), &config.limits) else {
        let who = Who { ip: peer.ip(), subject: None, session: None };
        bridge.deny(&who, "T20", "too many connections of an address");
        return Ok(());
    };
    stream.set_nodelay(true)?;
    let counted = Arc::new(counted);
    let Some(tls) = tls else { return speak(bridge, stream, peer, counted).await };
    let patience = Duration::from_millis(config.times.tls_ms);
    let stream = timeout(patience, tls.accept(stream)).await??;
    speak(bridge, stream, peer, counted).await
}

async fn speak(
    bridge: Arc<Bridge>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    counted: Arc<Entered<IpAddr>>,
) -> io::Result<()> {
    let patience = Duration::from_millis(bridge.config().times.http_ms);
    let service = service_fn(move |request| {
        routes::answer(bridge.clone(), peer.ip(), counted.clone(), request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
        .map_err(io::Error::other)
}
