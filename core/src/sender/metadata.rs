//! When to ask for metadata: rarely, one request at a time, and never in a storm (rows E2.3, E2.9).

use alloc::vec::Vec;

use super::node::{Link, Request};
use super::{LaneId, Sender};
use crate::protocol::api_key::ApiKey;
use crate::protocol::metadata::MetadataRequest;
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Instant, earliest};
use crate::transport::NodeId;

/// The state of asking.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// All topics in use have to be asked about again.
    all: bool,
    /// Some topics (see their entries) have to be asked about.
    some: bool,
    in_flight: Option<NodeId>,
    /// Requests in a row that failed or did not help.
    fruitless: u32,
    not_before: Instant,
    /// When all topics were last answered for.
    last_full: Option<Instant>,
    pub(super) last_success: Option<Instant>,
    /// Since when no request succeeds (KIP-1102).
    pub(super) failing_since: Option<Instant>,
    /// Leaders that the last answer named without their addresses: it was condensed.
    pub(super) sought: Vec<NodeId>,
    /// The topics the request in flight asks about were all there are.
    asked_all: bool,
}

impl Metadata {
    /// What is known of the cluster may be out of date.
    pub(super) fn want_all(&mut self) {
        self.all = true;
    }

    /// A topic is not known yet.
    pub(super) fn want_some(&mut self) {
        self.some = true;
    }

    /// A topic nobody asked about yet does not wait for the backoff of others.
    pub(super) fn want_new(&mut self) {
        self.some = true;
        self.not_before = Instant::ZERO;
    }

    /// Nobody is there to be asked.
    pub(super) fn want_nothing(&mut self) {
        (self.all, self.some) = (false, false);
    }

    pub(super) fn node_lost(&mut self, id: NodeId) {
        if self.in_flight == Some(id) {
            self.in_flight = None;
        }
    }

    /// An answer came.
    pub(super) fn answered(&mut self, now: Instant) {
        self.in_flight = None;
        self.last_success = Some(now);
        self.failing_since = None;
        if self.asked_all {
            self.last_full = Some(now);
        }
    }
}

impl<X: Platform> Sender<X> {
    pub(super) fn metadata_age(&self, now: Instant) -> core::time::Duration {
        self.metadata.last_success.map(|at| now.since(at)).unwrap_or_default()
    }

    /// When the next request is due, as far as time decides.
    pub(super) fn metadata_due(&self) -> Option<Instant> {
        let due = self.metadata_wanted_at()?;
        let somebody = self.askable_at().or_else(|| self.link_due());
        somebody.map(|at| at.max(due))
    }

    /// That, were there somebody to ask at any time.
    fn metadata_wanted_at(&self) -> Option<Instant> {
        if self.metadata.in_flight.is_some() || !self.topics.iter().any(|topic| topic.tracked) {
            return None;
        }
        let wanted = self.metadata.all || self.metadata.some;
        let asked = wanted.then_some(self.metadata.not_before);
        let aged = self.metadata.last_full.map(|at| at + self.config().metadata_max_age);
        earliest(asked, aged.map(|at| at.max(self.metadata.not_before)))
    }

    /// When the next connection for metadata may be opened, if none is under way.
    pub(super) fn link_due(&self) -> Option<Instant> {
        let mut due = None;
        for node in self.nodes.values() {
            match node.link {
                Link::Down { not_before } => due = earliest(due, Some(not_before)),
                _ if node.is_coming_up() => return None,
                // A node that takes no more bytes says nothing about the others.
                _ => {}
            }
        }
        due
    }

    pub(super) fn refresh_metadata(&mut self, now: Instant) {
        let wanted = self.metadata_wanted_at().is_some_and(|due| due <= now);
        if !wanted || self.metadata_due().is_none_or(|due| due > now) {
            return;
        }
        self.rebootstrap_if_lost(now);
        match self.least_loaded(now) {
            Some(node) => self.ask_metadata(node, now),
            None => self.connect_any(now),
        }
    }

    /// Opens some connection, unless one is being opened.
    pub(super) fn connect_any(&mut self, now: Instant) {
        if self.nodes.values().any(|node| node.is_coming_up()) {
            return;
        }
        let free: Vec<NodeId> = self
            .nodes
            .iter()
            .filter(|(_, node)| matches!(node.link, Link::Down { not_before } if not_before <= now))
            .map(|(id, _)| *id)
            .collect();
        if let Some(id) = self.rng.choose(&free)
            && let Some(node) = self.nodes.get_mut(&id)
        {
            node.wanted = true;
            self.active.insert(id, ());
        }
    }

    fn ask_metadata(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get(&id) else { return };
        let Some(version) = node.versions.select(ApiKey::Metadata) else { return };
        self.forget_idle_topics(now);
        // A topic that stays unresolved must not keep the others from being asked about by age.
        let max_age = self.config().metadata_max_age;
        let full = self.metadata.all
            || self.metadata.last_full.is_some_and(|at| at + max_age <= now)
            || !self.topics.iter().any(|topic| topic.unresolved);
        let asked = self.topics.iter().filter(|t| t.tracked && (full || t.unresolved));
        let names: Vec<Arc<str>> = asked.map(|topic| topic.state.name.clone()).collect();
        if names.is_empty() {
            (self.metadata.all, self.metadata.some) = (false, false);
            return;
        }
        let allow_auto_topic_creation = self.config().allow_auto_create_topics;
        let write = |head: &mut Vec<u8>| {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            MetadataRequest { topics: Some(&names), allow_auto_topic_creation }
                .encode(head, version);
        };
        let request = self.begin_request(Request::Metadata, version, write, now);
        self.metadata.asked_all =
            names.len() == self.topics.iter().filter(|topic| topic.tracked).count();
        (self.metadata.all, self.metadata.some) = (false, false);
        self.metadata.in_flight = Some(id);
        self.send_request(id, request);
    }

    /// Topics nobody sent to for `metadata.max.idle.ms` are not asked about any more, whether they
    /// exist or not.
    fn forget_idle_topics(&mut self, now: Instant) {
        let idle = self.config().metadata_max_idle;
        for (index, topic) in self.topics.iter_mut().enumerate() {
            if !topic.tracked || topic.last_used + idle > now {
                continue;
            }
            // Nor are those forgotten of which batches have no outcome, or for which a send waits.
            let is_open = |id: &LaneId| self.lanes[*id as usize].is_open();
            let waits = || self.waits.iter().any(|wait| wait.0.1 == index && wait.0.0 > now);
            if !topic.lanes.iter().any(is_open) && !waits() {
                (topic.tracked, topic.unresolved) = (false, false);
                topic.state.publish(crate::topic::Status::Unknown, None);
            }
        }
    }

    /// An answer was taken in, which may leave something open. A partition without a leader of
    /// which nobody wants anything is none: that it has one again is found with the next batch of
    /// its topic, so that an idle producer asks for nothing and a busy one no more often than it
    /// may.
    pub(super) fn metadata_taken_in(&mut self, now: Instant) {
        let tracked = || self.topics.iter().filter(|topic| topic.tracked);
        let missing = tracked().any(|topic| topic.unresolved);
        // What was wanted while the request was under way may be in its answer.
        self.metadata.some = missing;
        if missing || tracked().any(|topic| topic.leaderless) {
            self.metadata_fruitless(now);
        } else {
            self.metadata_helped(now);
        }
    }

    /// The request got no answer.
    pub(super) fn metadata_failed(&mut self, now: Instant) {
        self.metadata.in_flight = None;
        self.metadata.all = true;
        self.metadata.failing_since.get_or_insert(now);
        self.metadata_fruitless(now);
    }

    /// The next request has to wait a little longer than this one had to.
    pub(super) fn metadata_fruitless(&mut self, now: Instant) {
        self.metadata.fruitless += 1;
        self.metadata.not_before = now + self.retry_backoff(self.metadata.fruitless);
    }

    /// The answer was all that was needed. Even so, two requests are `retry.backoff.ms` apart.
    pub(super) fn metadata_helped(&mut self, now: Instant) {
        self.metadata.fruitless = 0;
        self.metadata.not_before = now + self.retry_backoff(1);
        self.shared.last_error.with(|error| *error = None);
    }
}
