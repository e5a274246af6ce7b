//! What is said before the first question: which versions the broker speaks, and the login.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime};

use ottla_core::config::SaslConfig;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use ottla_core::protocol::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use ottla_core::sasl::{Failure, Login, Occasion, Step};
use ottla_core::time::Clock;

use super::{BlockingConnection, BlockingError, CLIENT_ID};
use crate::platform::NativeClock;

const SOFTWARE: ApiVersionsRequest<'static> =
    ApiVersionsRequest { software_name: CLIENT_ID, software_version: env!("CARGO_PKG_VERSION") };

/// How long a login waits for a token or credentials.
const PATIENCE: Duration = Duration::from_secs(30);

impl BlockingConnection {
    /// Learns what the broker speaks.
    pub(super) fn greet(&mut self) -> Result<(), BlockingError> {
        let key = ApiKey::ApiVersions;
        let mut version = key.max_version();
        loop {
            let body = self.call_in(key, version, |out| SOFTWARE.encode(out, version))?;
            let answer = ApiVersionsResponse::parse(&body, version);
            let answer = answer.map_err(|error| self.malformed(error))?;
            if answer.error.is_none() {
                self.versions = answer.versions;
                return Ok(());
            }
            if answer.error != ErrorCode::UnsupportedVersion || version == 0 {
                return Err(self.refused(answer.error));
            }
            // Whatever it says that it takes, it did not take this one.
            version = answer.versions.select(key).unwrap_or(0).min(version - 1);
        }
    }

    /// Logs in (KIP-43, KIP-152). A question is asked long before the login ends.
    pub(super) fn log_in(&mut self, sasl: &SaslConfig) -> Result<(), BlockingError> {
        let mechanism = sasl.mechanism.map_or("", |mechanism| mechanism.name());
        let request = SaslHandshakeRequest { mechanism };
        let answer = self.call(ApiKey::SaslHandshake, |out, _| request.encode(out))?;
        let answer = SaslHandshakeResponse::parse(&answer.body, answer.version);
        let answer = answer.map_err(|error| self.malformed(error))?;
        if !answer.error.is_none() {
            let known: Vec<&str> = answer.mechanisms.iter().collect();
            let why = format_args!("{} (it takes {})", answer.error, known.join(", "));
            return Err(self.refused(format_args!("refused the {mechanism} login: {why}")));
        }
        let host = self.broker.host.clone();
        let unix_millis = NativeClock.unix_millis();
        let occasion = Occasion { entropy: entropy(), host: &host, unix_millis };
        let begun = begin(sasl, &occasion).map_err(|why| self.refused(why))?;
        self.converse(mechanism, begun)
    }

    fn converse(
        &mut self,
        mechanism: &str,
        (mut login, mut message): (Login, Vec<u8>),
    ) -> Result<(), BlockingError> {
        loop {
            let request = SaslAuthenticateRequest { message: &message };
            let answer = self.call(ApiKey::SaslAuthenticate, |out, version| {
                request.encode(out, version);
            })?;
            let answer = SaslAuthenticateResponse::parse(&answer.body, answer.version);
            let answer = answer.map_err(|error| self.malformed(error))?;
            if !answer.error.is_none() {
                let why = answer.error_message.map_or_else(String::new, |why| format!(" ({why})"));
                let error = answer.error;
                return Err(
                    self.refused(format_args!("refused the {mechanism} login: {error}{why}"))
                );
            }
            match login.step(answer.message).map_err(|why| self.refused(why))? {
                Step::Send(next) => message = next,
                Step::Done => return Ok(()),
            }
        }
    }
}

/// The hasher has random keys, and none is used twice.
fn entropy() -> [u32; 4] {
    std::array::from_fn(|_| RandomState::new().hash_one(SystemTime::now()) as u32)
}

/// Waits until what the login needs was fetched.
fn begin(sasl: &SaslConfig, occasion: &Occasion<'_>) -> Result<(Login, Vec<u8>), Failure> {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(begun) = Login::begin(sasl, occasion, &mut Context::from_waker(&waker)) {
            return begun;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("nothing to log in with within 30 s".into());
        }
        thread::park_timeout(left);
    }
}

/// The thread that waits.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
