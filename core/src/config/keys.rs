//! Every key that a producer takes: its name, default, meaning, and the field that it sets.

use core::fmt;

use super::parse::{self, INT, LONG, Parsed};
use super::{MetadataRecovery, ProducerConfig, TopicOverrides, security_values};
use crate::partitioner::PartitionerKind;
use crate::records::compression::{Codec, Compression};

/// A configuration key as property files name it.
#[derive(Clone, Copy)]
pub struct Key {
    /// The key. `NAME` in `topic.NAME.…` stands for a topic's name.
    pub name: &'static str,
    /// The default as one would write it; empty if there is none.
    pub default: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    pub(super) setter: Setter,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a value gets into the configuration.
#[derive(Clone, Copy)]
pub(super) enum Setter {
    Producer(fn(&mut ProducerConfig, &str) -> Parsed<()>),
    Topic(fn(&mut TopicOverrides, &str) -> Parsed<()>),
}

/// Every key, in the order of the fields of [`ProducerConfig`].
pub fn keys() -> &'static [Key] {
    KEYS
}

/// The key that `name` is, and the topic's name where it has one. Topic names may hold dots.
pub(super) fn find(name: &str) -> Option<(&'static Key, &str)> {
    KEYS.iter().find_map(|key| match key.setter {
        Setter::Producer(_) => (key.name == name).then_some((key, "")),
        Setter::Topic(_) => {
            let (before, after) = key.name.split_once("NAME")?;
            let topic = name.strip_prefix(before)?.strip_suffix(after)?;
            Some((key, topic))
        }
    })
}

type Apply = fn(&mut ProducerConfig, &str) -> Parsed<()>;

const fn key(name: &'static str, default: &'static str, apply: Apply, doc: &'static str) -> Key {
    Key { name, default, doc, setter: Setter::Producer(apply) }
}

const fn topic_key(
    name: &'static str,
    apply: fn(&mut TopicOverrides, &str) -> Parsed<()>,
    doc: &'static str,
) -> Key {
    Key { name, default: "", doc, setter: Setter::Topic(apply) }
}

/// A [`Key`] that assigns a field what its parser made of the text.
macro_rules! field {
    (
        $name:literal, $default:literal, $($field:ident).+, $parse:path $(, $range:expr)?;
        $doc:literal
    ) => {
        key(
            $name,
            $default,
            |config, text| {
                config.$($field).+ = $parse(text $(, $range)?)?;
                Ok(())
            },
            $doc,
        )
    };
}

#[rustfmt::skip]
const KEYS: &[Key] = &[
    field!("bootstrap.servers", "", bootstrap_servers, parse::addresses;
        "HOST:PORT,… of some brokers of the cluster; required"),
    key("client.id", "", |config, text| { config.client_id = text.trim().into(); Ok(()) },
        "the name that brokers log and meter"),
    field!("client.dns.lookup", "use_all_dns_ips", dns_lookup, parse::dns_lookup;
        "use_all_dns_ips: try every address of a name"),

    field!("security.protocol", "PLAINTEXT", security.protocol, security_values::protocol;
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    field!("ssl.truststore.location", "", security.tls.ca, security_values::file;
        "PEM file of the certificates that sign the brokers' (ssl.ca.location)"),
    field!("ssl.truststore.certificates", "", security.tls.ca, security_values::inline;
        "those certificates themselves, in PEM (ssl.ca.pem)"),
    field!("ssl.roots", "system", security.tls.roots, security_values::roots;
        "trusted without ssl.truststore: system or bundled (ottla)"),
    key("ssl.keystore.location", "", security_values::set_key_store,
        "PEM file of the client's certificate and its key"),
    field!("ssl.certificate.location", "", security.tls.certificate, security_values::file;
        "PEM file of the client's certificate alone (librdkafka's name)"),
    field!("ssl.key.location", "", security.tls.key, security_values::file;
        "PEM file of its key alone (librdkafka's name)"),
    field!("ssl.keystore.certificate.chain", "", security.tls.certificate, security_values::inline;
        "the client's certificate itself, in PEM (ssl.certificate.pem)"),
    field!("ssl.keystore.key", "", security.tls.key, security_values::inline;
        "its key itself, in PEM (ssl.key.pem)"),
    key("sasl.mechanism", "", security_values::set_mechanism,
        "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM"),
    key("sasl.jaas.config", "", security_values::set_jaas,
        "CLASS required username=\"…\" password=\"…\"; as in Java"),
    key("sasl.username", "", |config, text| {
        config.security.sasl.username = Some(text.into()); Ok(())
    }, "who logs in (librdkafka's name)"),
    key("sasl.password", "", |config, text| {
        config.security.sasl.password = Some(text.into()); Ok(())
    }, "the password (librdkafka's name)"),
    key("sasl.oauthbearer.token", "", security_values::set_token,
        "the token of OAUTHBEARER (ottla)"),
    key("sasl.oauthbearer.extensions", "", security_values::set_extensions,
        "NAME=VALUE,… to be told with the token (librdkafka's name)"),
    key("sasl.oauthbearer.token.endpoint.url", "", |config, text| {
        config.security.sasl.oidc.token_endpoint_url = Some(text.trim().into()); Ok(())
    }, "the server that gives tokens, https://…"),
    key("sasl.oauthbearer.client.credentials.client.id", "", |config, text| {
        config.security.sasl.oidc.client_id = Some(text.into()); Ok(())
    }, "who asks it (sasl.oauthbearer.client.id)"),
    key("sasl.oauthbearer.client.credentials.client.secret", "", |config, text| {
        config.security.sasl.oidc.client_secret = Some(text.into()); Ok(())
    }, "what it is asked with (sasl.oauthbearer.client.secret)"),
    key("sasl.oauthbearer.scope", "", |config, text| {
        config.security.sasl.oidc.scope = Some(text.into()); Ok(())
    }, "what its tokens are for"),
    field!("https.ca.location", "", security.sasl.oidc.ca, security_values::file;
        "PEM file of the certificates that sign the server's (librdkafka's name)"),
    key("sasl.aws.access.key.id", "", |config, text| {
        config.security.sasl.aws.access_key_id = Some(text.into()); Ok(())
    }, "who logs in at Amazon's Kafka (ottla)"),
    key("sasl.aws.secret.access.key", "", |config, text| {
        config.security.sasl.aws.secret_access_key = Some(text.into()); Ok(())
    }, "the key that signs the login (ottla)"),
    key("sasl.aws.security.token", "", |config, text| {
        config.security.sasl.aws.session_token = Some(text.into()); Ok(())
    }, "with a key that AWS gave for some hours (ottla)"),
    key("sasl.aws.region", "", |config, text| {
        config.security.sasl.aws.region = Some(text.into()); Ok(())
    }, "where the cluster is, if its name does not say so (ottla)"),

    field!("acks", "all", acks, parse::acks;
        "replicas that must have a record: all, 1 (the leader), 0 (don't ask)"),
    field!("enable.idempotence", "true", enable_idempotence, parse::boolean;
        "no retry duplicates or reorders a record"),
    field!("max.in.flight.requests.per.connection", "5", max_in_flight, parse::size, 1..=INT;
        "requests sent to a broker and not answered"),
    field!("retries", "2147483647", retries, parse::count, 0..=INT;
        "how often a batch is tried again within delivery.timeout.ms"),
    field!("delivery.timeout.ms", "120000", delivery_timeout, parse::millis, 0..=INT;
        "from send to the outcome of a record, at most"),
    field!("request.timeout.ms", "30000", request_timeout, parse::millis, 0..=INT;
        "how long a broker may take to answer"),
    field!("max.block.ms", "60000", max_block, parse::millis, 0..=LONG;
        "how long send waits for metadata and memory"),
    #[cfg(feature = "transactions")]
    key("transactional.id", "", |config, text| {
        config.transactional_id = Some(text.into()); Ok(())
    }, "whose transactions these are; whoever used the id before is locked out"),
    #[cfg(feature = "transactions")]
    field!("transaction.timeout.ms", "60000", transaction_timeout, parse::millis, 1..=INT;
        "brokers abort a transaction that was not ended for so long"),

    field!("linger.ms", "5", linger, parse::millis, 0..=LONG;
        "how long a batch waits for more records"),
    field!("linger.adaptive", "false", adaptive_linger, parse::boolean;
        "don't linger while nothing else is queued (ottla)"),
    field!("batch.size", "16384", batch_size, parse::size, 0..=INT;
        "bytes of a full batch; 0 sends every record alone"),
    field!("batch.max.records", "-1", batch_max_records, parse::count_or_none;
        "records of a full batch; -1: no limit (ottla)"),
    field!("buffer.memory", "33554432", buffer_memory, parse::size, 0..=LONG;
        "bytes of memory for records not yet acknowledged"),
    field!("buffer.memory.preallocate", "false", preallocate, parse::boolean;
        "take buffer.memory at the start, not as it is needed (ottla)"),
    field!("max.request.size", "1048576", max_request_size, parse::size, 0..=INT;
        "bytes of a request, and of a record, at most"),
    key("compression.type", "none", set_codec, "none, gzip, snappy, lz4 or zstd"),
    key("compression.gzip.level", "-1", |config, text| set_level(config, Codec::Gzip, text),
        "1 (fast) to 9 (small); -1: zlib's default"),
    key("compression.lz4.level", "9", |config, text| set_level(config, Codec::Lz4, text),
        "1 (fast) to 17 (small)"),
    key("compression.zstd.level", "3", |config, text| set_level(config, Codec::Zstd, text),
        "-131072 (fast) to 22 (small)"),
    #[cfg(feature = "legacy-formats")]
    field!("message.format.version", "", message_format, parse::message_format;
        "as of 0.9, 0.10 or 0.11, whatever the broker takes; for brokers before 0.11 (as in topics)"),
    topic_key("topic.NAME.acks", |topic, text| { topic.acks = Some(parse::acks(text)?); Ok(()) },
        "acks of one topic (ottla)"),
    topic_key("topic.NAME.compression.type", set_topic_codec,
        "compression.type of one topic (ottla)"),
    topic_key("topic.NAME.compression.level", set_topic_level,
        "level of topic.NAME.compression.type (ottla)"),
    field!("record.errors.resend", "false", resend_valid_records, parse::boolean;
        "send the good records of a batch again that was refused for bad ones (ottla)"),

    field!("retry.backoff.ms", "100", retry_backoff, parse::millis, 0..=LONG;
        "wait before the first retry; doubles"),
    field!("retry.backoff.max.ms", "1000", retry_backoff_max, parse::millis, 0..=LONG;
        "wait before a retry, at most"),
    field!("reconnect.backoff.ms", "50", reconnect_backoff, parse::millis, 0..=LONG;
        "wait before the first reconnection; doubles"),
    field!("reconnect.backoff.max.ms", "1000", reconnect_backoff_max, parse::millis, 0..=LONG;
        "wait before a reconnection, at most"),
    field!("socket.connection.setup.timeout.ms", "10000", connection_setup_timeout,
        parse::millis, 1..=LONG;
        "how long connecting may take; doubles"),
    field!("socket.connection.setup.timeout.max.ms", "30000", connection_setup_timeout_max,
        parse::millis, 1..=LONG;
        "how long connecting may take, at most"),
    field!("connections.max.idle.ms", "180000", connections_max_idle, parse::millis_or_never;
        "close a connection unused for so long; -1: never (Java: 540000)"),
    field!("connections.max", "-1", max_connections, parse::count_or_none;
        "close an idle one where more are wanted; -1: no limit (ottla)"),
    field!("send.buffer.bytes", "131072", send_buffer_bytes, parse::size_or_none;
        "SO_SNDBUF; -1: the system's"),
    field!("receive.buffer.bytes", "32768", receive_buffer_bytes, parse::size_or_none;
        "SO_RCVBUF; -1: the system's"),
    field!("receive.message.max.bytes", "104857600", receive_max_bytes, parse::size, 1024..=INT;
        "bytes of a response, at most (librdkafka's name)"),

    field!("metadata.max.age.ms", "300000", metadata_max_age, parse::millis, 0..=LONG;
        "refresh the cluster's metadata at least so often"),
    field!("metadata.max.idle.ms", "300000", metadata_max_idle, parse::millis, 5000..=LONG;
        "forget a topic that got no record for so long"),
    field!("metadata.recovery.strategy", "rebootstrap", metadata_recovery, parse::recovery;
        "rebootstrap or none, when no known broker answers"),
    key("metadata.recovery.rebootstrap.trigger.ms", "300000", set_rebootstrap_trigger,
        "ask bootstrap.servers again after so long without metadata"),
    field!("allow.auto.create.topics", "true", allow_auto_create_topics, parse::boolean;
        "let brokers create unknown topics, if they are set to"),

    field!("partitioner.class", "", partitioner, parse::partitioner;
        "builtin (if unset), round_robin, random, consistent, consistent_random, sticky_time"),
    key("partitioner.sticky.interval.ms", "600000", set_sticky_interval,
        "how long sticky_time stays with a partition (ottla)"),
    field!("partitioner.adaptive.partitioning.enable", "true", partitioner_adaptive, parse::boolean;
        "give faster brokers more of the records without a key"),
    field!("partitioner.availability.timeout.ms", "0", partitioner_availability_timeout,
        parse::millis, 0..=LONG;
        "avoid partitions whose broker took nothing for so long; 0: off"),
    field!("partitioner.ignore.keys", "false", partitioner_ignore_keys, parse::boolean;
        "keys don't decide the partition"),
];

fn set_codec(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    config.compression = parse::codec(text)?.into();
    Ok(())
}

/// Sets the level wherever `codec` is chosen; else it is checked and has no effect.
fn set_level(config: &mut ProducerConfig, codec: Codec, text: &str) -> Parsed<()> {
    let compression = parse::level(codec, text)?;
    let of_topics = config.topics.values_mut().filter_map(|topic| topic.compression.as_mut());
    for chosen in of_topics.chain([&mut config.compression]) {
        if chosen.codec() == codec {
            *chosen = compression;
        }
    }
    Ok(())
}

fn set_topic_codec(topic: &mut TopicOverrides, text: &str) -> Parsed<()> {
    topic.compression = Some(Compression::from(parse::codec(text)?));
    Ok(())
}

fn set_topic_level(topic: &mut TopicOverrides, text: &str) -> Parsed<()> {
    let Some(compression) = topic.compression else {
        return Err("the topic's compression.type to be set too".into());
    };
    topic.compression = Some(parse::level(compression.codec(), text)?);
    Ok(())
}

fn set_rebootstrap_trigger(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    let value = parse::millis(text, 0..=LONG)?;
    if let MetadataRecovery::Rebootstrap { trigger } = &mut config.metadata_recovery {
        *trigger = value;
    }
    Ok(())
}

fn set_sticky_interval(config: &mut ProducerConfig, text: &str) -> Parsed<()> {
    let value = parse::millis(text, 0..=LONG)?;
    if let PartitionerKind::StickyTime { interval } = &mut config.partitioner {
        *interval = value;
    }
    Ok(())
}
