//! HTTP on the loopback interface: files, what is stored, and the broker's switch.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

use super::{Demo, TOPIC, back, files};

type Answer = Response<Full<Bytes>>;

/// How long the end waits for requests that are being answered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    pub(super) fn start(port: u16, demo: Arc<Demo>) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, demo));
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

async fn serve(listener: TcpListener, demo: Arc<Demo>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let demo = demo.clone();
        let service = service_fn(move |request| {
            let demo = demo.clone();
            async move { Ok::<_, Infallible>(answer(demo, request).await) }
        });
        // Whoever asked has gone, if it fails.
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async { drop(served.await) });
    }
}

async fn answer(demo: Arc<Demo>, request: Request<Incoming>) -> Answer {
    if !is_local(&request) {
        return status(StatusCode::FORBIDDEN);
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/state") => answer_json(&state(&demo)),
        (&Method::GET, "/log") => {
            let from = offsets(request.uri().query().unwrap_or_default());
            blocking(move || read(&demo, &from)).await
        }
        (&Method::POST, path @ ("/broker/on" | "/broker/off")) => {
            let on = path == "/broker/on";
            blocking(move || match demo.switch.set(on) {
                Ok(()) => answer_json(&state(&demo)),
                Err(error) => failed(&error.to_string()),
            })
            .await
        }
        (&Method::GET, path) => files::find(path).map_or_else(
            || status(StatusCode::NOT_FOUND),
            |(content, media_type)| content_of(Bytes::from_static(content), media_type),
        ),
        _ => status(StatusCode::NOT_FOUND),
    }
}

/// Whether a page of this machine asks, and not another that has found the port: neither under
/// another name (DNS rebinding), nor by a form or a script of another site, which can't send this
/// header.
fn is_local(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own = request.headers().contains_key("x-ottla-demo") || request.method() == Method::GET;
    matches!(name, "localhost" | "127.0.0.1") && own
}

fn state(demo: &Demo) -> Value {
    json!({
        "bridge": demo.bridge,
        "topic": TOPIC,
        "isOn": demo.switch.is_on(),
        "hasPackage": files::has_package(),
    })
}

/// The offsets in `from=1,2,3`.
fn offsets(query: &str) -> Vec<i64> {
    let list = query.strip_prefix("from=").unwrap_or_default().split(',');
    list.map(|offset| offset.parse().unwrap_or_default()).collect()
}

fn read(demo: &Demo, from: &[i64]) -> Answer {
    match back::read(demo.switch.addresses(), from) {
        Ok(records) => answer_json(&records),
        // The broker is off, or nothing was ever produced.
        Err(failure) => failed(&failure.to_string()),
    }
}

async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn answer_json(value: &Value) -> Answer {
    content_of(Bytes::from(value.to_string()), "application/json")
}

fn failed(why: &str) -> Answer {
    let mut answer = answer_json(&json!({ "error": why }));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

fn content_of(content: Bytes, media_type: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(content));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // The next version of the command has other files under the same names.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
