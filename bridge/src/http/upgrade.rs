//! From HTTP to a WebSocket session (PROTOCOL.md §1).

use std::net::IpAddr;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, Request, StatusCode};
use ottla_bridge_protocol::{HELLO_SUBPROTOCOL_PREFIX, Hello, SUBPROTOCOL, limits};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::routes::{Answer, status};
use crate::audit::Who;
use crate::auth::Grant;
use crate::bridge::Bridge;
use crate::limits::Entered;
use crate::session::{self, Peer};

/// Answers the request for a session, and serves it.
pub(super) fn answer(
    bridge: &Arc<Bridge>,
    ip: IpAddr,
    counted: Arc<Entered<IpAddr>>,
    mut request: Request<Incoming>,
) -> Answer {
    match begin(bridge, ip, request.headers()) {
        Err(code) => status(code),
        Ok(begun) => {
            let upgrade = hyper::upgrade::on(&mut request);
            let (bridge, accept) = (bridge.clone(), begun.accept);
            tokio::spawn(async move {
                let _counted = counted;
                match upgrade.await {
                    Ok(upgraded) => session::serve(bridge, upgraded, begun.peer, begun.hello).await,
                    Err(error) => tracing::debug!(%error, "no upgrade"),
                }
            });
            switch(accept)
        }
    }
}

/// What the headers of a good request say.
struct Begun {
    accept: HeaderValue,
    peer: Peer,
    hello: Option<(Vec<u8>, Grant)>,
}

fn begin(bridge: &Bridge, ip: IpAddr, headers: &HeaderMap) -> Result<Begun, StatusCode> {
    if bridge.is_draining() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let key = websocket_key(headers).ok_or(StatusCode::BAD_REQUEST)?;
    let accept = derive_accept_key(key);
    let accept = HeaderValue::from_str(&accept).map_err(|_| StatusCode::BAD_REQUEST)?;
    let hello = offered_hello(headers).ok_or(StatusCode::BAD_REQUEST)??;
    let origin = origin(headers)?;
    let who = Who { ip, subject: None, session: None };
    let auth = bridge.auth();
    if !auth.allows_origin(origin.as_deref()) {
        bridge.deny(&who, "T4", "an origin that is not allowed");
        return Err(StatusCode::FORBIDDEN);
    }
    let hello = match hello {
        None => None,
        Some(payload) => {
            let hello = Hello::decode(&payload).map_err(|_| StatusCode::BAD_REQUEST)?;
            let grant = auth.check(hello.token, origin.as_deref()).map_err(|denial| {
                bridge.deny(&who, "T1", denial.0);
                StatusCode::UNAUTHORIZED
            })?;
            Some((payload, grant))
        }
    };
    Ok(Begun { accept, peer: Peer { ip, origin }, hello })
}

fn switch(accept: HeaderValue) -> Answer {
    let mut answer = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    // Never the other subprotocol, which may hold a token.
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    answer
}

/// The key of a request that is one for a WebSocket (RFC 6455 §4.2.1).
fn websocket_key(headers: &HeaderMap) -> Option<&[u8]> {
    let has = |name: HeaderName, word: &str| {
        tokens(headers, name).any(|token| token.eq_ignore_ascii_case(word))
    };
    let version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(SEC_WEBSOCKET_KEY)?.as_bytes();
    (has(CONNECTION, "upgrade") && has(UPGRADE, "websocket") && version && key.len() == 24)
        .then_some(key)
}

/// The items of all headers of a name, which are lists.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The HELLO among the subprotocols that are offered. `None`: the bridge's own is not offered.
fn offered_hello(headers: &HeaderMap) -> Option<Result<Option<Vec<u8>>, StatusCode>> {
    let mut offered = tokens(headers, SEC_WEBSOCKET_PROTOCOL);
    let offers: Vec<&str> = offered.by_ref().collect();
    if !offers.contains(&SUBPROTOCOL) {
        return None;
    }
    let mut hellos = offers.iter().filter_map(|offer| offer.strip_prefix(HELLO_SUBPROTOCOL_PREFIX));
    let Some(hello) = hellos.next() else { return Some(Ok(None)) };
    if hellos.next().is_some() || hello.len() > limits::HELLO.div_ceil(3) * 4 {
        return Some(Err(StatusCode::BAD_REQUEST));
    }
    let decoded = Base64UrlUnpadded::decode_vec(hello).map_err(|_| StatusCode::BAD_REQUEST);
    Some(decoded.map(Some))
}

/// The page that asks, where there is one.
pub(super) fn origin(headers: &HeaderMap) -> Result<Option<String>, StatusCode> {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let first = origins.next().map(|origin| origin.to_str().map(str::to_owned));
    match (first, origins.next()) {
        (None, _) => Ok(None),
        (Some(Ok(origin)), None) => Ok(Some(origin)),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}
