//! WELCOME: what the client gets (§4.2).

use crate::error::Field;
use crate::lease::LeaseAnswer;
use crate::list::{List, private};
use crate::wire::{Reader, Writer};

/// The first thing the bridge says. Durations count from its arrival: a client's clock may be
/// wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// The session's name in the bridge's log.
    pub session: [u8; 16],
    /// The bridge's clock, in milliseconds since 1970.
    pub server_time_ms: i64,
    /// How long the token is good, in milliseconds: AUTH with a fresh one comes before.
    pub token_ttl_ms: u32,
    /// When the bridge will ask for another connection, in milliseconds.
    pub session_ttl_ms: u32,
    /// How often the bridge sends a PING, in milliseconds.
    pub ping_interval_ms: u32,
    /// The least `linger.ms` that the bridge wants of a producer.
    pub min_linger_ms: u32,
    /// What the session may do at most.
    pub limits: SessionLimits,
    /// The APIs that streams offer; what is not listed is refused.
    pub apis: List<'a, ApiRange>,
    /// Metadata of the topics that were asked for.
    pub metadata: MetadataSnapshot<'a>,
    /// One answer for each ticket of the HELLO, in its order, then one if it wants a lease.
    pub leases: List<'a, LeaseAnswer<'a>>,
}

/// What a session may do at most. None is above the protocol's own [`limits`](crate::limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// The largest Kafka request, in bytes without its size.
    pub request_bytes: u32,
    /// How many streams; their numbers are 1 to this.
    pub streams: u8,
    /// The most credit that a stream can have in either direction, in bytes.
    pub window_bytes: u32,
    /// How many records a batch may have.
    pub batch_records: u32,
}

/// A Metadata response (Kafka's API key 3) without its header, as if it had been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MetadataSnapshot<'a> {
    /// Its version.
    pub version: i16,
    /// Its bytes; none where the bridge has no metadata yet.
    pub body: &'a [u8],
}

/// The versions of an API that the bridge offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// Kafka's API key.
    pub key: i16,
    /// The lowest version.
    pub min: i16,
    /// The highest version, not below the lowest.
    pub max: i16,
}

impl<'a> Welcome<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Self {
        Self {
            session: reader.array(Field::Session),
            server_time_ms: reader.i64(Field::Time),
            token_ttl_ms: reader.u32(Field::Time),
            session_ttl_ms: reader.u32(Field::Time),
            ping_interval_ms: reader.u32(Field::PingInterval),
            min_linger_ms: reader.u32(Field::MinLinger),
            limits: SessionLimits::read(reader),
            apis: List::read(reader),
            metadata: MetadataSnapshot::read(reader),
            leases: List::read(reader),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.raw(&self.session);
        writer.i64(Field::Time, self.server_time_ms);
        writer.u32(Field::Time, self.token_ttl_ms);
        writer.u32(Field::Time, self.session_ttl_ms);
        writer.u32(Field::PingInterval, self.ping_interval_ms);
        writer.u32(Field::MinLinger, self.min_linger_ms);
        self.limits.write(writer);
        self.apis.write(writer);
        writer.i16(Field::ApiVersion, self.metadata.version);
        writer.bytes32(Field::Metadata, self.metadata.body);
        self.leases.write(writer);
    }
}

impl SessionLimits {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            request_bytes: reader.u32(Field::RequestSize),
            streams: reader.u8(Field::StreamCount),
            window_bytes: reader.u32(Field::Window),
            batch_records: reader.u32(Field::BatchRecords),
        }
    }

    fn write(self, writer: &mut Writer<'_>) {
        writer.u32(Field::RequestSize, self.request_bytes);
        writer.u8(Field::StreamCount, self.streams);
        writer.u32(Field::Window, self.window_bytes);
        writer.u32(Field::BatchRecords, self.batch_records);
    }
}

impl<'a> MetadataSnapshot<'a> {
    fn read(reader: &mut Reader<'a>) -> Self {
        let version = reader.i16(Field::ApiVersion);
        Self { version, body: reader.bytes32(Field::Metadata) }
    }
}

impl private::Item<'_> for ApiRange {
    const COUNT: Field = Field::Apis;

    fn read(reader: &mut Reader<'_>) -> Self {
        let key = reader.i16(Field::ApiKey);
        let min = reader.i16(Field::ApiVersion);
        Self { key, min, max: reader.i16(Field::ApiVersion) }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.i16(Field::ApiKey, self.key);
        writer.i16(Field::ApiVersion, self.min);
        writer.i16(Field::ApiVersion, self.max);
    }
}
