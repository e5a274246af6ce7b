//! What goes wrong: with the network, the brokers, the topics, single requests and answers.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;

use super::dice::Dice;
use crate::cluster::{ProduceFault, RequestFault};

/// A partition by its topic's name.
pub(crate) type Place = (String, i32);

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A connection ends; the client notices after that time or never.
    Break {
        pick: usize,
        notice: Option<Duration>,
    },
    /// Nothing moves on a connection, in one direction or both.
    Stall {
        pick: usize,
        up: bool,
        down: bool,
        time: Duration,
    },
    /// New connections to a broker are refused.
    Refuse {
        node: i32,
        time: Duration,
    },
    /// New connections to a broker are not answered.
    Unreachable {
        node: i32,
        time: Duration,
    },
    /// The client's own system can't reach the broker's address.
    NoRoute {
        node: i32,
        time: Duration,
    },
    /// A broker dies; later others take over, and later still it is back. A silent one's
    /// connections stay open on the client's side.
    Crash {
        node: i32,
        silent: bool,
        detection: Duration,
        downtime: Duration,
    },
    /// A broker stops and goes on, perhaps after others took over.
    Freeze {
        node: i32,
        detection: Option<Duration>,
        time: Duration,
    },
    MoveLeader {
        place: Place,
    },
    Leaderless {
        place: Place,
        time: Duration,
    },
    /// Only the leader is in sync.
    ShrinkInSync {
        place: Place,
        time: Duration,
    },
    /// The broker forgets its producers; not while anything is on its way, for that is what
    /// `producer.id.expiration.ms` is large for.
    ForgetProducers {
        place: Place,
    },
    AddPartitions {
        topic: String,
    },
    RecreateTopic {
        topic: String,
    },
    /// The next Metadata answers are old ones.
    StaleMetadata {
        count: u32,
    },
    /// The next answers are nonsense.
    Nonsense {
        count: u32,
    },
    Request {
        node: Option<i32>,
        api: ApiKey,
        fault: RequestFault,
    },
    Produce {
        place: Place,
        fault: ProduceFault,
    },
}

/// The end of something that went wrong.
#[derive(Clone, Debug)]
pub(crate) enum Heal {
    Elect,
    Restart(i32),
    Depose(i32),
    Thaw(i32),
    Route(i32),
    Lead(Place),
    InSync(Place),
}

/// What there is to be broken.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(crate) nodes: Vec<i32>,
    pub(crate) places: Vec<Place>,
    /// Whether topics may be deleted and made again.
    pub(crate) may_recreate: bool,
}

impl Fault {
    pub(crate) fn random(dice: &mut Dice, targets: &Targets) -> Self {
        let node = dice.choose_from(&targets.nodes);
        let place = dice.choose_from(&targets.places);
        let topic = place.0.clone();
        let time = dice.millis(1, 200) * dice.skewed(6);
        match dice.below(30) {
            0..=3 => {
                let notice = dice.percent(70).then(|| dice.millis(0, 20));
                Self::Break { pick: dice.index(64), notice }
            }
            4 | 5 => {
                let (up, pick) = (dice.percent(60), dice.index(64));
                Self::Stall { pick, up, down: !up || dice.percent(30), time }
            }
            6 => Self::Refuse { node, time },
            7 => Self::Unreachable { node, time },
            8 => Self::NoRoute { node, time },
            9..=11 => {
                let (detection, silent) = (dice.millis(0, 3000), dice.percent(30));
                Self::Crash { node, silent, detection, downtime: detection + time }
            }
            12 | 13 => {
                let detection = dice.percent(50).then(|| dice.millis(0, 3000));
                Self::Freeze { node, detection, time: time * 2 }
            }
            14 | 15 => Self::MoveLeader { place },
            16 => Self::Leaderless { place, time },
            17 => Self::ShrinkInSync { place, time },
            18 => Self::ForgetProducers { place },
            19 => Self::AddPartitions { topic },
            20 if targets.may_recreate => Self::RecreateTopic { topic },
            20 | 21 => Self::StaleMetadata { count: dice.between(1, 3) },
            22 => Self::Nonsense { count: dice.between(1, 2) },
            23 | 24 => Self::random_request(dice, node),
            _ => Self::Produce { place, fault: random_produce(dice) },
        }
    }

    /// What goes wrong with the requests of transactions.
    pub(crate) fn of_transactions(dice: &mut Dice) -> Self {
        let apis = [
            ApiKey::FindCoordinator,
            ApiKey::InitProducerId,
            ApiKey::AddPartitionsToTxn,
            ApiKey::AddOffsetsToTxn,
            ApiKey::TxnOffsetCommit,
            ApiKey::EndTxn,
            ApiKey::EndTxn,
        ];
        Self::Request { node: None, api: dice.choose(&apis), fault: random_request(dice) }
    }

    fn random_request(dice: &mut Dice, node: i32) -> Self {
        let apis = [
            ApiKey::Produce,
            ApiKey::Produce,
            ApiKey::Metadata,
            ApiKey::InitProducerId,
            ApiKey::ApiVersions,
        ];
        let fault = random_request(dice);
        Self::Request { node: dice.percent(50).then_some(node), api: dice.choose(&apis), fault }
    }
}

fn random_request(dice: &mut Dice) -> RequestFault {
    match dice.below(6) {
        0 => RequestFault::CloseBefore,
        1 => RequestFault::CloseAfter,
        2 => RequestFault::Ignore,
        3 => RequestFault::LoseAnswer,
        4 => RequestFault::Delay(dice.millis(1, 2000)),
        _ => RequestFault::Throttle(dice.millis(1, 3000)),
    }
}

fn random_produce(dice: &mut Dice) -> ProduceFault {
    use ResponseError as Error;
    let refusals = [
        Error::NotLeaderOrFollower,
        Error::NotEnoughReplicas,
        Error::KafkaStorageError,
        Error::UnknownTopicOrPartition,
        Error::LeaderNotAvailable,
        Error::MessageTooLarge,
        Error::UnknownServerError,
        Error::InvalidRequiredAcks,
        Error::TopicAuthorizationFailed,
        Error::CorruptMessage,
        Error::InvalidProducerEpoch,
        Error::PolicyViolation,
    ];
    // What a broker may say although the batch stands in its log.
    let afterthoughts = [
        Error::RequestTimedOut,
        Error::NotEnoughReplicasAfterAppend,
        Error::UnknownServerError,
        Error::KafkaStorageError,
        Error::NotLeaderOrFollower,
    ];
    match dice.below(8) {
        0..=3 => ProduceFault::Refuse(dice.choose(&refusals)),
        4 | 5 => ProduceFault::AppendThenFail(dice.choose(&afterthoughts)),
        6 => ProduceFault::AppendThenOmit,
        _ => {
            let records = (0..dice.between(1, 3)).map(|_| (dice.below(6) as i32, None)).collect();
            ProduceFault::RefuseRecords { error: Error::InvalidRecord, records, message: None }
        }
    }
}
