//! What was learned of the cluster: brokers and topics, and since when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::metadata::MetadataResponse;
use tokio::time::Instant;

use super::pool::Pool;
use crate::kafka::metadata::{PartitionPicture, TopicPicture};

/// Topics that are remembered although nobody asked for them lately.
const REMEMBERED: usize = 10_000;
/// Topics that somebody wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Names(Vec<String>),
}

#[derive(Debug, Default)]
pub(super) struct Known {
    /// By the bridge's own numbers.
    pub(super) nodes: Vec<Node>,
    pub(super) topics: HashMap<String, Topic>,
    /// When all topics were asked about.
    pub(super) all_at: Option<Instant>,
    /// What was learned before is not believed: a broker said that it leads no more.
    pub(super) stale_before: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) broker: i32,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) pool: Arc<Pool>,
}

#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) at: Instant,
    pub(super) picture: TopicPicture,
}

impl Known {
    fn is_fresh(&self, at: Instant, fresh: Duration) -> bool {
        at.elapsed() <= fresh && self.stale_before.is_none_or(|before| at > before)
    }

    /// What has to be asked for; `None`: nothing.
    pub(super) fn missing(&self, wanted: &Wanted, fresh: Duration) -> Option<Wanted> {
        match wanted {
            Wanted::All => {
                let known = self.all_at.is_some_and(|at| self.is_fresh(at, fresh));
                (!known).then_some(Wanted::All)
            }
            Wanted::Names(names) => {
                let stale = |name: &&String| {
                    !self.topics.get(*name).is_some_and(|topic| self.is_fresh(topic.at, fresh))
                };
                let names: Vec<String> = names.iter().filter(stale).cloned().collect();
                (!names.is_empty()).then_some(Wanted::Names(names))
            }
        }
    }

    pub(super) fn look_up(&self, wanted: &Wanted, fresh: Duration) -> Option<Vec<TopicPicture>> {
        if self.nodes.is_empty() || self.missing(wanted, fresh).is_some() {
            return None;
        }
        Some(self.get(wanted))
    }

    pub(super) fn get(&self, wanted: &Wanted) -> Vec<TopicPicture> {
        match wanted {
            Wanted::All => {
                let exists = |topic: &&Topic| topic.picture.error.is_none();
                self.topics.values().filter(exists).map(|topic| topic.picture.clone()).collect()
            }
            Wanted::Names(names) => names
                .iter()
                .map(|name| match self.topics.get(name) {
                    Some(topic) => topic.picture.clone(),
                    None => TopicPicture::missing(name, ErrorCode::UnknownTopicOrPartition),
                })
                .collect(),
        }
    }

    pub(super) fn learn(
        &mut self,
        response: &MetadataResponse<'_>,
        wanted: &Wanted,
        at: Instant,
        pool_size: usize,
    ) {
        for broker in response.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            self.learn_broker(broker.node_id, broker.host, port, pool_size);
        }
        if matches!(wanted, Wanted::All) {
            self.topics.clear();
            self.all_at = Some(at);
        } else if self.topics.len() > REMEMBERED {
            self.topics.clear();
            self.all_at = None;
        }
        for topic in response.topics {
            let Some(name) = topic.name.filter(|_| !topic.is_internal) else { continue };
            let partitions = topic.partitions.iter().map(|partition| PartitionPicture {
                index: partition.index,
                error: partition.error,
                leader: self.number(partition.leader_id),
                leader_epoch: partition.leader_epoch,
            });
            let partitions = partitions.collect();
            let picture = TopicPicture { name: name.to_owned(), error: topic.error, partitions };
            self.topics.insert(name.to_owned(), Topic { at, picture });
        }
    }

    /// A broker keeps its number for as long as the bridge runs.
    fn learn_broker(&mut self, broker: i32, host: &str, port: u16, pool_size: usize) {
        let pool = || Arc::new(Pool::new(pool_size));
        match self.nodes.iter_mut().find(|node| node.broker == broker) {
            Some(node) if node.host == host && node.port == port => {}
            Some(node) => *node = Node { broker, host: host.to_owned(), port, pool: pool() },
            None => self.nodes.push(Node { broker, host: host.to_owned(), port, pool: pool() }),
        }
    }

    pub(super) fn number(&self, broker: i32) -> Option<u32> {
        self.nodes.iter().position(|node| node.broker == broker).map(|number| number as u32)
    }
}
