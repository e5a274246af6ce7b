//! Logging in at a broker, with core's state machines (KIP-43, KIP-152).

use std::future::poll_fn;
use std::time::Duration;

use ottla_core::config::SaslConfig;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::NodeVersions;
use ottla_core::protocol::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use ottla_core::protocol::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use ottla_core::sasl::{Login, Occasion, Step};
use tokio::time::timeout;

use super::connection::ByteStream;
use super::dial::DialError;
use super::greeting::{call, refused};
use crate::id::random;
use crate::lease::now_ms;

/// Logs in; returns how long the login lasts, where the broker sets an end (KIP-368).
pub(super) async fn log_in(
    stream: &mut dyn ByteStream,
    sasl: &SaslConfig,
    versions: &NodeVersions,
    host: &str,
    patience: Duration,
) -> Result<Option<Duration>, DialError> {
    match timeout(patience, converse(stream, sasl, versions, host)).await {
        Ok(lifetime) => lifetime,
        Err(_) => Err(refused("no login in time")),
    }
}

async fn converse(
    stream: &mut dyn ByteStream,
    sasl: &SaslConfig,
    versions: &NodeVersions,
    host: &str,
) -> Result<Option<Duration>, DialError> {
    let selected = |key| versions.select(key).ok_or_else(|| refused("it takes no logins"));
    let mechanism = sasl.mechanism.map_or("", |mechanism| mechanism.name());
    let version = selected(ApiKey::SaslHandshake)?;
    let request = SaslHandshakeRequest { mechanism };
    let body = call(stream, ApiKey::SaslHandshake, version, |out| request.encode(out)).await?;
    let answer = SaslHandshakeResponse::parse(&body, version).map_err(refused)?;
    if !answer.error.is_none() {
        return Err(refused(answer.error));
    }
    let version = selected(ApiKey::SaslAuthenticate)?;
    let entropy = random::<16>();
    let (words, _) = entropy.as_chunks();
    let entropy = std::array::from_fn(|at| u32::from_ne_bytes(words[at]));
    let occasion = Occasion { entropy, host, unix_millis: now_ms() };
    let begun = poll_fn(|cx| Login::begin(sasl, &occasion, cx)).await;
    let (mut login, mut message) = begun.map_err(refused)?;
    loop {
        let request = SaslAuthenticateRequest { message: &message };
        let key = ApiKey::SaslAuthenticate;
        let body = call(stream, key, version, |out| request.encode(out, version)).await?;
        let answer = SaslAuthenticateResponse::parse(&body, version).map_err(refused)?;
        if !answer.error.is_none() {
            return Err(refused(answer.error));
        }
        match login.step(answer.message).map_err(refused)? {
            Step::Send(next) => message = next,
            Step::Done => {
                let lifetime = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
                return Ok((lifetime > 0).then(|| Duration::from_millis(lifetime)));
            }
        }
    }
}
