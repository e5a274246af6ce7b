//! How connections are protected and who the client is: `security.protocol`, `ssl.…`, `sasl.…`.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::ConfigError;
use crate::sasl::{AwsConfig, Mechanism, Secret, TokenSource};
use crate::sorted::SortedMap;

/// What protects a connection (`security.protocol`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecurityProtocol {
    /// Nothing.
    #[default]
    Plaintext,
    /// TLS; with a certificate of the client's the broker knows who it is.
    Ssl,
    /// A login, and everything can be read on the way.
    SaslPlaintext,
    /// A login over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The name in Kafka's configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn uses_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether a connection begins with a login.
    #[must_use]
    pub const fn uses_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// `security.protocol` and what belongs to it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// `security.protocol`: PLAINTEXT.
    pub protocol: SecurityProtocol,
    /// `ssl.…`.
    pub tls: TlsConfig,
    /// `sasl.…`.
    pub sasl: SaslConfig,
}

/// Whom a TLS client trusts, and who it is itself. The broker's host name is always verified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// `ssl.truststore.location`, `ssl.truststore.certificates`, `ssl.ca.location`: the
    /// certificates that sign the brokers'. Without it those of [`roots`](Self::roots).
    pub ca: Option<Pem>,
    /// `ssl.roots` (ottla's own).
    pub roots: Roots,
    /// `ssl.keystore.location`, `ssl.keystore.certificate.chain`, `ssl.certificate.location`: the
    /// client's certificate, then those that lead from it to one that the broker trusts.
    pub certificate: Option<Pem>,
    /// `ssl.keystore.location`, `ssl.keystore.key`, `ssl.key.location`: its private key.
    pub key: Option<Pem>,
}

/// Certificates or a key in PEM (RFC 7468).
#[derive(Clone, Debug)]
pub enum Pem {
    /// The file that holds it, read when the producer starts.
    File(String),
    /// The text itself.
    Inline(Secret),
}

/// Which public certificate authorities are trusted where `ssl.truststore.…` names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Mozilla's, as compiled in: the same on every machine.
    Bundled,
}

/// A server that gives tokens for a client's own secret (OAuth 2, RFC 6749, section 4.4). Asked
/// where the platform can: natively.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OidcConfig {
    /// `sasl.oauthbearer.token.endpoint.url`.
    pub token_endpoint_url: Option<String>,
    /// `sasl.oauthbearer.client.credentials.client.id`, or from `sasl.jaas.config`.
    pub client_id: Option<String>,
    /// `sasl.oauthbearer.client.credentials.client.secret`, or from `sasl.jaas.config`.
    pub client_secret: Option<Secret>,
    /// `sasl.oauthbearer.scope`, or from `sasl.jaas.config`: what the token is for.
    pub scope: Option<String>,
    /// `https.ca.location`: the certificates that sign the server's. Without it those of
    /// [`TlsConfig::roots`]; the server is seldom the brokers' own.
    pub ca: Option<Pem>,
}

/// Who the client is and how it proves that.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SaslConfig {
    /// `sasl.mechanism`, `sasl.mechanisms`. Java's default, GSSAPI (Kerberos), is not supported.
    pub mechanism: Option<Mechanism>,
    /// `sasl.username`, or from `sasl.jaas.config`.
    pub username: Option<String>,
    /// `sasl.password`, or from `sasl.jaas.config`.
    pub password: Option<Secret>,
    /// `sasl.oauthbearer.token` (ottla's own), or a provider that is set in code.
    pub token: Option<TokenSource>,
    /// `sasl.oauthbearer.extensions`, or from `sasl.jaas.config`: what a broker wants to know
    /// beside the token (KIP-342).
    pub extensions: SortedMap<String, String>,
    /// `sasl.oauthbearer.…`: the server that gives tokens.
    pub oidc: OidcConfig,
    /// `sasl.aws.…`.
    pub aws: AwsConfig,
}

impl SaslConfig {
    /// For PLAIN and SCRAM.
    pub(crate) fn user_and_password(&self) -> Result<(&str, &str), Cow<'static, str>> {
        match (&self.username, &self.password) {
            (Some(user), Some(password)) if !user.is_empty() => Ok((user, password.reveal())),
            _ => Err("set sasl.username and sasl.password, or sasl.jaas.config".into()),
        }
    }

    fn check(&self) -> Result<(), (&'static str, Cow<'static, str>)> {
        let Some(mechanism) = self.mechanism else {
            let problem = format!("not set; one of {} is needed", Mechanism::NAMES);
            return Err(("sasl.mechanism", problem.into()));
        };
        if let Some(feature) = mechanism.missing_feature() {
            let problem =
                format!("{mechanism} is not compiled in; build with the Cargo feature `{feature}`");
            return Err(("sasl.mechanism", problem.into()));
        }
        match mechanism {
            Mechanism::OauthBearer => self.check_token(),
            Mechanism::AwsMskIam => self.check_aws(),
            _ => self.user_and_password().map(|_| ()).map_err(|why| ("sasl.username", why)),
        }
    }
}

impl SaslConfig {
    /// Whether any were given, of whichever mechanism.
    fn has_credentials(&self) -> bool {
        let Self { username, password, token, oidc, aws, .. } = self;
        username.is_some()
            || password.is_some()
            || token.is_some()
            || oidc.client_id.is_some()
            || aws.access_key_id.is_some()
    }

    /// A token, a provider, or a server that is known with all that it asks for.
    fn check_token(&self) -> Result<(), (&'static str, Cow<'static, str>)> {
        let OidcConfig { token_endpoint_url, client_id, client_secret, .. } = &self.oidc;
        match (token_endpoint_url, client_id, client_secret) {
            _ if self.token.is_some() => Ok(()),
            (Some(url), ..) if !["https://", "http://"].iter().any(|s| url.starts_with(s)) => {
                Err(("sasl.oauthbearer.token.endpoint.url", "an https:// address".into()))
            }
            (Some(_), Some(_), Some(_)) => Ok(()),
            (Some(_), ..) => Err((
                "sasl.oauthbearer.client.credentials.client.id",
                "not set; the token server asks for an id and a secret".into(),
            )),
            _ => Err((
                "sasl.oauthbearer.token",
                "not set; OAUTHBEARER needs a token, sasl.oauthbearer.token.endpoint.url with a \
                 client's id and secret, or a TokenProvider set in code"
                    .into(),
            )),
        }
    }

    /// Credentials may still come from the program; half of them never do.
    fn check_aws(&self) -> Result<(), (&'static str, Cow<'static, str>)> {
        if self.aws.access_key_id.is_some() == self.aws.secret_access_key.is_some() {
            return Ok(());
        }
        let problem = "an access key has an id and a secret: set both, or neither";
        Err(("sasl.aws.secret.access.key", problem.into()))
    }
}

impl SecurityConfig {
    /// Whether everything is there that the protocol needs.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid =
            |(key, problem): (&'static str, _)| ConfigError::Invalid { key: key.into(), problem };
        if self.protocol.uses_sasl() {
            if !cfg!(feature = "sasl") {
                let problem = "logins are not compiled in; build with the Cargo feature `sasl`";
                return Err(invalid(("security.protocol", problem.into())));
            }
            self.sasl.check().map_err(invalid)?;
        } else if self.sasl.has_credentials() {
            // Brokers hang up on who doesn't log in, and never say why.
            let problem = "doesn't log in, though there is something to log in with: SASL_SSL and \
                           SASL_PLAINTEXT do";
            return Err(invalid(("security.protocol", problem.into())));
        }
        if self.protocol.uses_tls() && self.tls.certificate.is_some() != self.tls.key.is_some() {
            let problem = "a certificate and its key belong together: set both, or neither";
            return Err(invalid(("ssl.keystore", problem.into())));
        }
        Ok(())
    }
}
