//! `/livez`, `/readyz` and `/metrics`, on a listener of their own.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::{Duration, sleep};

use super::routes::{Answer, status};
use crate::bridge::Bridge;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the operator, also while the bridge drains.
pub(crate) async fn serve(bridge: Arc<Bridge>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let bridge = bridge.clone();
        let service = service_fn(move |request| {
            let answer = answer(&bridge, &request);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            // Whoever asked has gone.
            drop(served.await);
        });
    }
}

fn answer(bridge: &Bridge, request: &Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/livez") => status(StatusCode::OK),
        (&Method::GET, "/readyz") if bridge.is_ready() => status(StatusCode::OK),
        (&Method::GET, "/readyz") => status(StatusCode::SERVICE_UNAVAILABLE),
        (&Method::GET, "/metrics") => {
            bridge.measure();
            let mut answer = Response::new(Full::new(Bytes::from(bridge.metrics.text())));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
            answer
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}
