//! The configuration as text, in Kafka's own keys: those that make a difference in a page or a
//! worker. The core reads all there are, with their documentation, which a page would download.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use ottla_core::config::SecurityProtocol;
use ottla_core::sasl::{Mechanism, Secret};
use ottla_core::{Acks, Codec, Compression, ProducerConfig};

/// Reads lines of `key=value`.
///
/// # Errors
/// The first key that is not one of these, or has an invalid value, in words.
pub fn read(properties: &str) -> Result<ProducerConfig, String> {
    let mut config = ProducerConfig::default();
    for (key, value) in properties.lines().filter_map(|line| line.split_once('=')) {
        match set(&mut config, key, value.trim()) {
            None => return Err(format!("unknown configuration {key}")),
            Some(Err(Invalid)) => return Err(format!("invalid value for {key}: {value}")),
            Some(Ok(())) => {}
        }
    }
    Ok(config)
}

/// The value is none that the key takes.
struct Invalid;

/// `None` if there is no such key.
fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Option<Result<(), Invalid>> {
    Some(match key {
        "bootstrap.servers" => addresses(config, value),
        "client.id" => put(&mut config.client_id, Ok(value.into())),
        "security.protocol" => put(&mut config.security.protocol, protocol(value)),
        "sasl.mechanism" => put(&mut config.security.sasl.mechanism, mechanism(value)),
        "sasl.username" => put(&mut config.security.sasl.username, Ok(Some(value.into()))),
        "sasl.password" => put(&mut config.security.sasl.password, Ok(Some(Secret::new(value)))),
        "acks" => put(&mut config.acks, acks(value)),
        "enable.idempotence" => put(&mut config.enable_idempotence, boolean(value)),
        "max.in.flight.requests.per.connection" => put(&mut config.max_in_flight, size(value)),
        "retries" => put(&mut config.retries, number(value)),
        "delivery.timeout.ms" => put(&mut config.delivery_timeout, millis(value)),
        "request.timeout.ms" => put(&mut config.request_timeout, millis(value)),
        "max.block.ms" => put(&mut config.max_block, millis(value)),
        "linger.ms" => put(&mut config.linger, millis(value)),
        "linger.adaptive" => put(&mut config.adaptive_linger, boolean(value)),
        "batch.size" => put(&mut config.batch_size, size(value)),
        "batch.max.records" => put(&mut config.batch_max_records, number(value).map(Some)),
        "buffer.memory" => put(&mut config.buffer_memory, size(value)),
        "max.request.size" => put(&mut config.max_request_size, size(value)),
        "compression.type" => put(&mut config.compression, compression(value)),
        "record.errors.resend" => put(&mut config.resend_valid_records, boolean(value)),
        "retry.backoff.ms" => put(&mut config.retry_backoff, millis(value)),
        "retry.backoff.max.ms" => put(&mut config.retry_backoff_max, millis(value)),
        "reconnect.backoff.ms" => put(&mut config.reconnect_backoff, millis(value)),
        "reconnect.backoff.max.ms" => put(&mut config.reconnect_backoff_max, millis(value)),
        "connections.max.idle.ms" => put(&mut config.connections_max_idle, millis(value).map(Some)),
        "metadata.max.age.ms" => put(&mut config.metadata_max_age, millis(value)),
        "allow.auto.create.topics" => put(&mut config.allow_auto_create_topics, boolean(value)),
        "partitioner.ignore.keys" => put(&mut config.partitioner_ignore_keys, boolean(value)),
        _ => return None,
    })
}

fn put<T>(field: &mut T, value: Result<T, Invalid>) -> Result<(), Invalid> {
    *field = value?;
    Ok(())
}

fn number(value: &str) -> Result<u32, Invalid> {
    value.parse().map_err(|_| Invalid)
}

fn size(value: &str) -> Result<usize, Invalid> {
    number(value).map(|number| number as usize)
}

fn millis(value: &str) -> Result<Duration, Invalid> {
    number(value).map(|number| Duration::from_millis(number.into()))
}

fn boolean(value: &str) -> Result<bool, Invalid> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Invalid),
    }
}

fn acks(value: &str) -> Result<Acks, Invalid> {
    match value {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err(Invalid),
    }
}

fn compression(value: &str) -> Result<Compression, Invalid> {
    match value {
        "none" => Ok(Compression::default()),
        "lz4" => Ok(Codec::Lz4.into()),
        _ => Err(Invalid),
    }
}

fn protocol(value: &str) -> Result<SecurityProtocol, Invalid> {
    let mut all = SecurityProtocol::ALL.into_iter();
    all.find(|protocol| protocol.name() == value).ok_or(Invalid)
}

fn mechanism(value: &str) -> Result<Option<Mechanism>, Invalid> {
    if value == Mechanism::Plain.name() { Ok(Some(Mechanism::Plain)) } else { Err(Invalid) }
}

fn addresses(config: &mut ProducerConfig, value: &str) -> Result<(), Invalid> {
    for address in value.split(',') {
        config.bootstrap_servers.push(address.trim().parse().map_err(|_| Invalid)?);
    }
    Ok(())
}
