//! Whether acknowledged records are kept: a topic and a producer's configuration, looked at
//! together.
//!
//! ```no_run
//! use ottla::durability::{self, Verdict};
//! use ottla::{BlockingClient, ProducerConfig};
//!
//! let config = ProducerConfig::from_properties([("bootstrap.servers", "localhost:9092")])?;
//! let report = durability::check(&BlockingClient::new(config)?, "orders", 1)?;
//! for finding in &report.findings {
//!     println!("{finding}; {}", finding.remedy());
//! }
//! assert_eq!(report.verdict(), Verdict::Durable);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

pub use ottla_core::durability::{
    Consequence, FactsError, Finding, PartitionFacts, Remedy, Setting, SettingError, TopicFacts,
    Verdict,
};
use ottla_core::durability::{Demand, SETTINGS, assess, verdict};
use ottla_core::protocol::api_key::ApiKey;
pub use ottla_core::protocol::decode_error::DecodeError;
pub use ottla_core::protocol::describe_configs::ConfigSource;
use ottla_core::protocol::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
use ottla_core::protocol::metadata::{MetadataRequest, MetadataResponse};
use ottla_transport_std::{BlockingConnection, BlockingError};

use crate::{Acks, BlockingClient};

/// What a check has found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The topic as the cluster tells it.
    pub topic: TopicFacts,
    /// What the producer waits for on this topic.
    pub acks: Acks,
    /// How many brokers may be lost.
    pub failures: u32,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}

/// Why nothing can be said.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckError {
    /// No broker answers as it should.
    Broker(BlockingError),
    /// The cluster does not tell of the topic.
    Topic {
        /// Its name.
        topic: String,
        /// Why not.
        error: FactsError,
    },
    /// An answer can't be read.
    Malformed(DecodeError),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(error) => error.fmt(f),
            Self::Topic { topic, error } => write!(f, "topic {topic}: {error}"),
            Self::Malformed(error) => write!(f, "the broker's answer can't be read: {error}"),
        }
    }
}

impl std::error::Error for CheckError {}

impl From<BlockingError> for CheckError {
    fn from(error: BlockingError) -> Self {
        Self::Broker(error)
    }
}

impl From<DecodeError> for CheckError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// Asks the cluster about a topic and says whether what `client`'s configuration acknowledges there
/// survives the loss of `failures` brokers, which usually is 1. Blocks for the time of two
/// questions; creates nothing.
///
/// A missing permission to read the topic's settings is a finding, not an error.
///
/// # Errors
/// See [`CheckError`].
pub fn check(client: &BlockingClient, topic: &str, failures: u32) -> Result<Report, CheckError> {
    let facts = ask(&mut client.bootstrap()?, topic)?;
    let (acks, retries) = (client.config().acks_of(topic), client.config().retries);
    let findings = assess(&facts, &Demand { failures, acks, retries });
    Ok(Report { topic: facts, acks, failures, findings })
}

fn ask(broker: &mut BlockingConnection, topic: &str) -> Result<TopicFacts, CheckError> {
    let names = [topic];
    let request = MetadataRequest { topics: Some(&names), allow_auto_topic_creation: false };
    let metadata = broker.call(ApiKey::Metadata, |out, version| request.encode(out, version))?;
    let metadata = MetadataResponse::parse(&metadata.body, metadata.version)?;
    let answer = if broker.versions().select(ApiKey::DescribeConfigs).is_some() {
        let request = DescribeConfigsRequest { topic, names: &SETTINGS };
        Some(broker.call(ApiKey::DescribeConfigs, |out, version| request.encode(out, version))?)
    } else {
        None
    };
    let configs =
        answer.as_ref().map(|answer| DescribeConfigsResponse::parse(&answer.body, answer.version));
    TopicFacts::read(topic, &metadata, configs.transpose()?.as_ref())
        .map_err(|error| CheckError::Topic { topic: topic.to_owned(), error })
}
