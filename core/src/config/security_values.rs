//! Values of the keys of `security.rs`: from text to its types.

use alloc::format;
use alloc::string::ToString;

use super::parse::Parsed;
use super::security::{Pem, Roots, SecurityProtocol};
use super::{ProducerConfig, jaas};
use crate::sasl::TokenSource;

/// librdkafka's names for keys that Kafka has too.
const ALIASES: [(&str, &str); 7] = [
    ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id"),
    ("sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret"),
    ("ssl.ca.location", "ssl.truststore.location"),
    ("ssl.ca.pem", "ssl.truststore.certificates"),
    ("ssl.certificate.pem", "ssl.keystore.certificate.chain"),
    ("ssl.key.pem", "ssl.keystore.key"),
    ("sasl.mechanisms", "sasl.mechanism"),
];

/// Keys whose values are not to be seen in an error.
const SECRETS: [&str; 7] = [
    "sasl.oauthbearer.client.credentials.client.secret",
    "ssl.keystore.key",
    "sasl.password",
    "sasl.jaas.config",
    "sasl.oauthbearer.token",
    "sasl.aws.secret.access.key",
    "sasl.aws.security.token",
];

/// How to make PEM files of Java's key stores.
const CONVERT: &str = "a PEM file; JKS and PKCS12 are not read. Convert with: keytool \
    -importkeystore -srckeystore STORE -destkeystore store.p12 -deststoretype PKCS12; \
    openssl pkcs12 -in store.p12 -nodes -out store.pem";

/// Kafka's name of a key that may be librdkafka's.
pub(super) fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, name)| name)
}

pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

pub(super) fn protocol(text: &str) -> Parsed<SecurityProtocol> {
    let named = |known: &SecurityProtocol| known.name().eq_ignore_ascii_case(text.trim());
    let known = SecurityProtocol::ALL.into_iter().find(named);
    known.ok_or_else(|| "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL".into())
}

pub(super) fn roots(text: &str) -> Parsed<Roots> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("system") => Ok(Roots::System),
        text if text.eq_ignore_ascii_case("bundled") => Ok(Roots::Bundled),
        _ => Err("system or bundled".into()),
    }
}

/// The path of a PEM file.
pub(super) fn file(text: &str) -> Parsed<Option<Pem>> {
    const STORES: [&str; 5] = [".jks", ".p12", ".pfx", ".pkcs12", ".keystore"];
    let path = text.trim();
    let lower = path.to_ascii_lowercase();
    if path.is_empty() || STORES.iter().any(|store| lower.ends_with(store)) {
        return Err(CONVERT.into());
    }
    Ok(Some(Pem::File(path.to_string())))
}

/// PEM inside of the property. Property files can't hold newlines, so `\n` may stand for one.
pub(super) fn inline(text: &str) -> Parsed<Option<Pem>> {
    if !text.contains("-----BEGIN ") {
        return Err("PEM, which begins with -----BEGIN".into());
    }
    Ok(Some(Pem::Inline(text.replace("\\n", "\n").into())))
}

/// `ssl.keystore.location` holds the certificate and its key.
pub(super) fn set_key_store(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    config.security.tls.certificate = file(text)?;
    config.security.tls.key = file(text)?;
    Ok(())
}

pub(super) fn set_mechanism(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    let known = text
        .trim()
        .parse()
        .map_err(|names| format!("{names} (of the others, GSSAPI needs a C library)"))?;
    config.security.sasl.mechanism = Some(known);
    Ok(())
}

pub(super) fn set_token(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    config.security.sasl.token = Some(TokenSource::Given(text.trim().into()));
    Ok(())
}

/// `name=value,…`
pub(super) fn set_extensions(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("NAME=VALUE,…")?;
        config.security.sasl.extensions.insert(name.trim().into(), value.trim().into());
    }
    Ok(())
}

/// `sasl.jaas.config`: the options of one login module are what the `sasl.…` keys set.
pub(super) fn set_jaas(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    let sasl = &mut config.security.sasl;
    let login = jaas::parse(text)?;
    sasl.username = login.username.or_else(|| sasl.username.take());
    sasl.password = login.password.or_else(|| sasl.password.take());
    sasl.token = login.token.map(TokenSource::Given).or_else(|| sasl.token.take());
    sasl.extensions.extend(login.extensions);
    let oidc = &mut sasl.oidc;
    oidc.client_id = login.client_id.or_else(|| oidc.client_id.take());
    oidc.client_secret = login.client_secret.or_else(|| oidc.client_secret.take());
    oidc.scope = login.scope.or_else(|| oidc.scope.take());
    Ok(())
}
