//! Where a broker listens: `host:port` as in `bootstrap.servers`.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use super::SecurityProtocol;

/// A broker's host (name, IPv4 or IPv6 without brackets) and port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BrokerAddress {
    /// A DNS name or an IP address; an IPv6 address has no brackets here.
    pub host: String,
    /// The TCP port, never 0.
    pub port: u16,
}

impl BrokerAddress {
    /// The address of `port` on `host`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerAddress {
    type Err = AddressError;

    /// Reads `host:port` or `[ipv6]:port`; a listener name in front (`PLAINTEXT://host:port`) is
    /// allowed as in Java.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let trimmed = text.trim();
        let rest =
            without_listener_name(trimmed).ok_or_else(|| error(text, AddressProblem::Scheme))?;
        let (host, port) = split_port(rest).map_err(|problem| error(text, problem))?;
        if host.is_empty() {
            return Err(error(text, AddressProblem::NoHost));
        }
        if host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@') {
            return Err(error(text, AddressProblem::BadHost));
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Self::new(host, port)),
            _ => Err(error(text, AddressProblem::BadPort)),
        }
    }
}

/// Cuts off the name of a security protocol, such as `PLAINTEXT://`; `None` for any other scheme.
/// It decides nothing: `security.protocol` does.
fn without_listener_name(text: &str) -> Option<&str> {
    match text.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?))) {
        None => Some(text),
        Some((scheme, rest)) => {
            let known = |protocol: &SecurityProtocol| scheme.eq_ignore_ascii_case(protocol.name());
            SecurityProtocol::ALL.iter().any(known).then_some(rest)
        }
    }
}

fn split_port(text: &str) -> Result<(&str, &str), AddressProblem> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(AddressProblem::BadHost)?;
        let port = after.strip_prefix(':').ok_or(AddressProblem::NoPort)?;
        return Ok((host, port));
    }
    let (host, port) = text.rsplit_once(':').ok_or(AddressProblem::NoPort)?;
    if host.contains(':') { Err(AddressProblem::BareIpv6) } else { Ok((host, port)) }
}

fn error(text: &str, problem: AddressProblem) -> AddressError {
    AddressError { address: text.to_string(), problem }
}

/// A text that is not a broker's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressError {
    address: String,
    problem: AddressProblem,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AddressProblem {
    NoHost,
    BadHost,
    NoPort,
    BadPort,
    BareIpv6,
    Scheme,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, problem } = self;
        write!(f, "invalid broker address {address:?}: ")?;
        match problem {
            AddressProblem::NoHost => f.write_str("the host is missing; expected host:port"),
            AddressProblem::BadHost => f.write_str("the host is malformed; expected host:port"),
            AddressProblem::NoPort => {
                write!(f, "the port is missing; Kafka's usual one is 9092: {address}:9092")
            }
            AddressProblem::BadPort => f.write_str("the port must be a number from 1 to 65535"),
            AddressProblem::BareIpv6 => {
                f.write_str("write an IPv6 address in brackets, as in [::1]:9092")
            }
            AddressProblem::Scheme => f.write_str(
                "only Kafka's own protocol over TCP is spoken; expected host:port without a scheme",
            ),
        }
    }
}

impl core::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BrokerAddress, String> {
        text.parse::<BrokerAddress>().map_err(|error| error.to_string())
    }

    #[test]
    fn names_ipv4_and_ipv6_are_read() {
        assert_eq!(parse("kafka-1.example:9092"), Ok(BrokerAddress::new("kafka-1.example", 9092)));
        assert_eq!(parse(" 127.0.0.1:1 "), Ok(BrokerAddress::new("127.0.0.1", 1)));
        assert_eq!(parse("[::1]:9092"), Ok(BrokerAddress::new("::1", 9092)));
        assert_eq!(parse("SASL_SSL://b:1"), Ok(BrokerAddress::new("b", 1)));
        assert_eq!(parse("PLAINTEXT://b:65535"), Ok(BrokerAddress::new("b", 65535)));
    }

    #[test]
    fn display_is_read_back() {
        for text in ["host:9092", "[fe80::1%eth0]:9092"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        let cases = [
            ("localhost", "port is missing; Kafka's usual one is 9092: localhost:9092"),
            ("[::1]", "port is missing"),
            ("::1:9092", "in brackets"),
            (":9092", "host is missing"),
            ("host:", "1 to 65535"),
            ("host:0", "1 to 65535"),
            ("host:65536", "1 to 65535"),
            ("host:+1x", "1 to 65535"),
            ("my host:9092", "malformed"),
            ("[::1:9092", "malformed"),
            ("https://host:9092", "without a scheme"),
            ("", "port is missing"),
        ];
        for (text, hint) in cases {
            let message = parse(text).unwrap_err();
            assert!(message.contains(hint), "{text:?}: {message}");
        }
    }
}
