//! The configuration file: every key with its default and its bounds.
//!
//! A key that the bridge does not know is an error, so that a slip of the pen never widens what is
//! allowed. `bridge/README.md` describes the keys for operators.

mod check;
mod load;
mod secret;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

pub use check::ConfigError;
pub use secret::SecretText;

/// A whole configuration. `Default` is what an empty file says; only `kafka.bootstrap` and a way to
/// authenticate are missing from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where clients connect.
    pub listen: Listen,
    /// Where the operator looks.
    pub admin: Admin,
    /// The cluster.
    pub kafka: Kafka,
    /// Who may come, and what they may do.
    pub auth: Auth,
    /// Producer ids.
    pub leases: Leases,
    /// What anybody may use at most.
    pub limits: Limits,
    /// How long things take.
    pub times: Times,
    /// Where figures go by themselves.
    pub otlp: Otlp,
}

/// `[listen]`: where clients connect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port; port 0 takes a free one. Default `127.0.0.1:9080`.
    pub address: SocketAddr,
    /// The certificate chain, PEM; with `key` it makes the listener TLS.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, PEM.
    pub key: Option<PathBuf>,
    /// TLS ends at a proxy in front, so plain text on another address than a loopback one is meant.
    /// Default no.
    pub behind_proxy: bool,
}

impl Default for Listen {
    fn default() -> Self {
        let address = (Ipv4Addr::LOCALHOST, 9080).into();
        Self { address, certificate: None, key: None, behind_proxy: false }
    }
}

/// `[admin]`: `/livez`, `/readyz` and `/metrics`, in plain text and without authentication.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Whether to listen at all. Default yes.
    pub enabled: bool,
    /// Address and port; port 0 takes a free one. Default `127.0.0.1:9081`.
    pub address: SocketAddr,
    /// An address other than a loopback one is meant. Default no.
    pub public: bool,
}

impl Default for Admin {
    fn default() -> Self {
        let address = (Ipv4Addr::LOCALHOST, 9081).into();
        Self { enabled: true, address, public: false }
    }
}

/// `[kafka]`: the cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// The first brokers to ask, each `HOST:PORT`.
    pub bootstrap: Vec<String>,
    /// Connections to each broker, 1 to 64. Default 8.
    pub connections_per_broker: usize,
    /// Which addresses of the cluster's metadata may be dialled: host names, `*.suffix`, addresses
    /// or networks. Empty, the default: all but link-local, multicast and unspecified ones, and
    /// loopback ones only if a bootstrap server is one.
    pub allowed_hosts: Vec<String>,
    /// Let the cluster create granted topics that it does not have, if it is configured to.
    /// Default no.
    pub create_topics: bool,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`. Default `PLAINTEXT`.
    pub security_protocol: String,
    /// Whose certificates to trust, PEM. Default: the bundled roots of Mozilla.
    pub ca: Option<PathBuf>,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub sasl_mechanism: Option<String>,
    /// The cluster's user.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretText>,
    /// A file with the password, which wins over `password`; blanks at its end do not count.
    pub password_file: Option<PathBuf>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            connections_per_broker: 8,
            allowed_hosts: Vec::new(),
            create_topics: false,
            security_protocol: "PLAINTEXT".to_owned(),
            ca: None,
            sasl_mechanism: None,
            username: None,
            password: None,
            password_file: None,
        }
    }
}

/// How clients say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// With a token, checked against `auth.jwks`.
    #[default]
    Jwt,
    /// Not at all: for development.
    None,
}

/// `[auth]`: who may come, and what they may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `jwt`, the default, or `none`.
    pub mode: AuthMode,
    /// Mode `none` is meant although others than this machine can connect. Default no.
    pub allow_anonymous_network: bool,
    /// A JSON Web Key Set (RFC 7517), read again when it changes.
    pub jwks: Option<PathBuf>,
    /// What `aud` must have. Needed with `jwt`.
    pub audience: Option<String>,
    /// What `iss` must be; unset: anything.
    pub issuer: Option<String>,
    /// Allowed signatures, of `HS256`, `RS256`, `ES256`. Default all three; a key has only one.
    pub algorithms: Vec<String>,
    /// Seconds that a token may be valid from now on at most. Default 900.
    pub max_ttl_s: u64,
    /// Seconds that clocks may differ. Default 5.
    pub leeway_s: u64,
    /// Subjects whose tokens are refused.
    pub revoked_subjects: Vec<String>,
    /// Tokens (`jti`) that are refused.
    pub revoked_tokens: Vec<String>,
    /// The pages that may connect: `Origin` exactly, `loopback` for any page of this machine, or
    /// `*`. Empty, the default: none.
    pub origins: Vec<String>,
    /// Topics of everybody, in mode `none`: names, or beginnings with a `*`. Default `["*"]`.
    pub anonymous_topics: Vec<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mode: AuthMode::Jwt,
            allow_anonymous_network: false,
            jwks: None,
            audience: None,
            issuer: None,
            algorithms: ["HS256", "RS256", "ES256"].map(str::to_owned).to_vec(),
            max_ttl_s: 900,
            leeway_s: 5,
            revoked_subjects: Vec::new(),
            revoked_tokens: Vec::new(),
            origins: Vec::new(),
            anonymous_topics: vec!["*".to_owned()],
        }
    }
}

/// `[leases]`: producer ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leases {
    /// A file with the secret that tickets are authenticated with, 32 bytes or more; the same for
    /// all instances. Without it the key is a random one, and no ticket outlives the process.
    pub key_file: Option<PathBuf>,
    /// Seconds after the end of a session in which its lease can be resumed. Default 900.
    pub ttl_s: u64,
    /// The same for tokens that grant durable leases. Default 43200; the brokers'
    /// `producer.id.expiration.ms`, 24 hours by default, must be well above it.
    pub durable_ttl_s: u64,
    /// Producer ids that this instance uses at most. Default 20000.
    pub max: usize,
    /// Leases of one subject at most. Default 1000.
    pub max_per_subject: usize,
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            key_file: None,
            ttl_s: 900,
            durable_ttl_s: 43_200,
            max: 20_000,
            max_per_subject: 1000,
        }
    }
}

/// `[limits]`: what anybody may use at most.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Sessions at a time. Default 20000.
    pub sessions: usize,
    /// Sessions of one subject. Default 1000.
    pub sessions_per_subject: usize,
    /// Connections of one address, or of one /64 network of IPv6. Default 200.
    pub connections_per_ip: usize,
    /// New connections a second of one address or /64. Default 50.
    pub connects_per_ip_per_s: u32,
    /// Frames a second of a session. Default 2000.
    pub frames_per_s: u32,
    /// Bytes a second of a session; each Kafka request counts at least 1 KiB. Default 4 MiB.
    pub bytes_per_s: u64,
    /// Bytes a second of all sessions of a subject together. Default 32 MiB.
    pub subject_bytes_per_s: u64,
    /// Streams of a session, 1 to 63. Default 16.
    pub streams: u8,
    /// Credit of a stream, in bytes. Default 256 KiB.
    pub window_bytes: u32,
    /// The largest Kafka request, in bytes, up to 1 MiB. Default 1 MiB.
    pub request_bytes: u32,
    /// Requests of a stream that wait for their answers. Default 8.
    pub requests_in_flight: usize,
    /// Bytes of a session's requests that wait for their answers. Default 2 MiB.
    pub session_bytes: usize,
    /// Bytes of all requests that are held. Default 1 GiB.
    pub total_bytes: usize,
    /// Topics in a Produce request. Default 64.
    pub topics_per_request: usize,
    /// Partitions in a Produce request. Default 256.
    pub partitions_per_request: usize,
    /// Records in a batch. Default 10000.
    pub batch_records: u32,
    /// Whether records are decompressed and looked at. Default yes.
    pub inspect: bool,
    /// What a batch may have decompressed, in bytes. Default 4 MiB.
    pub inspect_bytes: usize,
    /// How many times larger than compressed. Default 100.
    pub inspect_ratio: usize,
    /// Seconds that a batch's newest record may be old; 0 is any. Default 604800, 7 days.
    pub timestamp_past_s: u64,
    /// Seconds that it may be in the future; 0 is any. Default 300.
    pub timestamp_future_s: u64,
    /// The body of a one-shot request, unless the token grants more. Default 64 KiB.
    pub one_shot_bytes: usize,
    /// The least `linger.ms` that clients are asked for. Default 0.
    pub min_linger_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 20_000,
            sessions_per_subject: 1000,
            connections_per_ip: 200,
            connects_per_ip_per_s: 50,
            frames_per_s: 2000,
            bytes_per_s: 4 << 20,
            subject_bytes_per_s: 32 << 20,
            streams: 16,
            window_bytes: 256 << 10,
            request_bytes: 1 << 20,
            requests_in_flight: 8,
            session_bytes: 2 << 20,
            total_bytes: 1 << 30,
            topics_per_request: 64,
            partitions_per_request: 256,
            batch_records: 10_000,
            inspect: true,
            inspect_bytes: 4 << 20,
            inspect_ratio: 100,
            timestamp_past_s: 7 * 24 * 3600,
            timestamp_future_s: 300,
            one_shot_bytes: 64 << 10,
            min_linger_ms: 0,
        }
    }
}

/// `[times]`: how long things take, in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// A TLS handshake. Default 5000.
    pub tls_ms: u64,
    /// The head of an HTTP request. Default 5000.
    pub http_ms: u64,
    /// HELLO after the upgrade. Default 3000.
    pub hello_ms: u64,
    /// The next bytes of a message or of a Kafka request that has begun, a PONG, a CLOSE, and the
    /// peer's reading what is sent. Default 10000.
    pub progress_ms: u64,
    /// Between PINGs, 1000 to 3600000. Default 25000.
    pub ping_ms: u32,
    /// A session at most; each gets up to a fifth more or less. Default 3600000.
    pub session_ms: u64,
    /// Draining at most. Default 30000.
    pub drain_ms: u64,
    /// Connecting to a broker and logging in. Default 10000.
    pub connect_ms: u64,
    /// How old metadata may be when a client asks. Default 500.
    pub metadata_fresh_ms: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            tls_ms: 5000,
            http_ms: 5000,
            hello_ms: 3000,
            progress_ms: 10_000,
            ping_ms: 25_000,
            session_ms: 3_600_000,
            drain_ms: 30_000,
            connect_ms: 10_000,
            metadata_fresh_ms: 500,
        }
    }
}

/// `[otlp]`: the figures of `/metrics`, sent to an OpenTelemetry collector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Otlp {
    /// The collector's URL for metrics over HTTP, as `http://127.0.0.1:4318/v1/metrics`. Default:
    /// none, nothing is sent.
    pub endpoint: Option<String>,
    /// Between two times, 1000 to 3600000 ms. Default 60000.
    pub interval_ms: u64,
    /// Whose certificates to trust, PEM, with `https`. Default: the bundled roots of Mozilla.
    pub ca: Option<PathBuf>,
}

impl Default for Otlp {
    fn default() -> Self {
        Self { endpoint: None, interval_ms: 60_000, ca: None }
    }
}
