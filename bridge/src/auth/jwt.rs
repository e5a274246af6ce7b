//! Tokens: JSON Web Tokens (RFC 7519) in the compact form, signed (RFC 7515), read strictly.
//!
//! The signature is checked with `ring`, which the bridge's TLS stands on as well. A key has one
//! algorithm; what a token's header says only has to agree with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::keys::{Algorithm, KeyPrint, KeySet};
use super::{Denial, Grant, LeaseGrant, Proof, Topics};
use crate::config;

/// The longest subject: it is kept for each session.
const SUBJECT_BYTES: usize = 256;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    aud: Audience,
    iss: Option<String>,
    jti: Option<String>,
    ottla: OttlaClaims,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The claim `ottla`: what the token grants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OttlaClaims {
    /// Names, or beginnings with a `*`.
    topics: Vec<String>,
    /// `session`, `durable` or `none`.
    #[serde(default)]
    lease: LeaseClaim,
    one_shot_bytes: Option<usize>,
    origin: Option<String>,
    #[serde(default)]
    native: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LeaseClaim {
    #[default]
    Session,
    Durable,
    None,
}

/// What a token grants, if it is valid now.
pub(super) fn check(
    token: &str,
    keys: &KeySet,
    config: &config::Auth,
    now: SystemTime,
) -> Result<Grant, Denial> {
    if token.is_empty() {
        return Err(Denial("no token"));
    }
    let (claims, key) = verified(token, keys, &config.algorithms)?;
    check_claims(&claims, config, now)?;
    let ottla = claims.ottla;
    Ok(Grant {
        subject: claims.sub.into(),
        topics: Topics::new(&ottla.topics),
        lease: match ottla.lease {
            LeaseClaim::Session => LeaseGrant::Session,
            LeaseClaim::Durable => LeaseGrant::Durable,
            LeaseClaim::None => LeaseGrant::No,
        },
        one_shot_bytes: ottla.one_shot_bytes,
        native: ottla.native,
        origin: ottla.origin,
        expires: Some(UNIX_EPOCH + Duration::from_secs(claims.exp + config.leeway_s)),
        proof: Some(Proof { id: claims.jti.map(Into::into), key }),
    })
}

/// The claims of a token whose signature is right, and its key.
fn verified(token: &str, keys: &KeySet, allowed: &[String]) -> Result<(Claims, KeyPrint), Denial> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Denial("the token has not three parts"));
    };
    let message = &token[..header.len() + 1 + claims.len()];
    let header: Header = json(header)?;
    if header.crit.is_some() {
        return Err(Denial("the token has critical extensions"));
    }
    let known = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256];
    let algorithm = known
        .into_iter()
        .find(|known| known.name() == header.alg && allowed.contains(&header.alg))
        .ok_or(Denial("the token's algorithm is not allowed"))?;
    let signature = Base64UrlUnpadded::decode_vec(signature)
        .map_err(|_| Denial("the token's signature is not base64url"))?;
    let key = keys
        .verify(header.kid.as_deref(), algorithm, message.as_bytes(), &signature)
        .ok_or(Denial("the token is not signed with a known key"))?;
    Ok((json(claims)?, key))
}

fn json<T: for<'a> Deserialize<'a>>(part: &str) -> Result<T, Denial> {
    let bytes = Base64UrlUnpadded::decode_vec(part)
        .map_err(|_| Denial("a part of the token is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| Denial("a part of the token is not as it must be"))
}

fn check_claims(claims: &Claims, config: &config::Auth, now: SystemTime) -> Result<(), Denial> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let soon = now + config.leeway_s;
    let audience = config.audience.as_deref().unwrap_or_default();
    let is_for_us = match &claims.aud {
        Audience::One(one) => one == audience,
        Audience::Many(many) => many.iter().any(|one| one == audience),
    };
    let revoked = |list: &[String], what: &str| list.iter().any(|one| one == what);
    let checks = [
        (claims.exp.saturating_add(config.leeway_s) > now, "the token has expired"),
        (claims.exp <= soon.saturating_add(config.max_ttl_s), "the token is valid for too long"),
        (claims.nbf.is_none_or(|nbf| nbf <= soon), "the token is not valid yet"),
        (claims.iat.is_none_or(|iat| iat <= soon), "the token is from the future"),
        (is_for_us, "the token is for another audience"),
        (
            config.issuer.is_none() || claims.iss == config.issuer,
            "the token is from another issuer",
        ),
        ((1..=SUBJECT_BYTES).contains(&claims.sub.len()), "the token's subject is none"),
        (!revoked(&config.revoked_subjects, &claims.sub), "the subject is revoked"),
        (
            claims.jti.as_deref().is_none_or(|jti| !revoked(&config.revoked_tokens, jti)),
            "the token is revoked",
        ),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(Denial(why)),
        None => Ok(()),
    }
}
