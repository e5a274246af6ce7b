//! Which request is for whom.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::{one_shot, upgrade};
use crate::bridge::Bridge;
use crate::limits::Entered;

/// An answer with its body.
pub(super) type Answer = Response<Full<Bytes>>;

/// An answer without a body.
pub(super) fn status(code: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = code;
    answer
}

/// Answers a request. `counted` is the connection, which a session goes on to hold.
pub(super) async fn answer(
    bridge: Arc<Bridge>,
    ip: IpAddr,
    counted: Arc<Entered<IpAddr>>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/session") => upgrade::answer(&bridge, ip, counted, request),
        (&Method::POST, "/v1/produce") => one_shot::answer(&bridge, ip, request).await,
        (&Method::OPTIONS, "/v1/produce") => one_shot::preflight(&bridge, ip, request.headers()),
        (_, "/v1/session" | "/v1/produce") => status(StatusCode::METHOD_NOT_ALLOWED),
        _ => status(StatusCode::NOT_FOUND),
    };
    Ok(answer)
}
