//! `POST /v1/produce`: HTTP around a one-shot request.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY,
};
use hyper::{HeaderMap, Request, Response, StatusCode};
use ottla_bridge_protocol::limits;
use tokio::time::{Duration, Instant, timeout};

use super::routes::{Answer, status};
use super::upgrade::origin;
use crate::audit::Who;
use crate::bridge::{Bridge, Counted};
use crate::one_shot;
use crate::session::Peer;

const OTTLA: &str = "application/vnd.ottla.v1";
/// The only other type: a page that is being left cannot wait for a preflight.
const SAFELISTED: &str = "text/plain";

/// Answers the request itself.
pub(super) async fn answer(bridge: &Arc<Bridge>, ip: IpAddr, request: Request<Incoming>) -> Answer {
    let _counted = bridge.begin_one_shot();
    let peer = match admit(bridge, ip, request.headers()) {
        Ok(peer) => peer,
        Err(code) => return refusal(code),
    };
    let origin = peer.origin.clone();
    let mut answer = match serve(bridge, &peer, request.into_body()).await {
        Ok(body) => {
            let mut answer = Response::new(Full::new(Bytes::from(body)));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OTTLA));
            answer
        }
        Err(code) => refusal(code),
    };
    bridge.metrics.one_shot(answer.status().as_u16());
    allow(&mut answer, origin.as_deref());
    answer
}

/// Answers a browser that asks whether a page may send the request.
pub(super) fn preflight(bridge: &Bridge, ip: IpAddr, headers: &HeaderMap) -> Answer {
    let origin = match origin(headers) {
        Ok(Some(origin)) if bridge.auth().allows_origin(Some(&origin)) => origin,
        _ => {
            bridge.deny(&Who { ip, subject: None, session: None }, "T29", "a preflight");
            return status(StatusCode::FORBIDDEN);
        }
    };
    let mut answer = status(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    allow(&mut answer, Some(&origin));
    answer
}

/// Lets the page read the answer. Credentials are never allowed: nothing here looks at cookies.
fn allow(answer: &mut Answer, origin: Option<&str>) {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

fn refusal(code: StatusCode) -> Answer {
    let mut answer = status(code);
    if matches!(code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// What the headers alone decide.
fn admit(bridge: &Bridge, ip: IpAddr, headers: &HeaderMap) -> Result<Peer, StatusCode> {
    if bridge.is_draining() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let deny = |what| {
        bridge.deny(&Who { ip, subject: None, session: None }, "T29", what);
        StatusCode::FORBIDDEN
    };
    let origin = origin(headers)?;
    if !bridge.auth().allows_origin(origin.as_deref()) {
        return Err(deny("an origin that is not allowed"));
    }
    // Only browsers send it, and they send an Origin with a page's own requests.
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None => {}
        Some(b"same-origin" | b"same-site" | b"cross-site") if origin.is_some() => {}
        Some(_) => return Err(deny("Sec-Fetch-Site without a page")),
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    match essence {
        Some(OTTLA | SAFELISTED) => Ok(Peer { ip, origin }),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

async fn serve(bridge: &Arc<Bridge>, peer: &Peer, body: Incoming) -> Result<Vec<u8>, StatusCode> {
    let patience = Duration::from_millis(bridge.config().times.progress_ms);
    let collected = timeout(patience, collect(bridge, body)).await;
    let (body, _held) =
        collected.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT)).inspect_err(|code| {
            if *code == StatusCode::PAYLOAD_TOO_LARGE {
                let who = Who { ip: peer.ip, subject: None, session: None };
                bridge.deny(&who, "T14", "a one-shot body above the limit");
            }
        })?;
    one_shot::answer(bridge, peer, &body).await
}

/// Reads a body; what is there of it counts: nobody knows yet whose it is.
async fn collect(bridge: &Arc<Bridge>, body: Incoming) -> Result<(Vec<u8>, Counted), StatusCode> {
    let limits = bridge.config().limits.clone();
    let mut body = Limited::new(body, limits::MESSAGE);
    let (mut bytes, mut held) = (Vec::new(), bridge.hold(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => StatusCode::PAYLOAD_TOO_LARGE,
            false => StatusCode::BAD_REQUEST,
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if !bridge.has_room(&limits) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        held.add(data.len());
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

/// Counts a body's bytes for its subject; whether it may pass.
pub(crate) fn within_budget(bridge: &Bridge, subject: &Arc<str>, bytes: usize) -> bool {
    let budget = bridge.subject_budget(subject);
    let mut bucket = budget.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if !bucket.debt(now).is_zero() {
        return false;
    }
    bucket.take(bytes as f64, now);
    true
}
