//! Keys that today's Kafka, an older one or librdkafka knows, but ottla does not take, and what to
//! do instead.

use alloc::string::ToString;

use super::ConfigError;

/// A key, or with a `*` at the end all keys that begin so.
struct Foreign {
    pattern: &'static str,
    /// Values that ask for nothing which ottla lacks, so that common property files are taken as
    /// they are.
    harmless: &'static [&'static str],
    advice: Advice,
}

#[derive(Clone, Copy)]
enum Advice {
    Renamed(&'static str),
    Unsupported(&'static str),
}

/// What to say about `key`; `Ok(true)` if `value` is harmless, `Ok(false)` if the key is not in
/// this table.
pub(super) fn check(key: &str, value: &str) -> Result<bool, ConfigError> {
    let Some(row) = FOREIGN.iter().find(|row| row.is(key)) else { return Ok(false) };
    if row.harmless.iter().any(|harmless| harmless.eq_ignore_ascii_case(value.trim())) {
        return Ok(true);
    }
    let key = key.to_string();
    Err(match row.advice {
        Advice::Renamed(instead) => ConfigError::RenamedKey { key, instead },
        Advice::Unsupported(instead) => ConfigError::UnsupportedKey { key, instead },
    })
}

impl Foreign {
    fn is(&self, key: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == self.pattern,
        }
    }
}

const fn renamed(pattern: &'static str, instead: &'static str) -> Foreign {
    Foreign { pattern, harmless: &[], advice: Advice::Renamed(instead) }
}

const fn unsupported(
    pattern: &'static str,
    harmless: &'static [&'static str],
    instead: &'static str,
) -> Foreign {
    Foreign { pattern, harmless, advice: Advice::Unsupported(instead) }
}

const SERIALIZERS: &[&str] = &[
    "org.apache.kafka.common.serialization.ByteArraySerializer",
    "org.apache.kafka.common.serialization.StringSerializer",
];
const SERIALIZER_ADVICE: &str = "records are bytes; to write other types, implement the \
     Serializer trait (ByteArraySerializer and StringSerializer are taken as they are)";
const PEM_ADVICE: &str = "key stores are PEM files; convert JKS and PKCS12 with: keytool \
     -importkeystore -srckeystore STORE -destkeystore store.p12 -deststoretype PKCS12; openssl \
     pkcs12 -in store.p12 -nodes -out store.pem";
const PASSWORD_ADVICE: &str = "keys are PEM without a password; remove it with: openssl pkey -in \
     key.pem -out plain.pem";
const TLS_ADVICE: &str = "TLS 1.2 and 1.3 with safe ciphers are spoken; remove the key";
const VERIFY_ADVICE: &str =
    "a broker's certificate and host name are always verified; remove the key";
const SASL_ADVICE: &str = "PLAIN, SCRAM, OAUTHBEARER and AWS_MSK_IAM need no \
     more than sasl.mechanism, sasl.username, sasl.password, sasl.oauthbearer.token or \
     sasl.oauthbearer.token.endpoint.url, and sasl.aws.*";
/// Java's classes whose work is done without naming them.
const HANDLERS: &[&str] = &[
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
    "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
];
#[cfg(not(feature = "transactions"))]
const TRANSACTION_ADVICE: &str = "this program was built without the Cargo feature `transactions`";
const TWO_PHASE_ADVICE: &str =
    "transactions end with their own commit, without an outside coordinator; remove the key";
const METRICS_ADVICE: &str = "metrics are not sampled or reported in the background; read them \
     from the producer and remove the key";
const VERSION_ADVICE: &str = "each broker is asked for the versions it speaks (Kafka 2.1 and \
     later); remove the key";
const ADDRESS_ADVICE: &str = "each connection tries all addresses, of IPv6 and IPv4, that the \
     name has then; remove the key";
const LOG_ADVICE: &str = "log lines go to the `log` crate, and with `ottla produce -vv` to \
     standard error; remove the key";
const GAPLESS_ADVICE: &str =
    "a record that fails leaves no gap that the next ones could not heal; remove the key";
const SOCKET_ADVICE: &str = "connections have no delay (TCP_NODELAY) and keepalive; remove the key";
const CONSUMER_ADVICE: &str = "this is a key of consumers; remove it";

const FOREIGN: &[Foreign] = &[
    // Kafka 4.x has them, ottla does not.
    unsupported("key.serializer", SERIALIZERS, SERIALIZER_ADVICE),
    unsupported("value.serializer", SERIALIZERS, SERIALIZER_ADVICE),
    unsupported("security.providers", &[""], TLS_ADVICE),
    unsupported("ssl.truststore.type", &["PEM"], PEM_ADVICE),
    unsupported("ssl.keystore.type", &["PEM"], PEM_ADVICE),
    unsupported("ssl.truststore.password", &[""], PASSWORD_ADVICE),
    unsupported("ssl.keystore.password", &[""], PASSWORD_ADVICE),
    unsupported("ssl.key.password", &[""], PASSWORD_ADVICE),
    unsupported("ssl.endpoint.identification.algorithm", &["https"], VERIFY_ADVICE),
    unsupported("enable.ssl.certificate.verification", &["true"], VERIFY_ADVICE),
    unsupported("ssl.protocol", &["TLSv1.3", "TLSv1.2"], TLS_ADVICE),
    unsupported("ssl.enabled.protocols", &["TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"], TLS_ADVICE),
    unsupported("ssl.*", &[], TLS_ADVICE),
    unsupported("sasl.login.callback.handler.class", HANDLERS, SASL_ADVICE),
    unsupported("sasl.oauthbearer.method", &["default", "oidc"], SASL_ADVICE),
    unsupported("sasl.*", &[], SASL_ADVICE),
    #[cfg(not(feature = "transactions"))]
    unsupported("transactional.id", &[], TRANSACTION_ADVICE),
    #[cfg(not(feature = "transactions"))]
    unsupported("transaction.timeout.ms", &["60000"], TRANSACTION_ADVICE),
    unsupported("transaction.two.phase.commit.enable", &["false"], TWO_PHASE_ADVICE),
    unsupported(
        "interceptor.classes",
        &[""],
        "interceptors are Rust values that are set in code; remove the key",
    ),
    unsupported(
        "config.providers*",
        &[""],
        "write the values themselves; nothing is looked up elsewhere",
    ),
    unsupported(
        "enable.metrics.push",
        &["false"],
        "no client metrics are pushed to brokers (KIP-714); set it to false",
    ),
    unsupported("metrics.*", &[], METRICS_ADVICE),
    unsupported(
        "metric.reporters",
        &["", "org.apache.kafka.common.metrics.JmxReporter"],
        METRICS_ADVICE,
    ),
    unsupported(
        "bootstrap.resolve.timeout.ms",
        &[],
        "names are resolved within socket.connection.setup.timeout.ms",
    ),
    unsupported(
        "metadata.cluster.check.enable",
        &["false"],
        "the cluster's id is not compared (KIP-1242); remove the key",
    ),
    unsupported("auto.*", &[], CONSUMER_ADVICE),
    unsupported("check.crcs", &[], CONSUMER_ADVICE),
    unsupported("client.rack", &[], CONSUMER_ADVICE),
    unsupported("default.api.timeout.ms", &[], CONSUMER_ADVICE),
    unsupported("enable.auto.*", &[], CONSUMER_ADVICE),
    unsupported("enable.partition.eof", &[], CONSUMER_ADVICE),
    unsupported("fetch.*", &[], CONSUMER_ADVICE),
    unsupported("group.*", &[], CONSUMER_ADVICE),
    unsupported("heartbeat.interval.ms", &[], CONSUMER_ADVICE),
    unsupported("isolation.level", &[], CONSUMER_ADVICE),
    unsupported("key.deserializer", &[], CONSUMER_ADVICE),
    unsupported("max.partition.fetch.bytes", &[], CONSUMER_ADVICE),
    unsupported("max.poll.*", &[], CONSUMER_ADVICE),
    unsupported("partition.assignment.strategy", &[], CONSUMER_ADVICE),
    unsupported("queued.*", &[], CONSUMER_ADVICE),
    unsupported("session.timeout.ms", &[], CONSUMER_ADVICE),
    unsupported("value.deserializer", &[], CONSUMER_ADVICE),
    // Java producers before 0.11.
    renamed("block.on.buffer.full", "use max.block.ms (9223372036854775807 to wait without end)"),
    renamed("metadata.fetch.timeout.ms", "use max.block.ms"),
    renamed("timeout.ms", "use request.timeout.ms"),
    // The 0.8 producer in Scala; some names live on in librdkafka.
    renamed("metadata.broker.list", "use bootstrap.servers"),
    renamed(
        "producer.type",
        "every send is asynchronous; for sync, set linger.ms=0 and wait for each delivery",
    ),
    renamed("request.required.acks", "use acks"),
    renamed("compression.codec", "use compression.type"),
    renamed("compressed.topics", "set topic.NAME.compression.type for each topic"),
    renamed("message.send.max.retries", "use retries, or delivery.timeout.ms"),
    renamed(
        "topic.metadata.refresh.interval.ms",
        "use metadata.max.age.ms, and for sticky_time partitioner.sticky.interval.ms",
    ),
    renamed("queue.buffering.max.ms", "use linger.ms"),
    renamed("queue.buffering.max.messages", "use buffer.memory, which counts bytes"),
    renamed("queue.enqueue.timeout.ms", "use max.block.ms; try_send never waits"),
    renamed("batch.num.messages", "use batch.max.records"),
    renamed("serializer.class", SERIALIZER_ADVICE),
    renamed("key.serializer.class", SERIALIZER_ADVICE),
    // librdkafka.
    renamed("queue.buffering.max.kbytes", "use buffer.memory, which counts bytes"),
    renamed("message.max.bytes", "use max.request.size"),
    renamed("message.timeout.ms", "use delivery.timeout.ms"),
    renamed("max.in.flight", "use max.in.flight.requests.per.connection"),
    renamed(
        "compression.level",
        "use compression.gzip.level, compression.lz4.level or compression.zstd.level",
    ),
    renamed("partitioner", "use partitioner.class"),
    renamed("socket.timeout.ms", "use request.timeout.ms"),
    renamed("socket.send.buffer.bytes", "use send.buffer.bytes"),
    renamed("socket.receive.buffer.bytes", "use receive.buffer.bytes"),
    renamed("sticky.partitioning.linger.ms", "use partitioner.sticky.interval.ms"),
    unsupported("api.version.*", &["true"], VERSION_ADVICE),
    unsupported("broker.version.fallback", &[], VERSION_ADVICE),
    unsupported("broker.address.family", &["any"], ADDRESS_ADVICE),
    unsupported("broker.address.ttl", &[], ADDRESS_ADVICE),
    unsupported("debug", &[""], LOG_ADVICE),
    unsupported("log.*", &[], LOG_ADVICE),
    unsupported("log_level", &[], LOG_ADVICE),
    unsupported("statistics.interval.ms", &["0"], METRICS_ADVICE),
    unsupported("enable.gapless.guarantee", &["false"], GAPLESS_ADVICE),
    unsupported("delivery.report.only.error", &["false"], "every record has its outcome"),
    unsupported("queuing.strategy", &["fifo"], "records of a partition keep their order"),
    unsupported("socket.keepalive.enable", &["true"], SOCKET_ADVICE),
    unsupported("socket.nagle.disable", &["true"], SOCKET_ADVICE),
    unsupported("socket.*", &[], SOCKET_ADVICE),
    unsupported("topic.metadata.*", &[], "metadata is asked for when it is needed"),
];
