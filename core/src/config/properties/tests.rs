use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::*;
use crate::config::{Acks, MetadataRecovery, keys};
use crate::partitioner::PartitionerKind;
use crate::records::compression::{Codec, Compression};

/// Every key of `ProducerConfig.configDef()` of kafka-clients 4.3.1 that ottla takes, with Java's
/// default. `connections.max.idle.ms` is 540000 in Java.
const JAVA: [(&str, &str); 34] = [
    ("client.dns.lookup", "use_all_dns_ips"),
    ("buffer.memory", "33554432"),
    ("retries", "2147483647"),
    ("acks", "all"),
    ("compression.type", "none"),
    ("compression.gzip.level", "-1"),
    ("compression.lz4.level", "9"),
    ("compression.zstd.level", "3"),
    ("batch.size", "16384"),
    ("partitioner.adaptive.partitioning.enable", "true"),
    ("partitioner.availability.timeout.ms", "0"),
    ("partitioner.ignore.keys", "false"),
    ("linger.ms", "5"),
    ("delivery.timeout.ms", "120000"),
    ("client.id", ""),
    ("send.buffer.bytes", "131072"),
    ("receive.buffer.bytes", "32768"),
    ("max.request.size", "1048576"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("retry.backoff.ms", "100"),
    ("retry.backoff.max.ms", "1000"),
    ("max.block.ms", "60000"),
    ("request.timeout.ms", "30000"),
    ("metadata.max.age.ms", "300000"),
    ("metadata.max.idle.ms", "300000"),
    ("max.in.flight.requests.per.connection", "5"),
    ("socket.connection.setup.timeout.ms", "10000"),
    ("socket.connection.setup.timeout.max.ms", "30000"),
    ("partitioner.class", ""),
    ("enable.idempotence", "true"),
    ("metadata.recovery.strategy", "rebootstrap"),
    ("metadata.recovery.rebootstrap.trigger.ms", "300000"),
    ("connections.max.idle.ms", "180000"),
];

/// The other keys of Java's producer, with a value that asks for something ottla lacks.
const JAVA_UNSUPPORTED: [(&str, &str); 18] = [
    ("enable.metrics.push", "true"),
    ("metrics.sample.window.ms", "30000"),
    ("metrics.num.samples", "2"),
    ("metrics.recording.level", "INFO"),
    ("metric.reporters", "com.example.Reporter"),
    ("key.serializer", "io.confluent.kafka.serializers.KafkaAvroSerializer"),
    ("value.serializer", "org.apache.kafka.common.serialization.LongSerializer"),
    ("interceptor.classes", "com.example.Interceptor"),
    ("security.providers", "com.example.Provider"),
    ("ssl.truststore.type", "JKS"),
    ("ssl.keystore.type", "PKCS12"),
    ("ssl.truststore.password", "secret"),
    ("ssl.key.password", "secret"),
    ("ssl.endpoint.identification.algorithm", ""),
    ("ssl.cipher.suites", "TLS_AES_128_GCM_SHA256"),
    ("sasl.kerberos.service.name", "kafka"),
    ("transaction.two.phase.commit.enable", "true"),
    ("config.providers", "file"),
];

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";

fn with(properties: &[(&str, &str)]) -> Result<ProducerConfig, String> {
    let server = [("bootstrap.servers", "localhost:9092")];
    let all = server.into_iter().chain(properties.iter().copied());
    ProducerConfig::from_properties(all).map_err(|error| error.to_string())
}

fn debug(config: &ProducerConfig) -> String {
    format!("{config:?}")
}

#[test]
fn the_defaults_are_javas() {
    for (name, default) in JAVA {
        let key = keys().iter().find(|key| key.name == name);
        assert_eq!(key.map(|key| key.default), Some(default), "{name}");
    }
}

#[test]
fn every_default_in_the_table_is_the_default_of_its_field() {
    for key in keys().iter().filter(|key| !key.default.is_empty()) {
        let mut config = ProducerConfig::default();
        config.set(key.name, key.default).unwrap();
        assert_eq!(debug(&config), debug(&ProducerConfig::default()), "{}", key.name);
    }
}

/// A key whose setter sets another key's field would pass the test above.
#[test]
fn every_key_changes_something_of_its_own() {
    let changes = [
        ("client.id", "c"),
        ("client.dns.lookup", "resolve_canonical_bootstrap_servers_only"),
        ("acks", "1"),
        ("enable.idempotence", "false"),
        ("metadata.recovery.strategy", "none"),
        ("compression.type", "lz4"),
        ("message.format.version", "0.10.0"),
        ("partitioner.class", "random"),
        ("bootstrap.servers", "a:1,b:2"),
        ("security.protocol", "ssl"),
        ("ssl.truststore.certificates", PEM),
        ("ssl.keystore.certificate.chain", PEM),
        ("ssl.keystore.key", PEM),
        ("ssl.roots", "bundled"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", "PlainLoginModule required username=7777 password=x;"),
        ("sasl.oauthbearer.extensions", "a=b"),
        ("topic.NAME.acks", "1"),
        ("topic.NAME.compression.type", "gzip"),
    ];
    let refining = ["level", "trigger.ms", "sticky.interval.ms"];
    let mut seen = Vec::new();
    for key in keys().iter().filter(|key| !refining.iter().any(|end| key.name.ends_with(end))) {
        let listed = changes.iter().find(|(name, _)| *name == key.name).map(|(_, value)| *value);
        let value = listed.unwrap_or(match key.default {
            "true" => "false",
            "false" => "true",
            _ => "7777",
        });
        let mut config = ProducerConfig::default();
        config.set(key.name, value).unwrap();
        let changed = debug(&config);
        assert_ne!(changed, debug(&ProducerConfig::default()), "{}", key.name);
        assert!(!seen.contains(&changed), "{} changes what another key changes", key.name);
        seen.push(changed);
    }
}

#[cfg(feature = "legacy-formats")]
#[test]
fn old_message_formats_go_without_what_they_can_not_hold() {
    let key = "message.format.version";
    let refused = with(&[(key, "0.9.0")]).unwrap_err();
    assert!(refused.contains("set enable.idempotence=false"), "{refused}");
    let plain = ("enable.idempotence", "false");
    assert!(with(&[plain, (key, "0.10.2-IV0")]).is_ok());
    let refused = with(&[plain, (key, "0.10"), ("compression.type", "zstd")]).unwrap_err();
    assert!(refused.contains("zstd needs record batches"), "{refused}");
    assert!(with(&[(key, "2.8"), ("compression.type", "zstd")]).is_ok());
    assert!(with(&[(key, "7777")]).unwrap_err().contains("a version of Kafka, such as 0.10.0"));
}

#[test]
fn every_key_of_java_is_taken_or_explained() {
    for (name, value) in JAVA_UNSUPPORTED {
        let message = with(&[(name, value)]).unwrap_err();
        assert!(
            message.starts_with(&format!("configuration {name} is not supported: ")),
            "{message}"
        );
        assert!(!message.contains("secret"), "{message}");
    }
    let harmless = [
        ("ssl.truststore.type", "PEM"),
        ("ssl.endpoint.identification.algorithm", "https"),
        ("enable.metrics.push", "false"),
        ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
        ("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
        ("interceptor.classes", ""),
    ];
    assert_eq!(debug(&with(&harmless).unwrap()), debug(&with(&[]).unwrap()));
}

/// B1.3, A13
#[test]
fn old_keys_name_todays() {
    let old = [
        ("block.on.buffer.full", "max.block.ms"),
        ("metadata.fetch.timeout.ms", "max.block.ms"),
        ("timeout.ms", "request.timeout.ms"),
        ("metadata.broker.list", "bootstrap.servers"),
        ("producer.type", "linger.ms=0"),
        ("request.required.acks", "use acks"),
        ("compression.codec", "compression.type"),
        ("compressed.topics", "topic.NAME.compression.type"),
        ("message.send.max.retries", "retries"),
        ("topic.metadata.refresh.interval.ms", "metadata.max.age.ms"),
        ("queue.buffering.max.ms", "linger.ms"),
        ("queue.buffering.max.messages", "buffer.memory"),
        ("queue.enqueue.timeout.ms", "max.block.ms"),
        ("batch.num.messages", "batch.max.records"),
        ("serializer.class", "Serializer trait"),
        ("key.serializer.class", "Serializer trait"),
        ("message.timeout.ms", "delivery.timeout.ms"),
    ];
    for (key, today) in old {
        let message = with(&[(key, "1")]).unwrap_err();
        assert!(message.contains(key) && message.contains(today), "{message}");
        assert!(message.contains("not a key of today's producer"), "{message}");
    }
}

#[test]
fn keys_of_librdkafka_and_of_consumers_are_explained() {
    let rows = [
        ("debug", "all", "-vv"),
        ("log_level", "7", "`log` crate"),
        ("statistics.interval.ms", "1000", "from the producer"),
        ("broker.address.family", "v4", "IPv6 and IPv4"),
        ("socket.keepalive.enable", "false", "keepalive"),
        ("api.version.fallback.ms", "0", "Kafka 2.1"),
        ("sticky.partitioning.linger.ms", "10", "partitioner.sticky.interval.ms"),
        ("isolation.level", "read_committed", "consumers"),
        ("group.instance.id", "a", "consumers"),
        ("max.poll.records", "500", "consumers"),
    ];
    for (key, value, advice) in rows {
        let message = with(&[(key, value)]).unwrap_err();
        assert!(message.contains(key) && message.contains(advice), "{message}");
    }
    let harmless = [
        ("debug", ""),
        ("statistics.interval.ms", "0"),
        ("broker.address.family", "any"),
        ("socket.keepalive.enable", "true"),
        ("socket.nagle.disable", "true"),
    ];
    assert_eq!(debug(&with(&harmless).unwrap()), debug(&with(&[]).unwrap()));
}

#[test]
fn unknown_keys_get_the_nearest() {
    let message = with(&[("lingr.ms", "5")]).unwrap_err();
    assert_eq!(message, "unknown configuration lingr.ms; did you mean linger.ms?");
    assert_eq!(with(&[("foo.bar.baz", "5")]).unwrap_err(), "unknown configuration foo.bar.baz");
}

#[test]
fn bad_values_name_key_value_form_and_range() {
    let rows = [
        ("linger.ms", "5ms", "a whole number of milliseconds from 0 to 9223372036854775807"),
        ("linger.ms", "-1", "from 0 to"),
        ("linger.ms", "9223372036854775808", "from 0 to"),
        ("batch.size", "16 KiB", "a whole number from 0 to 2147483647"),
        ("batch.max.records", "0", "from 1 to 2147483647, or -1"),
        ("delivery.timeout.ms", "2147483648", "to 2147483647"),
        ("max.in.flight.requests.per.connection", "0", "from 1 to"),
        ("metadata.max.idle.ms", "4999", "from 5000 to"),
        ("acks", "2", "all, -1 (the same as all), 1 or 0"),
        ("enable.idempotence", "yes", "true or false"),
        ("compression.type", "brotli", "none, gzip, snappy, lz4 or zstd"),
        ("compression.gzip.level", "0", "a level of gzip from 1 to 9, or -1"),
        ("compression.zstd.level", "23", "a level of zstd from -131072 to 22"),
        ("metadata.recovery.strategy", "pray", "rebootstrap or none"),
        ("client.dns.lookup", "default", "use_all_dns_ips or"),
        ("bootstrap.servers", "localhost", "the port is missing"),
        ("bootstrap.servers", " , ", "none is given"),
        ("partitioner.class", "com.example.P", "expected builtin, murmur2_random"),
        ("topic.a b.acks", "all", "1 to 249"),
        ("topic.t.acks", "2", "all, -1"),
        ("topic.t.compression.level", "2", "compression.type to be set too"),
    ];
    for (key, value, expected) in rows {
        let message = with(&[(key, value)]).unwrap_err();
        let start = format!("invalid value {value:?} for configuration {key}: expected ");
        assert!(message.starts_with(&start) && message.contains(expected), "{message}");
    }
}

#[test]
fn special_values_mean_what_they_mean_in_java() {
    let config = with(&[
        ("acks", "-1"),
        ("connections.max.idle.ms", "-1"),
        ("send.buffer.bytes", "-1"),
        ("enable.idempotence", " TRUE "),
        ("metadata.recovery.strategy", "NONE"),
        ("linger.ms", " 7 "),
    ])
    .unwrap();
    assert_eq!((config.acks, config.enable_idempotence), (Acks::All, true));
    assert_eq!((config.connections_max_idle, config.send_buffer_bytes), (None, None));
    assert_eq!(config.metadata_recovery, MetadataRecovery::None);
    assert_eq!(config.linger, Duration::from_millis(7));
}

#[test]
#[cfg(all(feature = "gzip", feature = "zstd"))]
fn a_value_that_refines_another_may_come_first() {
    let config = with(&[
        ("topic.a.compression.level", "2"),
        ("compression.gzip.level", "9"),
        ("partitioner.sticky.interval.ms", "1000"),
        ("metadata.recovery.rebootstrap.trigger.ms", "1"),
        ("topic.a.compression.type", "gzip"),
        ("topic.b.c.compression.type", "gzip"),
        ("compression.type", "gzip"),
        ("partitioner.class", "sticky_time"),
    ])
    .unwrap();
    let gzip = |level| Compression::new(Codec::Gzip, Some(level)).unwrap();
    assert_eq!(config.compression_of("unlisted"), gzip(9));
    assert_eq!(config.compression_of("a"), gzip(2));
    assert_eq!(config.compression_of("b.c"), gzip(9), "a topic's name may hold dots");
    assert!(matches!(
        config.partitioner,
        PartitionerKind::StickyTime { interval } if interval == Duration::from_secs(1)
    ));
    let trigger = Duration::from_millis(1);
    assert_eq!(config.metadata_recovery, MetadataRecovery::Rebootstrap { trigger });
}

/// A11.1's table with today's keys: the producer's codec, the topic's codec, what holds.
#[test]
#[cfg(all(feature = "gzip", feature = "zstd"))]
fn topics_override_acks_and_compression() {
    let rows =
        [("none", "", Codec::None), ("gzip", "", Codec::Gzip), ("none", "gzip", Codec::Gzip)];
    let rows =
        rows.into_iter().chain([("gzip", "none", Codec::None), ("gzip", "zstd", Codec::Zstd)]);
    for (producer, topic, holds) in rows {
        let mut properties = alloc::vec![("compression.type", producer)];
        if !topic.is_empty() {
            properties.push(("topic.t.compression.type", topic));
        }
        let config = with(&properties).unwrap();
        assert_eq!(config.compression_of("t").codec(), holds, "{producer} {topic}");
        assert_eq!(config.compression_of("other").codec().name(), producer);
    }
    let config = with(&[("enable.idempotence", "false"), ("topic.t.acks", "0")]).unwrap();
    assert_eq!((config.acks_of("t"), config.acks_of("other")), (Acks::None, Acks::All));
}

/// D4: what is not set explicitly gives way.
#[test]
fn limits_that_are_not_set_are_raised() {
    let config = with(&[("request.timeout.ms", "200000"), ("linger.ms", "1000")]).unwrap();
    assert_eq!(config.delivery_timeout, Duration::from_secs(201));
    let explicit = [("request.timeout.ms", "200000"), ("delivery.timeout.ms", "120000")];
    assert!(with(&explicit).unwrap_err().contains("linger.ms + request.timeout.ms"));

    let config = with(&[("retry.backoff.ms", "5000"), ("reconnect.backoff.ms", "6000")]).unwrap();
    assert_eq!(config.retry_backoff_max, Duration::from_secs(5));
    assert_eq!(config.reconnect_backoff_max, Duration::from_secs(6));
    let explicit = [("retry.backoff.ms", "5000"), ("retry.backoff.max.ms", "1000")];
    assert!(with(&explicit).unwrap_err().contains("retry.backoff.max.ms: must not be smaller"));
}

#[test]
fn the_later_of_two_values_holds() {
    assert_eq!(with(&[("linger.ms", "1"), ("linger.ms", "2")]).unwrap().linger.as_millis(), 2);
}

#[test]
fn the_result_is_validated() {
    assert!(with(&[("acks", "1")]).unwrap_err().contains("enable.idempotence=false"));
    assert!(
        ProducerConfig::from_properties([]).unwrap_err().to_string().contains("bootstrap.servers")
    );
}

#[test]
fn librdkafkas_names_of_security_keys_mean_javas() {
    let pairs = [
        ("ssl.ca.location", "ssl.truststore.location", "/ca.pem"),
        ("ssl.ca.pem", "ssl.truststore.certificates", PEM),
        ("ssl.certificate.pem", "ssl.keystore.certificate.chain", PEM),
        ("ssl.key.pem", "ssl.keystore.key", PEM),
        ("sasl.mechanisms", "sasl.mechanism", "scram-sha-256"),
    ];
    for (librdkafka, java, value) in pairs {
        let same = [with(&[(librdkafka, value)]), with(&[(java, value)])];
        let [one, other] = same.map(|config| debug(&config.unwrap()));
        assert_eq!(one, other, "{librdkafka}");
        assert_ne!(one, debug(&with(&[]).unwrap()), "{librdkafka}");
    }
}

#[test]
fn javas_key_stores_are_refused_with_the_way_to_convert_them() {
    let keys = ["ssl.truststore.location", "ssl.keystore.location", "ssl.key.location"];
    for (key, store) in keys.into_iter().zip(["/etc/trust.jks", "key.P12", "/k.pfx"]) {
        let message = with(&[(key, store)]).unwrap_err();
        assert!(message.contains("keytool -importkeystore"), "{message}");
        assert!(message.contains("openssl pkcs12"), "{message}");
    }
    let message = with(&[("ssl.keystore.type", "JKS")]).unwrap_err();
    assert!(message.contains("keytool -importkeystore"), "{message}");
}

#[test]
fn no_secret_is_shown() {
    let rows = [
        ("sasl.jaas.config", "PlainLoginModule required password=hunter2"),
        ("sasl.jaas.config", "hunter2"),
        ("ssl.keystore.key", "hunter2"),
        ("ssl.key.pem", "hunter2"),
        ("ssl.key.password", "hunter2"),
    ];
    for (key, value) in rows {
        let message = with(&[(key, value)]).unwrap_err();
        assert!(message.contains(key) && !message.contains("hunter2"), "{message}");
    }
    let config = with(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.password", "hunter2"),
        ("sasl.oauthbearer.token", "hunter2"),
        ("ssl.keystore.key", "-----BEGIN PRIVATE KEY-----hunter2"),
        ("ssl.keystore.certificate.chain", PEM),
    ]);
    assert!(!debug(&config.unwrap()).contains("hunter2"));
}

#[test]
fn a_protocol_needs_what_it_needs() {
    let scram = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512")];
    let iam = [scram[0], ("sasl.mechanism", "AWS_MSK_IAM"), ("sasl.aws.access.key.id", "a")];
    let server = ("sasl.oauthbearer.token.endpoint.url", "https://id.example/token");
    let oauth = [scram[0], ("sasl.mechanism", "OAUTHBEARER"), server];
    let forgotten = [("sasl.username", "a"), ("sasl.password", "b")];
    let rows: [(&[(&str, &str)], &str); 8] = [
        (&forgotten, "security.protocol: doesn't log in"),
        (&iam, "sasl.aws.secret.access.key: an access key has an id and a secret"),
        (&scram[..1], "sasl.mechanism: not set; one of PLAIN"),
        (&scram, "sasl.username: set sasl.username and sasl.password"),
        (&oauth[..2], "sasl.oauthbearer.token: not set"),
        (&oauth[..3], "sasl.oauthbearer.client.credentials.client.id: not set"),
        (&[scram[0], ("sasl.mechanism", "GSSAPI")], "GSSAPI needs a C library"),
        (&[("security.protocol", "SSL"), ("ssl.key.location", "k.pem")], "set both, or neither"),
    ];
    for (properties, expected) in rows {
        let message = with(properties).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let full =
        [scram[0], ("sasl.mechanism", "PLAIN"), ("sasl.username", "a"), ("sasl.password", "")];
    assert!(with(&full).is_ok());
}
