//! From a configuration to a running producer.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

#[cfg(feature = "oidc")]
use ottla_core::sasl::{Mechanism, TokenSource};
use ottla_core::sync::Platform;
use ottla_core::{Driver, producer_with};
use ottla_transport_std::{IoThread, Native, NativeClock, Reactor, TcpTransport};
#[cfg(feature = "oidc")]
use ottla_transport_std::{TokenError, Tokens};

use crate::contained::{Contained, contain_providers};
use crate::{ConfigError, Interceptor, Interceptors, ProducerConfig, aws};

/// Why a producer could not be started. Nothing is left running.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The operating system gives no poller or no thread.
    Io(io::Error),
    /// The token server of `sasl.oauthbearer.token.endpoint.url` gives no token.
    #[cfg(feature = "oidc")]
    Token(TokenError),
    /// The cluster does not give the transactional id.
    #[cfg(feature = "transactions")]
    Transaction(crate::transaction::TransactionError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Io(error) => write!(f, "cannot start the I/O thread: {error}"),
            #[cfg(feature = "oidc")]
            Self::Token(error) => error.fmt(f),
            #[cfg(feature = "transactions")]
            Self::Transaction(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(_) => None, // its text is this error's own
            Self::Io(error) => Some(error),
            #[cfg(feature = "oidc")]
            Self::Token(_) => None, // as above
            #[cfg(feature = "transactions")]
            Self::Transaction(_) => None,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is left open is decided: credentials of the environment, tokens of a server.
pub(crate) fn complete(mut config: ProducerConfig) -> Result<ProducerConfig, StartError> {
    aws::complete(&mut config.security.sasl);
    #[cfg(feature = "oidc")]
    begin_tokens(&mut config)?;
    contain_providers(&mut config.security.sasl);
    Ok(config)
}

/// A producer and what does its work.
pub(crate) struct Parts<X: Platform> {
    pub(crate) producer: ottla_core::Producer<X>,
    pub(crate) reactor: Reactor,
    pub(crate) driver: Driver<X, TcpTransport>,
}

/// Puts the core and the TCP transport together. No broker is spoken to yet.
pub(crate) fn assemble<X: Platform<Clock = NativeClock>>(
    mut config: ProducerConfig,
    interceptors: Interceptors,
) -> Result<Parts<X>, StartError> {
    if config.client_id.is_empty() {
        config.client_id = next_client_id();
    }
    let config = complete(config)?;
    let reactor = Reactor::new()?;
    let transport = TcpTransport::configured(&reactor, &config)?;
    let contain = |interceptor| Arc::new(Contained(interceptor)) as Arc<dyn Interceptor>;
    let interceptors = interceptors.into_iter().map(contain).collect();
    let (producer, driver) =
        producer_with::<X, _>(config, interceptors, NativeClock, seed(), transport)?;
    Ok(Parts { producer, reactor, driver })
}

/// Has an I/O thread do the work.
pub(crate) fn start(
    config: ProducerConfig,
    interceptors: Interceptors,
) -> Result<(ottla_core::Producer<Native>, IoThread), StartError> {
    let Parts { producer, reactor, driver } = assemble::<Native>(config, interceptors)?;
    let io_thread = IoThread::spawn(&producer.config().client_id, reactor, driver)?;
    Ok((producer, io_thread))
}

/// A login by tokens without one of its own gets them from the server that is configured.
#[cfg(feature = "oidc")]
fn begin_tokens(config: &mut ProducerConfig) -> Result<(), StartError> {
    let security = &mut config.security;
    let by_token = security.protocol.uses_sasl()
        && security.sasl.mechanism == Some(Mechanism::OauthBearer)
        && security.sasl.token.is_none();
    if by_token && security.sasl.oidc.token_endpoint_url.is_some() {
        let tokens = Tokens::fetch(&security.sasl.oidc, &security.tls);
        let provider = Arc::new(tokens.map_err(StartError::Token)?);
        security.sasl.token = Some(TokenSource::Provider(provider));
    }
    Ok(())
}

/// `producer-1`, `producer-2`, …, as Java names producers that have no name.
fn next_client_id() -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    format!("producer-{}", STARTED.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Where the producer's randomness begins (jitter of backoffs, the choice of partitions). The
/// hasher has random keys; time and process set those apart that were forked with the same keys.
fn seed() -> u64 {
    RandomState::new().hash_one((SystemTime::now(), process::id()))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use ottla_core::sasl::{
        AwsCredentials, AwsCredentialsProvider, Secret, TokenProvider, TokenSource,
    };

    use super::*;

    #[test]
    fn unnamed_producers_are_numbered() {
        let (first, second) = (next_client_id(), next_client_id());
        assert!(first.starts_with("producer-") && second.starts_with("producer-"));
        assert_ne!(first, second);
    }

    /// Has neither.
    struct Panicking;

    impl TokenProvider for Panicking {
        fn poll_token(&self, _: &mut Context<'_>) -> Poll<Result<Secret, String>> {
            panic!("on purpose");
        }
    }

    impl AwsCredentialsProvider for Panicking {
        fn poll_credentials(&self, _: &mut Context<'_>) -> Poll<Result<AwsCredentials, String>> {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_provider_that_panics_fails_the_login_and_nothing_else() {
        let mut config = ProducerConfig::default();
        config.security.sasl.token = Some(TokenSource::Provider(Arc::new(Panicking)));
        config.security.sasl.aws.provider = Some(Arc::new(Panicking));
        let sasl = complete(config).unwrap().security.sasl;
        let mut cx = Context::from_waker(Waker::noop());
        let Some(TokenSource::Provider(tokens)) = sasl.token else { panic!("a provider") };
        assert!(matches!(tokens.poll_token(&mut cx), Poll::Ready(Err(_))));
        let credentials = sasl.aws.provider.unwrap().poll_credentials(&mut cx);
        assert!(matches!(credentials, Poll::Ready(Err(_))));
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
