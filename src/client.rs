//! Single questions to brokers, on the calling thread.

use ottla_core::config::BrokerAddress;
use ottla_transport_std::{BlockingConnection, BlockingError};

use crate::start::complete;
use crate::{ProducerConfig, StartError};

/// Opens connections with what a configuration says of brokers, TLS and logins: for tools that ask
/// what a producer does not.
#[derive(Clone, Debug)]
pub struct BlockingClient {
    config: ProducerConfig,
}

impl BlockingClient {
    /// Checks the configuration; connects nowhere yet.
    ///
    /// # Errors
    /// The configuration contradicts itself, or a token server gives no token.
    pub fn new(config: ProducerConfig) -> Result<Self, StartError> {
        config.validate()?;
        Ok(Self { config: complete(config)? })
    }

    /// The first of `bootstrap.servers` that answers.
    ///
    /// # Errors
    /// That of the last one, where none does.
    pub fn bootstrap(&self) -> Result<BlockingConnection, BlockingError> {
        let mut result = None;
        for server in &self.config.bootstrap_servers {
            match self.connect(server) {
                Ok(connection) => return Ok(connection),
                error => result = Some(error),
            }
        }
        result.unwrap_or_else(|| Err(BlockingError::Io(std::io::ErrorKind::NotFound.into())))
    }

    /// A connection to one broker.
    ///
    /// # Errors
    /// See [`BlockingError`].
    pub fn connect(&self, broker: &BrokerAddress) -> Result<BlockingConnection, BlockingError> {
        BlockingConnection::open(&self.config, broker)
    }

    /// The configuration it works with.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }
}
