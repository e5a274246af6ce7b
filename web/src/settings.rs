//! The configuration as text, in Kafka's own keys: those that make a difference in a page or a
//! worker. The core reads all there are, with their documentation, which a page would download.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use ottla_core::{Acks, Codec, Compression, ProducerConfig};

/// Reads lines of `key=value`.
///
/// # Errors
/// The first key that is not one of these, or has an invalid value, in words.
pub fn read(properties: &str) -> Result<ProducerConfig, String> {
    let mut config = ProducerConfig::default();
    for (key, value) in properties.lines().filter_map(|line| line.split_once('=')) {
        set(&mut config, key, value.trim()).map_err(|refusal| match refusal {
            Refusal::Key => format!("unknown configuration {key}"),
            Refusal::Value => format!("invalid value for {key}: {value}"),
        })?;
    }
    Ok(config)
}

/// What is wrong.
pub(crate) enum Refusal {
    Key,
    Value,
}

fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
    if let Some(time) = time(config, key) {
        *time = Duration::from_millis(number(value)?.into());
    } else if let Some(size) = size(config, key) {
        *size = number(value)? as usize;
    } else if let Some(switch) = switch(config, key) {
        *switch = boolean(value)?;
    } else {
        return set_other(config, key, value);
    }
    Ok(())
}

/// The field of a key that takes milliseconds.
fn time<'a>(config: &'a mut ProducerConfig, key: &str) -> Option<&'a mut Duration> {
    Some(match key {
        "delivery.timeout.ms" => &mut config.delivery_timeout,
        "request.timeout.ms" => &mut config.request_timeout,
        "max.block.ms" => &mut config.max_block,
        "linger.ms" => &mut config.linger,
        "retry.backoff.ms" => &mut config.retry_backoff,
        "retry.backoff.max.ms" => &mut config.retry_backoff_max,
        "reconnect.backoff.ms" => &mut config.reconnect_backoff,
        "reconnect.backoff.max.ms" => &mut config.reconnect_backoff_max,
        "metadata.max.age.ms" => &mut config.metadata_max_age,
        _ => return None,
    })
}

/// The field of a key that takes bytes, or a count.
fn size<'a>(config: &'a mut ProducerConfig, key: &str) -> Option<&'a mut usize> {
    Some(match key {
        "batch.size" => &mut config.batch_size,
        "buffer.memory" => &mut config.buffer_memory,
        "max.request.size" => &mut config.max_request_size,
        "max.in.flight.requests.per.connection" => &mut config.max_in_flight,
        _ => return None,
    })
}

/// The field of a key that takes `true` or `false`.
fn switch<'a>(config: &'a mut ProducerConfig, key: &str) -> Option<&'a mut bool> {
    Some(match key {
        "enable.idempotence" => &mut config.enable_idempotence,
        "linger.adaptive" => &mut config.adaptive_linger,
        "record.errors.resend" => &mut config.resend_valid_records,
        "allow.auto.create.topics" => &mut config.allow_auto_create_topics,
        "partitioner.ignore.keys" => &mut config.partitioner_ignore_keys,
        _ => return None,
    })
}

fn set_other(config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
    match key {
        "client.id" => config.client_id = value.into(),
        "acks" => config.acks = acks(value)?,
        "retries" => config.retries = number(value)?,
        "batch.max.records" => config.batch_max_records = Some(number(value)?),
        "compression.type" => config.compression = compression(value)?,
        #[cfg(any(feature = "full", not(target_family = "wasm")))]
        _ => return crate::broker_settings::set(config, key, value),
        #[cfg(not(any(feature = "full", not(target_family = "wasm"))))]
        _ => return Err(Refusal::Key),
    }
    Ok(())
}

fn number(value: &str) -> Result<u32, Refusal> {
    value.parse().map_err(|_| Refusal::Value)
}

fn boolean(value: &str) -> Result<bool, Refusal> {
    value.parse().map_err(|_| Refusal::Value)
}

fn acks(value: &str) -> Result<Acks, Refusal> {
    match value {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err(Refusal::Value),
    }
}

fn compression(value: &str) -> Result<Compression, Refusal> {
    match value {
        "none" => Ok(Compression::default()),
        "lz4" => Ok(Codec::Lz4.into()),
        _ => Err(Refusal::Value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The core's own reader is the oracle.
    fn compare(settings: &[(&str, &str)]) {
        let lines: String =
            settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let core = ProducerConfig::from_properties(settings.iter().copied()).unwrap();
        assert_eq!(format!("{:?}", read(&lines).unwrap()), format!("{core:?}"));
    }

    #[test]
    fn the_settings_mean_what_they_mean_to_the_core() {
        compare(&[
            ("bootstrap.servers", "a:1,b:2"),
            ("linger.ms", "20"),
            ("batch.size", "1000"),
            ("compression.type", "lz4"),
            ("acks", "all"),
            ("linger.adaptive", "true"),
            ("batch.max.records", "7"),
        ]);
    }

    #[cfg(feature = "full")]
    #[test]
    fn so_do_those_of_logins_and_transactions() {
        let login = |more: &[(&'static str, &'static str)]| {
            let common = [("bootstrap.servers", "a:1"), ("security.protocol", "SASL_SSL")];
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
        assert_eq!(read("lingr.ms=1").unwrap_err(), "unknown configuration lingr.ms");
        assert_eq!(read("linger.ms=x").unwrap_err(), "invalid value for linger.ms: x");
        assert_eq!(read("acks=2").unwrap_err(), "invalid value for acks: 2");
    }
}
