//! Kafka's error codes (`org.apache.kafka.common.protocol.Errors`), as far as they concern a
//! producer, and what each says about the records and about trying again.

use core::fmt;

/// Whether the records of a batch are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// They are not, at least not through this attempt.
    No,
    /// Nobody knows.
    Maybe,
    /// They are, though perhaps on too few replicas.
    Yes,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal,)*) => {
        /// An error code, as a broker sends it for a request, a topic or a partition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code that is not in this list.
            Unknown(i16),
        }

        impl ErrorCode {
            /// The error with this number.
            #[must_use]
            pub fn from_i16(code: i16) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::Unknown(code),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> i16 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// The name in Kafka's documentation and logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(_) => "UNKNOWN_ERROR_CODE",
                }
            }
        }
    };
}

error_codes! {
    /// The broker failed in a way it has no code for.
    UnknownServerError = -1 "UNKNOWN_SERVER_ERROR",
    /// No error.
    None = 0 "NONE",
    /// The batch's checksum or structure is wrong.
    CorruptMessage = 2 "CORRUPT_MESSAGE",
    /// The broker does not have this partition; it may be new, moved or gone.
    UnknownTopicOrPartition = 3 "UNKNOWN_TOPIC_OR_PARTITION",
    /// An election is going on.
    LeaderNotAvailable = 5 "LEADER_NOT_AVAILABLE",
    /// Another broker leads the partition.
    NotLeaderOrFollower = 6 "NOT_LEADER_OR_FOLLOWER",
    /// The replicas did not confirm in time, or the request got no response in time.
    RequestTimedOut = 7 "REQUEST_TIMED_OUT",
    /// The replica is not there.
    ReplicaNotAvailable = 9 "REPLICA_NOT_AVAILABLE",
    /// The batch is larger than the topic's `max.message.bytes`.
    MessageTooLarge = 10 "MESSAGE_TOO_LARGE",
    /// The connection broke before a response came.
    NetworkException = 13 "NETWORK_EXCEPTION",
    /// The coordinator is loading its state.
    CoordinatorLoadInProgress = 14 "COORDINATOR_LOAD_IN_PROGRESS",
    /// There is no coordinator.
    CoordinatorNotAvailable = 15 "COORDINATOR_NOT_AVAILABLE",
    /// Another broker is the coordinator.
    NotCoordinator = 16 "NOT_COORDINATOR",
    /// The topic's name is not a legal one, or is reserved.
    InvalidTopic = 17 "INVALID_TOPIC_EXCEPTION",
    /// The batch is larger than a segment.
    RecordListTooLarge = 18 "RECORD_LIST_TOO_LARGE",
    /// Fewer replicas in sync than `min.insync.replicas`; nothing was appended.
    NotEnoughReplicas = 19 "NOT_ENOUGH_REPLICAS",
    /// Appended, but to fewer replicas than `min.insync.replicas`.
    NotEnoughReplicasAfterAppend = 20 "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    /// `acks` is none of −1, 0, 1.
    InvalidRequiredAcks = 21 "INVALID_REQUIRED_ACKS",
    /// The consumer group has moved on.
    IllegalGeneration = 22 "ILLEGAL_GENERATION",
    /// The consumer group does not know the member.
    UnknownMemberId = 25 "UNKNOWN_MEMBER_ID",
    /// No permission to write to the topic.
    TopicAuthorizationFailed = 29 "TOPIC_AUTHORIZATION_FAILED",
    /// No permission for the consumer group.
    GroupAuthorizationFailed = 30 "GROUP_AUTHORIZATION_FAILED",
    /// No permission on the cluster.
    ClusterAuthorizationFailed = 31 "CLUSTER_AUTHORIZATION_FAILED",
    /// A record's timestamp is too far from the broker's clock.
    InvalidTimestamp = 32 "INVALID_TIMESTAMP",
    /// The broker does not take this SASL mechanism.
    UnsupportedSaslMechanism = 33 "UNSUPPORTED_SASL_MECHANISM",
    /// The request does not fit the state of the authentication.
    IllegalSaslState = 34 "ILLEGAL_SASL_STATE",
    /// The broker does not take this version of the request.
    UnsupportedVersion = 35 "UNSUPPORTED_VERSION",
    /// The request is malformed, or does not fit the broker's configuration.
    InvalidRequest = 42 "INVALID_REQUEST",
    /// The topic's message format is too old for the request.
    UnsupportedForMessageFormat = 43 "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    /// A policy of the cluster refuses the request.
    PolicyViolation = 44 "POLICY_VIOLATION",
    /// The batch's first sequence is not the one after the last.
    OutOfOrderSequenceNumber = 45 "OUT_OF_ORDER_SEQUENCE_NUMBER",
    /// The batch is in the log already.
    DuplicateSequenceNumber = 46 "DUPLICATE_SEQUENCE_NUMBER",
    /// The producer's epoch is older than the one the broker knows.
    InvalidProducerEpoch = 47 "INVALID_PRODUCER_EPOCH",
    /// The transaction's state does not allow the request.
    InvalidTxnState = 48 "INVALID_TXN_STATE",
    /// The producer id does not belong to the transactional id.
    InvalidProducerIdMapping = 49 "INVALID_PRODUCER_ID_MAPPING",
    /// `transaction.timeout.ms` is longer than the broker's `transaction.max.timeout.ms`.
    InvalidTransactionTimeout = 50 "INVALID_TRANSACTION_TIMEOUT",
    /// The transaction's previous operation is still going on.
    ConcurrentTransactions = 51 "CONCURRENT_TRANSACTIONS",
    /// No permission for the transactional id.
    TransactionalIdAuthorizationFailed = 53 "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    /// Another partition of the request was refused, so this one was not tried.
    OperationNotAttempted = 55 "OPERATION_NOT_ATTEMPTED",
    /// The broker's disk failed.
    KafkaStorageError = 56 "KAFKA_STORAGE_ERROR",
    /// The credentials are wrong.
    SaslAuthenticationFailed = 58 "SASL_AUTHENTICATION_FAILED",
    /// The broker has no memory of the producer id.
    UnknownProducerId = 59 "UNKNOWN_PRODUCER_ID",
    /// The leader has no listener of the name that was connected to.
    ListenerNotFound = 72 "LISTENER_NOT_FOUND",
    /// The leader epoch known here is older than the broker's.
    FencedLeaderEpoch = 74 "FENCED_LEADER_EPOCH",
    /// The leader epoch known here is newer than the broker's.
    UnknownLeaderEpoch = 75 "UNKNOWN_LEADER_EPOCH",
    /// The broker does not take this codec from this version of the request.
    UnsupportedCompressionType = 76 "UNSUPPORTED_COMPRESSION_TYPE",
    /// Another group member uses the same static id.
    FencedInstanceId = 82 "FENCED_INSTANCE_ID",
    /// A record breaks a rule of the topic or the format.
    InvalidRecord = 87 "INVALID_RECORD",
    /// A quota of administrative requests is used up.
    ThrottlingQuotaExceeded = 89 "THROTTLING_QUOTA_EXCEEDED",
    /// Another producer took over the transactional id.
    ProducerFenced = 90 "PRODUCER_FENCED",
    /// The broker does not have a topic with this id.
    UnknownTopicId = 100 "UNKNOWN_TOPIC_ID",
    /// The topic has another id now.
    InconsistentTopicId = 103 "INCONSISTENT_TOPIC_ID",
    /// The transaction has to be aborted.
    TransactionAbortable = 120 "TRANSACTION_ABORTABLE",
    /// The broker cannot tell about the cluster: begin again from the bootstrap servers.
    RebootstrapRequired = 129 "REBOOTSTRAP_REQUIRED",
}

impl ErrorCode {
    /// Whether there is no error.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::None
    }

    /// Whether the same request may succeed later (Java: `RetriableException`).
    ///
    /// The codes about sequences and epochs are not of this class: whether they can be cured
    /// depends on the producer's state.
    #[must_use]
    pub fn retriable(self) -> bool {
        self.refreshes_metadata()
            || matches!(
                self,
                Self::CorruptMessage
                    | Self::RequestTimedOut
                    | Self::CoordinatorLoadInProgress
                    | Self::CoordinatorNotAvailable
                    | Self::NotCoordinator
                    | Self::NotEnoughReplicas
                    | Self::NotEnoughReplicasAfterAppend
                    | Self::ConcurrentTransactions
                    | Self::ThrottlingQuotaExceeded
            )
    }

    /// Whether the metadata is out of date (Java: `InvalidMetadataException`; here also
    /// `UnknownLeaderEpoch`, which newer metadata cures as well).
    #[must_use]
    pub fn refreshes_metadata(self) -> bool {
        matches!(
            self,
            Self::UnknownTopicOrPartition
                | Self::LeaderNotAvailable
                | Self::NotLeaderOrFollower
                | Self::ReplicaNotAvailable
                | Self::NetworkException
                | Self::KafkaStorageError
                | Self::ListenerNotFound
                | Self::FencedLeaderEpoch
                | Self::UnknownLeaderEpoch
                | Self::UnknownTopicId
                | Self::InconsistentTopicId
        )
    }

    /// What the code, as the answer to a Produce request, says about the log.
    #[must_use]
    pub fn written(self) -> Written {
        match self {
            Self::None | Self::NotEnoughReplicasAfterAppend | Self::DuplicateSequenceNumber => {
                Written::Yes
            }
            Self::UnknownServerError
            | Self::RequestTimedOut
            | Self::NetworkException
            | Self::KafkaStorageError
            // Leadership may have gone while the followers copied what was appended.
            | Self::NotLeaderOrFollower
            | Self::Unknown(_) => Written::Maybe,
            _ => Written::No,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}
