//! The requests that ottla sends, and the versions of each that it speaks.

/// Whether brokers are spoken with. If not, there is one version of each request, and no code for
/// what others have.
pub(crate) const BROKERS: bool = cfg!(feature = "brokers");

/// Whether brokers before Kafka 0.11 are spoken to.
const LEGACY: bool = cfg!(feature = "legacy-formats");

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKey {
    /// Writes record batches.
    Produce,
    /// Asks for brokers, topics, partitions and their leaders.
    Metadata,
    /// Asks which versions of each request a broker takes.
    ApiVersions,
    /// Asks for a producer id and epoch (KIP-98).
    InitProducerId,
    /// Begins a login with a SASL mechanism (KIP-43).
    SaslHandshake,
    /// Carries the mechanism's own messages (KIP-152).
    SaslAuthenticate,
    /// Asks which broker looks after a transactional id or a group.
    FindCoordinator,
    /// Makes partitions part of a transaction (KIP-98).
    AddPartitionsToTxn,
    /// Makes a group's offsets part of a transaction.
    AddOffsetsToTxn,
    /// Commits a group's offsets with a transaction.
    TxnOffsetCommit,
    /// Commits or aborts a transaction.
    EndTxn,
    /// Asks for settings of topics and brokers (KIP-133). Tools ask, a producer does not.
    DescribeConfigs,
}

impl ApiKey {
    /// All of them; the position of each is [`ApiKey::index`].
    pub(super) const ALL: [Self; 12] = [
        Self::Produce,
        Self::Metadata,
        Self::ApiVersions,
        Self::InitProducerId,
        Self::SaslHandshake,
        Self::SaslAuthenticate,
        Self::FindCoordinator,
        Self::AddPartitionsToTxn,
        Self::AddOffsetsToTxn,
        Self::TxnOffsetCommit,
        Self::EndTxn,
        Self::DescribeConfigs,
    ];

    /// A small number for tables of one entry per kind.
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Produce => 0,
            Self::Metadata => 3,
            Self::FindCoordinator => 10,
            Self::SaslHandshake => 17,
            Self::ApiVersions => 18,
            Self::InitProducerId => 22,
            Self::AddPartitionsToTxn => 24,
            Self::AddOffsetsToTxn => 25,
            Self::EndTxn => 26,
            Self::TxnOffsetCommit => 28,
            Self::DescribeConfigs => 32,
            Self::SaslAuthenticate => 36,
        }
    }

    /// The kind with this number, where ottla sends it.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.code() == code)
    }

    /// The lowest version that ottla speaks. Brokers from 2.1 on understand it (KIP-896), and with
    /// the Cargo feature `legacy-formats` those from 0.10 on.
    #[must_use]
    pub fn min_version(self) -> i16 {
        match self {
            // Before 3 with message sets.
            Self::Produce => {
                if LEGACY {
                    0
                } else {
                    3
                }
            }
            // The first that can forbid the creation of topics. Kafka 0.10 has 1 and 2.
            Self::Metadata => {
                if LEGACY {
                    1
                } else {
                    4
                }
            }
            // The first after which the mechanism's messages have frames of their own.
            Self::SaslHandshake => 1,
            // The first that knows transactional ids.
            Self::FindCoordinator => 1,
            // The first that says where a value comes from.
            Self::DescribeConfigs => 1,
            _ => 0,
        }
    }

    /// The highest version that ottla speaks.
    #[must_use]
    pub fn max_version(self) -> i16 {
        match self {
            Self::Produce | Self::Metadata => 13,
            Self::ApiVersions | Self::DescribeConfigs => 4,
            Self::InitProducerId => 5,
            Self::SaslHandshake => 1,
            Self::SaslAuthenticate => 2,
            Self::FindCoordinator => 6,
            // Above it are the versions that brokers use among themselves.
            Self::AddPartitionsToTxn => 3,
            Self::AddOffsetsToTxn => 4,
            Self::TxnOffsetCommit | Self::EndTxn => 5,
        }
    }

    /// The version that every bridge takes, of what a producer asks a bridge (`ottla.v1` §5).
    #[must_use]
    pub const fn over_bridge(self) -> i16 {
        match self {
            Self::InitProducerId => 4,
            _ => 12,
        }
    }

    /// The version; where no broker is spoken with the only one that there is, which is known when
    /// this is compiled.
    pub(crate) const fn fixed(self, version: i16) -> i16 {
        if BROKERS { version } else { self.over_bridge() }
    }

    /// Whether ottla speaks this version.
    #[must_use]
    pub fn supports(self, version: i16) -> bool {
        let version = self.fixed(version);
        (self.min_version()..=self.max_version()).contains(&version)
    }

    /// Whether the version has compact lengths and tagged fields (KIP-482).
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        if !BROKERS {
            return true;
        }
        let first = match self {
            Self::Produce | Self::Metadata => 9,
            Self::InitProducerId | Self::SaslAuthenticate => 2,
            Self::DescribeConfigs => 4,
            Self::SaslHandshake => return false,
            _ => 3,
        };
        version >= first
    }

    /// The version of the header before a request of this version.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header before the response to a request of this version.
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        // A client that does not know what the broker speaks has to understand this one (KIP-511).
        let always_plain = self == Self::ApiVersions;
        i16::from(self.is_flexible(version) && !always_plain)
    }
}
