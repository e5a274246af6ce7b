//! Which addresses may be dialled, and dialling them. No client names one; metadata could.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Why there is no connection to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialError {
    /// The address is not one that may be dialled.
    Forbidden(String),
    /// The name has no address, or nobody answers there.
    Unreachable(String),
    /// The broker answers, but not as it must.
    Refused(String),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(address) => write!(
                f,
                "{address} may not be dialled: see kafka.allowed_hosts and the brokers' \
                 advertised.listeners"
            ),
            Self::Unreachable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

/// What `kafka.allowed_hosts` allows.
#[derive(Clone, Debug)]
pub(super) struct DialPolicy {
    rules: Vec<Rule>,
    loopback: bool,
}

#[derive(Clone, Debug)]
enum Rule {
    Network(IpNet),
    Name(String),
    Suffix(String),
}

impl DialPolicy {
    /// `loopback`: a bootstrap server is on this machine, so others may be as well.
    pub(super) fn new(allowed: &[String], loopback: bool) -> Self {
        let rule = |text: &String| match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
            (Ok(network), _) => Rule::Network(network),
            (_, Ok(address)) => Rule::Network(address.into()),
            _ => match text.strip_prefix('*') {
                Some(suffix) => Rule::Suffix(suffix.to_ascii_lowercase()),
                None => Rule::Name(text.to_ascii_lowercase()),
            },
        };
        Self { rules: allowed.iter().map(rule).collect(), loopback }
    }

    /// Whether `host`, which resolved to `address`, may be dialled.
    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let host = host.to_ascii_lowercase();
        if self.rules.is_empty() {
            return match address {
                _ if address.is_loopback() => self.loopback,
                _ if address.is_unspecified() || address.is_multicast() => false,
                IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_broadcast(),
                IpAddr::V6(v6) => !v6.is_unicast_link_local(),
            };
        }
        self.rules.iter().any(|rule| match rule {
            Rule::Network(network) => network.contains(&address),
            Rule::Name(name) => *name == host,
            Rule::Suffix(suffix) => host.ends_with(suffix),
        })
    }
}

/// Connects to the first address of the host that answers. What was checked is what is dialled: the
/// name is resolved once.
pub(super) async fn dial(
    host: &str,
    port: u16,
    policy: Option<&DialPolicy>,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let unreachable = |error: &dyn fmt::Display| {
        DialError::Unreachable(format!("cannot reach {host}:{port}: {error}"))
    };
    let addresses: Vec<SocketAddr> =
        lookup_host((host, port)).await.map_err(|error| unreachable(&error))?.collect();
    let mut failure = unreachable(&"the name has no address");
    for address in addresses {
        if policy.is_some_and(|policy| !policy.allows(host, address.ip())) {
            failure = DialError::Forbidden(format!("{host}:{port}"));
            continue;
        }
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|error| unreachable(&error))?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = unreachable(&error),
            Err(_) => failure = unreachable(&"no answer in time"),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::DialPolicy;

    #[test]
    fn metadata_cannot_send_the_bridge_to_inner_addresses() {
        let policy = DialPolicy::new(&[], false);
        let refused = ["169.254.169.254", "127.0.0.1", "0.0.0.0", "224.0.0.1", "fe80::1", "::1"];
        for address in refused.into_iter().chain(["::ffff:169.254.169.254", "::"]) {
            assert!(!policy.allows("kafka", address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.7", "192.168.1.1", "203.0.113.5", "2001:db8::1"] {
            assert!(policy.allows("kafka", address.parse().unwrap()), "{address}");
        }
        assert!(DialPolicy::new(&[], true).allows("localhost", "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_list_allows_what_it_names_and_nothing_else() {
        let list = ["10.1.0.0/16", "broker.example", "*.kafka.internal", "10.9.9.9"];
        let policy = DialPolicy::new(&list.map(str::to_owned), true);
        let allows = |host: &str, address: &str| policy.allows(host, address.parse().unwrap());
        assert!(allows("x", "10.1.2.3"));
        assert!(allows("x", "10.9.9.9"));
        assert!(allows("Broker.Example", "192.0.2.1"));
        assert!(allows("b1.kafka.internal", "192.0.2.1"));
        assert!(!allows("evilkafka.internal", "192.0.2.1"));
        assert!(!allows("x", "10.2.0.1"));
        assert!(!allows("localhost", "127.0.0.1"));
    }
}
