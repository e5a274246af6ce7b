//! Why a question has no answer.

use std::fmt;
use std::io;
use std::time::Duration;

use ottla_core::ConfigError;
use ottla_core::config::BrokerAddress;

use crate::error::TcpError;

/// Why a [`BlockingConnection`](super::BlockingConnection) could not be opened, or is of no use any
/// more.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlockingError {
    /// The operating system gives no poller.
    Io(io::Error),
    /// What the configuration says of TLS can't be used.
    Config(ConfigError),
    /// There is no connection.
    Connection(TcpError),
    /// No answer came in time.
    Silent {
        /// Who was asked.
        broker: BrokerAddress,
        /// For how long.
        patience: Duration,
    },
    /// The broker closed the connection in place of an answer.
    Closed {
        /// Who was asked.
        broker: BrokerAddress,
    },
    /// The broker does not take the login, or the question.
    Refused {
        /// Who was asked.
        broker: BrokerAddress,
        /// Its words; holds no secret.
        why: String,
    },
    /// The answer is none that a broker gives.
    Malformed {
        /// Who was asked.
        broker: BrokerAddress,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot wait for a connection: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Connection(error) => write!(f, "cannot connect to {error}"),
            Self::Silent { broker, patience } => {
                write!(f, "{broker}: no answer within {patience:?}; is it a Kafka broker?")
            }
            Self::Closed { broker } => write!(
                f,
                "{broker}: it closed the connection; is it a Kafka broker, and is \
                 security.protocol right?"
            ),
            Self::Refused { broker, why } => write!(f, "{broker}: {why}"),
            Self::Malformed { broker, why } => {
                write!(f, "{broker} does not answer as a Kafka broker does: {why}")
            }
        }
    }
}

impl std::error::Error for BlockingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Connection(error) => Some(error),
            _ => None,
        }
    }
}

impl From<TcpError> for BlockingError {
    fn from(error: TcpError) -> Self {
        Self::Connection(error)
    }
}

impl From<ConfigError> for BlockingError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
