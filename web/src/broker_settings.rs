//! The keys of a producer that speaks to brokers itself: where they are, who it is, and whether it
//! sends in transactions. As text, since JavaScript need not know them.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use ottla_core::ProducerConfig;
use ottla_core::config::SecurityProtocol;
use ottla_core::sasl::{Mechanism, Secret, TokenSource};

/// Reads lines of `key=value`.
///
/// # Errors
/// The first key that is not one of these, or has an invalid value, in words.
pub fn read(config: &mut ProducerConfig, properties: &str) -> Result<(), String> {
    for (key, value) in properties.lines().filter_map(|line| line.split_once('=')) {
        set(config, key, value.trim()).map_err(|refusal| match refusal {
            Refusal::Key => format!("unknown configuration {key}"),
            Refusal::Value => format!("invalid value for {key}: {value}"),
        })?;
    }
    Ok(())
}

/// What is wrong.
enum Refusal {
    Key,
    Value,
}

fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
    let sasl = &mut config.security.sasl;
    let secret = || Some(Secret::new(value));
    match key {
        "bootstrap.servers" => {
            for address in value.split(',') {
                let address = address.trim().parse().map_err(|_| Refusal::Value)?;
                config.bootstrap_servers.push(address);
            }
        }
        "security.protocol" => {
            let mut all = SecurityProtocol::ALL.into_iter();
            let protocol = all.find(|protocol| protocol.name() == value);
            config.security.protocol = protocol.ok_or(Refusal::Value)?;
        }
        "sasl.mechanism" => {
            let mut all = Mechanism::ALL.into_iter();
            let mechanism = all.find(|mechanism| mechanism.name() == value);
            sasl.mechanism = Some(mechanism.ok_or(Refusal::Value)?);
        }
        "sasl.username" => sasl.username = Some(value.into()),
        "sasl.password" => sasl.password = secret(),
        "sasl.oauthbearer.token" => sasl.token = secret().map(TokenSource::Given),
        "sasl.oauthbearer.extensions" => {
            for extension in value.split(',') {
                let (name, value) = extension.split_once('=').ok_or(Refusal::Value)?;
                sasl.extensions.insert(name.trim().into(), value.trim().into());
            }
        }
        "sasl.aws.access.key.id" => sasl.aws.access_key_id = Some(value.into()),
        "sasl.aws.secret.access.key" => sasl.aws.secret_access_key = secret(),
        "sasl.aws.security.token" => sasl.aws.session_token = secret(),
        "sasl.aws.region" => sasl.aws.region = Some(value.into()),
        "transactional.id" => config.transactional_id = Some(value.into()),
        "transaction.timeout.ms" => {
            let millis = value.parse::<u32>().map_err(|_| Refusal::Value)?;
            config.transaction_timeout = Duration::from_millis(millis.into());
        }
        _ => return Err(Refusal::Key),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The core's own reader is the oracle.
    fn compare(settings: &[(&str, &str)]) {
        let lines: String =
            settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let core = ProducerConfig::from_properties(settings.iter().copied()).unwrap();
        let mut config = ProducerConfig::default();
        read(&mut config, &lines).unwrap();
        assert_eq!(format!("{config:?}"), format!("{core:?}"));
    }

    #[test]
    fn the_settings_mean_what_they_mean_to_the_core() {
        let login = |more: &[(&'static str, &'static str)]| {
            let common = [("bootstrap.servers", "a:1,b:2"), ("security.protocol", "SASL_SSL")];
            compare(&[&common, more].concat());
        };
        login(&[
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "alice"),
            ("sasl.password", "a=b"),
        ]);
        login(&[
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.token", "a.b.c"),
            ("sasl.oauthbearer.extensions", "logicalCluster=lkc-1,identityPoolId=p"),
        ]);
        login(&[
            ("sasl.mechanism", "AWS_MSK_IAM"),
            ("sasl.aws.access.key.id", "id"),
            ("sasl.aws.secret.access.key", "key"),
            ("sasl.aws.security.token", "token"),
            ("sasl.aws.region", "eu-west-1"),
        ]);
        compare(&[
            ("bootstrap.servers", "a:1"),
            ("transactional.id", "billing"),
            ("transaction.timeout.ms", "1000"),
        ]);
    }

    #[test]
    fn what_is_not_one_of_them_is_named() {
        let refusal = |line| read(&mut ProducerConfig::default(), line).unwrap_err();
        assert_eq!(refusal("lingr.ms=1"), "unknown configuration lingr.ms");
        let port = "invalid value for bootstrap.servers: a:x";
        assert_eq!(refusal("bootstrap.servers=a:x"), port);
    }
}
