//! A model of a Kafka cluster: requests in, replies out, no sockets, no clock, no randomness.
//!
//! [`Cluster::handle`] takes a request frame and the time and says what the node does about it.
//! The same calls with the same times give the same replies. The one exception to "no I/O" is a
//! cluster that is given a data directory ([`ClusterConfig::data`]), which keeps its logs there.
//!
//! The rules are Kafka 4's; each module names the class that it follows. The wire format is the
//! `kafka-protocol` crate's, generated from Kafka's own schemas, so that nothing here shares a
//! mistake with the producer under test.

mod api;
mod call;
mod config;
mod faults;
mod groups;
mod log;
mod marker;
mod nodes;
mod partition;
mod producer_state;
mod read_back;
mod segments;
mod shape;
mod topic_id;
mod topics;
mod transactions;
mod validation;
mod waiting;

use std::io;
use std::time::Duration;

use bytes::Bytes;
pub use call::Reply;
pub use config::{ApiRanges, AutoCreate, ClusterConfig, UnknownProducer};
pub use faults::{FaultPlan, ProduceFault, RequestFault};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
pub use nodes::Node;
pub use read_back::StoredBatch;

use call::{Answer, Call};
use groups::Groups;
use topics::Topics;
use transactions::Transactions;
use waiting::{Waiting, WaitingRequests};

/// The brokers, their topics and the consumer groups.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    nodes: Vec<Node>,
    topics: Topics,
    groups: Groups,
    transactions: Transactions,
    next_producer_id: i64,
    faults: FaultPlan,
    waiting: WaitingRequests,
    changes: u64,
}

/// What a handler makes of a request.
enum Outcome {
    Respond(ResponseKind),
    Nothing,
    Close,
    /// Look again at the latest at this time.
    Wait(Waiting, Duration),
}

impl<T: Into<ResponseKind>> From<T> for Outcome {
    fn from(response: T) -> Self {
        Self::Respond(response.into())
    }
}

impl Cluster {
    /// A cluster of these nodes; with a data directory, holding what stands there.
    ///
    /// # Errors
    /// What the file system says of the data directory.
    pub fn new(config: ClusterConfig, nodes: Vec<Node>, now: Duration) -> io::Result<Self> {
        let replicas = nodes::replica_plan(&nodes, config.replication_factor);
        let topics = Topics::open(config.data.clone(), config.seed, replicas, now)?;
        // A restarted cluster must not hand out a producer id that its logs remember.
        let next_producer_id = topics.highest_producer_id() + 1;
        Ok(Self {
            config,
            nodes,
            topics,
            groups: Groups::default(),
            transactions: Transactions::default(),
            next_producer_id,
            faults: FaultPlan::default(),
            waiting: WaitingRequests::default(),
            changes: 0,
        })
    }

    /// A cluster in memory of `count` nodes, numbered from 1, at `node-1:9092` and so on.
    pub fn in_memory(config: ClusterConfig, count: i32) -> Self {
        let nodes = (1..=count).map(|id| Node::new(id, format!("node-{id}"), 9092)).collect();
        let config = ClusterConfig { data: None, ..config };
        Self::new(config, nodes, Duration::ZERO).unwrap_or_else(|_| unreachable!("no I/O"))
    }

    /// Hands a request to a node: a frame without its size prefix, at a time since the Unix epoch.
    pub fn handle(&mut self, node: i32, request: Bytes, now: Duration) -> Reply {
        let Some((api, version)) = Call::peek(&request) else { return Reply::Close };
        let Some(ranges) = self.node(node).filter(|node| node.up).map(|node| &node.apis) else {
            return Reply::Close;
        };
        if !ranges.contains(api, version) {
            return api::versions::refuse(ranges, api, &request);
        }
        let fault = self.faults.take_request(node, api);
        match fault {
            Some(RequestFault::CloseBefore) => return Reply::Close,
            Some(RequestFault::Ignore) => return Reply::Nothing,
            _ => {}
        }
        let Some((mut call, request)) = Call::decode(node, request) else { return Reply::Close };
        match fault {
            Some(RequestFault::CloseAfter) => call.answer = Answer::ConnectionClosed,
            Some(RequestFault::LoseAnswer) => call.answer = Answer::Lost,
            Some(RequestFault::Delay(delay)) => call.delay = delay,
            Some(RequestFault::Throttle(time)) => call.throttle = time,
            _ => {}
        }
        self.progress_transactions(now);
        let outcome = self.dispatch(&call, request, now);
        self.conclude(call, outcome)
    }

    /// Asks again about a request that was told to wait ([`Reply::Later`]).
    ///
    /// A token that was answered or cancelled is answered with [`Reply::Nothing`].
    pub fn resume(&mut self, token: u64, now: Duration) -> Reply {
        let Some((call, waiting)) = self.waiting.take(token) else { return Reply::Nothing };
        self.progress_transactions(now);
        let outcome = match waiting {
            Waiting::Produce(produce) => api::produce::resume(self, produce, now),
            Waiting::Fetch(fetch) => api::fetch::resume(self, &call, fetch, now),
            Waiting::Join(join) => api::group::resume_join(self, &call, join, now),
            Waiting::Sync(sync) => api::group::resume_sync(self, &call, sync, now),
        };
        match outcome {
            Outcome::Wait(waiting, at) => {
                self.waiting.put_back(token, call, waiting);
                Reply::Later { token, at }
            }
            outcome => self.conclude(call, outcome),
        }
    }

    /// Forgets a waiting request, as when its connection ended.
    pub fn cancel(&mut self, token: u64) {
        self.waiting.take(token);
    }

    /// Grows with everything that may let a waiting request go on.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What is to go wrong next.
    pub fn faults(&mut self) -> &mut FaultPlan {
        &mut self.faults
    }

    /// The settings, which may be changed while the cluster runs.
    pub fn config_mut(&mut self) -> &mut ClusterConfig {
        &mut self.config
    }

    fn dispatch(&mut self, call: &Call, request: RequestKind, now: Duration) -> Outcome {
        match request {
            RequestKind::ApiVersions(_) => api::versions::handle(self, call),
            RequestKind::Metadata(request) => api::metadata::handle(self, call, request, now),
            RequestKind::Produce(request) => api::produce::handle(self, call, request, now),
            RequestKind::InitProducerId(request) => {
                api::init_producer_id::handle(self, call, &request, now)
            }
            RequestKind::AddPartitionsToTxn(request) => {
                api::transactions::add_partitions(self, call, request, now)
            }
            RequestKind::AddOffsetsToTxn(request) => {
                api::transactions::add_offsets(self, call, &request, now)
            }
            RequestKind::TxnOffsetCommit(request) => {
                api::transactions::commit_offsets(self, call, request, now)
            }
            RequestKind::EndTxn(request) => api::transactions::end(self, call, &request, now),
            RequestKind::Fetch(request) => api::fetch::handle(self, call, request, now),
            RequestKind::ListOffsets(request) => {
                api::list_offsets::handle(self, call, request, now)
            }
            RequestKind::FindCoordinator(request) => {
                api::find_coordinator::handle(self, call, request)
            }
            RequestKind::JoinGroup(request) => api::group::join(self, call, request, now),
            RequestKind::SyncGroup(request) => api::group::sync(self, call, request, now),
            RequestKind::Heartbeat(request) => api::group::heartbeat(self, &request, now),
            RequestKind::LeaveGroup(request) => api::group::leave(self, call, request, now),
            RequestKind::OffsetCommit(request) => api::offsets::commit(self, request, now),
            RequestKind::OffsetFetch(request) => api::offsets::fetch(self, call, request),
            RequestKind::CreateTopics(request) => api::topics::create(self, call, request, now),
            RequestKind::DeleteTopics(request) => api::topics::delete(self, call, request),
            RequestKind::DescribeConfigs(request) => api::configs::describe(self, request),
            RequestKind::DescribeCluster(request) => api::describe_cluster::handle(self, &request),
            _ => Outcome::Close,
        }
    }

    fn conclude(&mut self, call: Call, outcome: Outcome) -> Reply {
        if call.api != ApiKey::Fetch {
            self.changes += 1;
        }
        match outcome {
            Outcome::Respond(response) => call.reply(&response),
            Outcome::Nothing => Reply::Nothing,
            Outcome::Close => Reply::Close,
            Outcome::Wait(waiting, at) => {
                Reply::Later { token: self.waiting.add(call, waiting), at }
            }
        }
    }
}
