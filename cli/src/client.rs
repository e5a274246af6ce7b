//! From flags to a running producer: collects the configuration and starts it.

use std::fs;
use std::path::Path;

use ottla::transaction::TransactionalProducer;
use ottla::{BlockingClient, Producer, ProducerConfig, StartError, Supervisor};

use crate::args::ClientArgs;
use crate::failure::Failure;
use crate::plain::reason;
use crate::properties;

/// Configuration by key; a later value of a key replaces the earlier one.
#[derive(Debug, Default)]
pub(crate) struct Properties(Vec<(String, String)>);

impl Properties {
    /// Nothing set yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What the flags say.
    pub(crate) fn of(args: &ClientArgs) -> Result<Self, Failure> {
        let mut properties = Self::new();
        properties.take(args)?;
        Ok(properties)
    }

    /// Takes what the flags say: a file, then what wins over it.
    pub(crate) fn take(&mut self, args: &ClientArgs) -> Result<(), Failure> {
        if let Some(path) = &args.config {
            self.read(path)?;
        }
        self.set_all(&args.properties)?;
        if let Some(brokers) = &args.brokers {
            self.set_brokers(brokers);
        }
        Ok(())
    }

    /// Sets `key`, whatever it was.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.retain(|(known, _)| known != key);
        self.0.push((key.to_owned(), value.into()));
    }

    /// Sets `key` unless it is there already.
    pub(crate) fn set_default(&mut self, key: &str, value: &str) {
        if !self.has(key) {
            self.set(key, value);
        }
    }

    /// Takes `KEY=VALUE` arguments.
    pub(crate) fn set_all(&mut self, pairs: &[String]) -> Result<(), Failure> {
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("expected KEY=VALUE, not '{pair}'")));
            };
            self.set(key.trim(), value);
        }
        Ok(())
    }

    /// Takes one of Java's property files.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {name}: {}", reason(&error))))?;
        let pairs = properties::parse(&text)
            .map_err(|(line, why)| Failure::usage(format!("{name}:{line}: {why}")))?;
        for (key, value) in pairs {
            self.set(&key, value);
        }
        Ok(())
    }

    /// Sets the bootstrap servers; Kafka's own port is assumed where one is missing.
    pub(crate) fn set_brokers(&mut self, brokers: &str) {
        self.set("bootstrap.servers", with_ports(brokers));
    }

    /// Starts a producer, within transactions if there is a transactional id.
    pub(crate) fn start(self) -> Result<Client, Failure> {
        let pairs = self.pairs()?;
        let client = if self.has("transactional.id") {
            TransactionalProducer::from_properties_blocking(pairs).map(Client::Transactional)
        } else {
            Producer::from_properties(pairs).map(Client::Plain)
        };
        client.map_err(not_started)
    }

    /// What asks brokers single questions, with the same configuration.
    pub(crate) fn ask(self) -> Result<BlockingClient, Failure> {
        let config = ProducerConfig::from_properties(self.pairs()?).map_err(StartError::from);
        config.and_then(BlockingClient::new).map_err(not_started)
    }

    fn pairs(&self) -> Result<impl Iterator<Item = (&str, &str)>, Failure> {
        if !self.has("bootstrap.servers") {
            return Err(Failure::usage(
                "no brokers: name them with -b HOST:PORT, or try 'ottla quickstart'",
            ));
        }
        Ok(self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// Whether `key` is set.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::Config(error) => Failure::usage(error.to_string()),
        other => Failure::new(other.to_string()),
    }
}

/// A running producer of either kind.
pub(crate) enum Client {
    Plain(Producer),
    Transactional(TransactionalProducer),
}

impl Client {
    pub(crate) fn supervisor(&self) -> Supervisor {
        match self {
            Self::Plain(producer) => producer.supervisor(),
            Self::Transactional(producer) => producer.supervisor(),
        }
    }
}

/// `host1:port1,host2:9092`: each address of a list, with Kafka's port where it has none.
fn with_ports(brokers: &str) -> String {
    brokers.split(',').map(with_port).collect::<Vec<_>>().join(",")
}

fn with_port(address: &str) -> String {
    let address = address.trim();
    let has_port = match address.rsplit_once(']') {
        Some((_, after)) => !after.is_empty(),
        None => address.is_empty() || address.contains(':'),
    };
    if has_port { address.to_owned() } else { format!("{address}:9092") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_port_is_kafkas() {
        assert_eq!(with_port("host"), "host:9092");
        assert_eq!(with_port(" host:1 "), "host:1");
        assert_eq!(with_port("[::1]"), "[::1]:9092");
        assert_eq!(with_port("[::1]:2"), "[::1]:2");
        assert_eq!(with_port(""), "");
        assert_eq!(with_port("::1"), "::1");
    }

    #[test]
    fn later_values_replace_earlier_ones() {
        let mut properties = Properties::new();
        properties.set_all(&["a=1".into(), "b=x=y".into(), "a=2".into()]).unwrap();
        properties.set_default("a", "3");
        assert_eq!(properties.0, [("b".into(), "x=y".into()), ("a".into(), "2".into())]);
        assert!(properties.set_all(&["a".into()]).is_err());
    }
}
