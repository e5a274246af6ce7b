//! Tokens for OAUTHBEARER from a server that gives them for the client's own secret: OAuth 2's
//! client credentials (RFC 6749, section 4.4; KIP-768).

use std::fmt;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use ottla_core::ConfigError;
use ottla_core::config::{OidcConfig, Roots, TlsConfig};
use ottla_core::sasl::{Secret, TokenProvider};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts};
use ureq::{Agent, tls};

use crate::tls::certificates_of;

/// One request to the server, at most.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a server says of a token is shorter.
const ANSWER_MAX_BYTES: u64 = 256 * 1024;
/// How often it is asked for the first token before the producer gives up.
const FIRST_ATTEMPTS: u32 = 3;
/// Java: `sasl.login.retry.backoff.ms`, `sasl.login.retry.backoff.max.ms`.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The life of a token whose server does not say how long it is.
const LIFETIME: Duration = Duration::from_secs(300);

/// Why there is no token.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The operating system gives no thread.
    Io(io::Error),
    /// The server can't be reached, or does not answer as such a server does. Later it may.
    Unavailable(String),
    /// The server knows the client's id, its secret or the scope not. Asking again does not help.
    Refused(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Io(error) => write!(f, "cannot start the thread that fetches tokens: {error}"),
            Self::Unavailable(why) => write!(f, "no token from the token server: {why}"),
            Self::Refused(why) => write!(f, "the token server refuses: {why}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Always has a token that is valid now: a thread fetches the next one when four fifths of the life
/// of the last are over. It ends when this is dropped.
pub struct Tokens {
    newest: Arc<Mutex<Newest>>,
    /// Its end is what ends the thread.
    _until: Sender<()>,
}

/// The last token, and why there is no newer one.
struct Newest {
    token: Token,
    trouble: Option<String>,
}

struct Token {
    secret: Secret,
    fetched: Instant,
    lifetime: Duration,
}

impl Token {
    /// How long it serves before the next one is fetched.
    fn used_for(&self) -> Duration {
        self.lifetime / 5 * 4
    }

    fn is_valid(&self) -> bool {
        self.fetched.elapsed() < self.lifetime
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Fetches the first token, then goes on in a thread of its own. Blocks for half a minute at
    /// most.
    ///
    /// # Errors
    /// There is no first token.
    pub fn fetch(oidc: &OidcConfig, tls: &TlsConfig) -> Result<Self, TokenError> {
        let server = Server::new(oidc, tls)?;
        let token = server.first_token()?;
        let newest = Arc::new(Mutex::new(Newest { token, trouble: None }));
        let (until, ended) = mpsc::channel();
        let kept = newest.clone();
        thread::Builder::new()
            .name("ottla-oidc".into())
            .spawn(move || keep_fresh(&server, &kept, &ended))
            .map_err(TokenError::Io)?;
        Ok(Self { newest, _until: until })
    }
}

impl TokenProvider for Tokens {
    fn poll_token(&self, _: &mut Context<'_>) -> Poll<Result<Secret, String>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.token.is_valid() {
            return Poll::Ready(Ok(newest.token.secret.clone()));
        }
        let why = newest.trouble.clone();
        Poll::Ready(Err(why.unwrap_or_else(|| "the last one is over".into())))
    }
}

/// Fetches tokens before they are needed, until nobody needs any.
fn keep_fresh(server: &Server, newest: &Mutex<Newest>, ended: &Receiver<()>) {
    let newest = || newest.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wait = newest().token.used_for();
    let mut backoff = BACKOFF;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        match server.token() {
            Ok(token) => {
                (wait, backoff) = (token.used_for(), BACKOFF);
                *newest() = Newest { token, trouble: None };
            }
            Err(error) => {
                newest().trouble = Some(error.to_string());
                (wait, backoff) = (backoff, (2 * backoff).min(BACKOFF_MAX));
            }
        }
    }
}

/// The server, and how it is asked.
struct Server {
    agent: Agent,
    url: String,
    id: String,
    secret: Secret,
    scope: Option<String>,
}

impl Server {
    fn new(oidc: &OidcConfig, tls: &TlsConfig) -> Result<Self, TokenError> {
        let missing = |key: &'static str| {
            TokenError::Config(ConfigError::Invalid { key: key.into(), problem: "not set".into() })
        };
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls::TlsConfig::builder().root_certs(trusted(oidc, tls)?).build())
            .build();
        let url = oidc.token_endpoint_url.clone();
        let id = oidc.client_id.clone();
        let secret = oidc.client_secret.clone();
        Ok(Self {
            agent: config.into(),
            url: url.ok_or_else(|| missing("sasl.oauthbearer.token.endpoint.url"))?,
            id: id.ok_or_else(|| missing("sasl.oauthbearer.client.credentials.client.id"))?,
            secret: secret
                .ok_or_else(|| missing("sasl.oauthbearer.client.credentials.client.secret"))?,
            scope: oidc.scope.clone(),
        })
    }

    fn first_token(&self) -> Result<Token, TokenError> {
        let mut backoff = BACKOFF;
        for _ in 1..FIRST_ATTEMPTS {
            match self.token() {
                Err(TokenError::Unavailable(_)) => thread::sleep(backoff),
                outcome => return outcome,
            }
            backoff *= 10;
        }
        self.token()
    }

    fn token(&self) -> Result<Token, TokenError> {
        let fetched = Instant::now();
        let unavailable =
            |error: ureq::Error| TokenError::Unavailable(format!("{}: {error}", self.url));
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let answer = self
            .agent
            .post(&self.url)
            .header("Accept", "application/json")
            .header("Authorization", self.authorization())
            .send_form(form);
        let mut answer = answer.map_err(unavailable)?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string();
        let body: Value = serde_json::from_str(&body.map_err(unavailable)?).unwrap_or_default();
        if !status.is_success() {
            let what = ["error", "error_description"].map(|name| body[name].as_str());
            let what: Vec<_> = what.into_iter().flatten().collect();
            let why = format!("{}: {status} {}", self.url, what.join(": "));
            let again = status.is_server_error() || status.as_u16() == 429;
            let error = if again { TokenError::Unavailable } else { TokenError::Refused };
            return Err(error(why.trim_end().to_owned()));
        }
        let Some(secret) = body["access_token"].as_str() else {
            let why = format!("{}: the answer has no access_token", self.url);
            return Err(TokenError::Unavailable(why));
        };
        let lifetime = body["expires_in"].as_u64().map_or(LIFETIME, Duration::from_secs);
        if lifetime.is_zero() {
            // The next one would be asked for at once, again and again.
            let why = format!("{}: the token is over when it comes", self.url);
            return Err(TokenError::Unavailable(why));
        }
        Ok(Token { secret: secret.into(), fetched, lifetime })
    }

    /// RFC 6749, section 2.3.1: both are encoded as in a form, then as in HTTP's Basic.
    fn authorization(&self) -> String {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let both = format!("{}:{}", encode(&self.id), encode(self.secret.reveal()));
        format!("Basic {}", Base64::encode_string(both.as_bytes()))
    }
}

/// Who may sign the server's certificate.
fn trusted(oidc: &OidcConfig, tls: &TlsConfig) -> Result<RootCerts, TokenError> {
    let certificates = match (&oidc.ca, tls.roots) {
        (None, Roots::Bundled) => return Ok(RootCerts::WebPki),
        (None, Roots::System) => rustls_native_certs::load_native_certs().certs,
        (Some(ca), _) => certificates_of("https.ca.location", ca).map_err(TokenError::Config)?,
    };
    let certificates: Vec<_> =
        certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(RootCerts::from(certificates))
}
