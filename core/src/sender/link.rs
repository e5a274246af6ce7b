//! Connections: opened when wanted, greeted, closed when idle, mourned when lost.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::Sender;
use super::node::{InFlight, Link, Node, Request};
use super::room::read_size;
use crate::config::BrokerAddress;
use crate::error::ErrorCode;
use crate::log::line;
use crate::protocol::api_key::{ApiKey, BROKERS};
use crate::protocol::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::header::{begin_request, finish_request};
use crate::sync::Platform;
use crate::texts::TEXTS;
use crate::time::{Instant, micros};
use crate::transport::NodeId;

/// What the sender asks of the driver.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Open a connection to the node.
    Connect(NodeId, Option<BrokerAddress>),
    /// Close it. The sender has let go of it already.
    Disconnect(NodeId),
}

impl<X: Platform> Sender<X> {
    pub(crate) fn next_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// Puts the nodes into `list`, in order, to which something is to be written.
    pub(crate) fn list_output(&self, list: &mut Vec<NodeId>) {
        list.clear();
        let waiting = self.nodes.iter().filter(|(_, node)| !node.is_written());
        list.extend(waiting.map(|(id, _)| *id));
    }

    /// What is to be written to a node, in order.
    pub(crate) fn transmit<'a>(&'a self, node: NodeId, slices: &mut Vec<&'a [u8]>) {
        if let Some(node) = self.nodes.get(&node) {
            node.unwritten(slices);
        }
    }

    /// Whether a node's connection is being opened.
    pub(crate) fn is_opening(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| matches!(node.link, Link::Opening { .. }))
    }

    /// The connection is there, and takes requests as there is no handshake.
    pub(crate) fn handle_opened(&mut self, id: NodeId, now: Instant) {
        self.begin_session(id, now);
        self.active.insert(id, ());
    }

    /// `count` bytes of what was to be written are on the wire.
    pub(crate) fn handle_written(&mut self, id: NodeId, count: usize, now: Instant) {
        self.metrics.outgoing_bytes += count as u64;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if BROKERS && matches!(node.link, Link::Opening { .. }) {
            node.link = Link::Handshaking;
        }
        node.written(count);
        self.active.insert(id, ());
        self.complete_unanswered(id, now);
    }

    /// Room to read into from a node's connection.
    pub(crate) fn read_buffer(&mut self, id: NodeId) -> Option<&mut [u8]> {
        let least = read_size(self.config());
        let node = self.nodes.get_mut(&id)?;
        if !node.reader.has_buffer()
            && let Some(buffer) = self.receive_buffers.pop()
        {
            node.reader.set_buffer(buffer);
        }
        Some(node.reader.spare(least))
    }

    /// `count` bytes were read.
    pub(crate) fn handle_read(&mut self, id: NodeId, count: usize, now: Instant) {
        self.metrics.incoming_bytes += count as u64;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.reader.commit(count);
            self.active.insert(id, ());
            self.read_frames(id, now);
        }
    }

    /// The connection broke, or could not be opened.
    pub(crate) fn handle_broken(&mut self, id: NodeId, why: &dyn fmt::Display, now: Instant) {
        if TEXTS {
            self.note_error(self.blame(id, why));
        }
        self.lose(id, now);
    }

    /// The node is not what it should be, or too late: gives the connection up.
    pub(super) fn refuse_node(&mut self, id: NodeId, why: &str, now: Instant) {
        self.wishes.push_back(Wish::Disconnect(id));
        self.handle_broken(id, &why, now);
    }

    /// Everything in flight has failed, and nobody knows whether it arrived.
    pub(super) fn lose(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.is_down() {
            return;
        }
        if node.is_up() {
            node.failures = 0;
        }
        node.failures += 1;
        let failures = node.failures;
        node.throttled_until = None;
        let buffer = node.forget_connection();
        let in_flight = core::mem::take(&mut node.in_flight);
        let backoff = self.reconnect_backoff(failures);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.link = Link::Down { not_before: now + backoff };
        }
        self.active.insert(id, ());
        self.recycle_receive_buffer(buffer);
        self.metrics.connections_closed += 1;
        for request in in_flight {
            self.fail_request(request, now);
        }
        self.metadata.want_all();
        self.metadata.node_lost(id);
        self.coordinator_lost(id);
    }

    fn fail_request(&mut self, request: InFlight<X>, now: Instant) {
        let maybe_written = request.written > 0;
        self.recycle_head(request.head);
        match request.request {
            Request::ApiVersions | Request::SaslHandshake | Request::SaslAuthenticate => {}
            Request::Metadata => self.metadata_failed(now),
            Request::InitProducerId => self.identity_failed(now),
            Request::Transaction(asked) => self.coordinator_silent(&asked, now),
            Request::Produce(batches) => {
                self.metrics.requests_in_flight -= 1;
                for sent in batches {
                    self.unanswered(sent, ErrorCode::NetworkException, maybe_written, now);
                }
            }
        }
    }

    /// Time's effect on connections: setup and request timeouts, idling.
    pub(super) fn check_links(&mut self, now: Instant) {
        if self.links_due.is_none_or(|due| due > now) {
            return;
        }
        let due = |node: &Node<X>| node.next_wake().is_some_and(|at| at <= now);
        let due: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| due(node)).map(|(id, _)| *id).collect();
        for id in due {
            self.check_link(id, now);
            self.active.insert(id, ());
        }
    }

    fn check_link(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get(&id) else { return };
        let late = node.request_deadline().is_some_and(|deadline| deadline <= now);
        let unready = node.session.login_deadline().is_some_and(|deadline| deadline <= now);
        let idle = node.in_flight.is_empty() && node.idle_at.is_some_and(|at| at <= now);
        match node.link {
            Link::Opening { until } if until <= now => {
                let why = "could not connect within socket.connection.setup.timeout.ms";
                self.refuse_node(id, why, now);
            }
            Link::Handshaking | Link::LoggingIn | Link::Up if late => {
                self.refuse_node(id, "no answer within request.timeout.ms", now);
            }
            Link::LoggingIn if unready => {
                self.refuse_node(id, "nothing to log in with within request.timeout.ms", now);
            }
            Link::Up if idle && node.ready.is_empty() => self.hang_up(id),
            _ => {
                self.end_throttle(id, now);
                self.renew_session(id, now);
            }
        }
    }

    fn end_throttle(&mut self, id: NodeId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.throttled_until = node.throttled_until.filter(|until| *until > now);
        }
    }

    /// Closes a connection that nobody uses; that is not a failure.
    pub(super) fn hang_up(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id)
            && !node.is_down()
        {
            line!(Debug, "node {id}: connection closed");
            node.link = Link::Down { not_before: Instant::ZERO };
            let buffer = node.forget_connection();
            self.recycle_receive_buffer(buffer);
            self.metrics.connections_closed += 1;
            self.wishes.push_back(Wish::Disconnect(id));
        }
    }

    /// Looks at every node to which something happened: connects and sends what it may have.
    pub(super) fn visit_active(&mut self, now: Instant) {
        while let Some((id, ())) = self.active.pop_first() {
            self.end_lingering(id, now);
            self.connect_if_wanted(id, now);
            self.fill(id, now);
        }
    }

    /// Nodes may have something to do that waited for a producer id.
    pub(super) fn activate_all(&mut self) {
        for id in self.nodes.keys() {
            self.active.insert(*id, ());
        }
    }

    fn connect_if_wanted(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let wanted = node.wanted || !node.ready.is_empty();
        let Link::Down { not_before } = node.link else { return };
        if !wanted || not_before > now {
            return;
        }
        let (failures, address) =
            (node.failures, if BROKERS { node.address.clone() } else { None });
        if !self.make_room_for_connection() {
            let backoff = self.reconnect_backoff(1);
            if let Some(node) = self.nodes.get_mut(&id) {
                node.link = Link::Down { not_before: now + backoff };
            }
            return;
        }
        let timeout = self.setup_timeout(failures);
        self.metrics.connections_opened += 1;
        line!(Debug, "node {id}: connecting to {}", self.name_of(id));
        self.wishes.push_back(Wish::Connect(id, address));
        let greeting = BROKERS.then(|| self.greeting(ApiKey::ApiVersions.max_version(), now));
        if let Some(node) = self.nodes.get_mut(&id) {
            node.link = Link::Opening { until: now + timeout };
            node.in_flight.extend(greeting);
        }
    }

    /// The first request of a connection (KIP-35, KIP-511).
    fn greeting(&mut self, version: i16, now: Instant) -> InFlight<X> {
        let write = |head: &mut Vec<u8>| ApiVersionsRequest::default().encode(head, version);
        self.begin_request(Request::ApiVersions, version, write, now)
    }

    /// A request to be pushed to a node; `write` adds what follows its header.
    pub(super) fn begin_request(
        &mut self,
        request: Request<X>,
        version: i16,
        write: impl FnOnce(&mut Vec<u8>),
        now: Instant,
    ) -> InFlight<X> {
        let correlation_id = self.next_correlation_id();
        let mut head = self.head_buffer();
        let client_id = &self.config().client_id;
        let start = begin_request(&mut head, request.key(), version, correlation_id, client_id);
        write(&mut head);
        finish_request(&mut head, start, 0);
        InFlight::new(request, version, correlation_id, head, true, now)
    }

    pub(super) fn handle_api_versions(
        &mut self,
        id: NodeId,
        response: ApiVersionsResponse,
        asked: i16,
        now: Instant,
    ) {
        if response.error == ErrorCode::UnsupportedVersion && asked > 0 {
            let version = response.versions.select(ApiKey::ApiVersions).unwrap_or(0).min(asked - 1);
            let greeting = self.greeting(version, now);
            if let Some(node) = self.nodes.get_mut(&id) {
                node.push(greeting);
            }
            return;
        }
        if !response.error.is_none() {
            let why = alloc::format!("refused the handshake: {}", response.error);
            return self.refuse_node(id, &why, now);
        }
        let needed = [ApiKey::Produce, ApiKey::Metadata];
        if needed.iter().any(|key| response.versions.select(*key).is_none()) {
            let why = "speaks no version of Produce and Metadata that this client speaks (brokers from 2.1 on do)";
            return self.refuse_node(id, why, now);
        }
        if let Some(node) = self.nodes.get_mut(&id) {
            node.versions = response.versions;
        }
        self.learn_features(response.features);
        self.begin_session(id, now);
        self.throttle(id, response.throttle_time_ms, now);
    }

    /// Something came from the node: it's alive, and idle later.
    pub(super) fn mark_used(&mut self, id: NodeId, now: Instant) {
        let idle = self.config().connections_max_idle;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.idle_at = idle.map(|idle| now + idle);
        }
    }

    /// The broker wants to be left alone for a while (KIP-219).
    pub(super) fn throttle(&mut self, id: NodeId, millis: i32, now: Instant) {
        let Ok(millis @ 1..) = u64::try_from(millis) else { return };
        let time = Duration::from_millis(millis);
        line!(Debug, "node {id}: wants to be left alone for {millis} ms");
        self.metrics.throttle_time.record_duration(time);
        if let Some(node) = self.nodes.get_mut(&id) {
            // An answer that comes later may ask for less.
            node.throttled_until = node.throttled_until.max(Some(now + time));
        }
    }

    /// From when on some connected node takes a request. Nodes that have bytes left to be written
    /// are not waited for: when these are gone, the sender is called anyway.
    pub(super) fn askable_at(&self) -> Option<Instant> {
        self.nodes.values().filter_map(|node| node.askable_at()).min()
    }

    /// The connected node with the fewest requests in flight that may have another.
    pub(super) fn least_loaded(&self, now: Instant) -> Option<NodeId> {
        let usable = self.nodes.iter().filter(|(_, node)| node.may_send(now));
        usable.min_by_key(|(_, node)| node.in_flight.len()).map(|(id, _)| *id)
    }

    pub(super) fn send_request(&mut self, id: NodeId, request: InFlight<X>) {
        if let Some(node) = self.nodes.get_mut(&id) {
            self.metrics.requests += 1;
            node.push(request);
        }
    }

    /// `retry.backoff.ms` doubled with every failure up to its maximum, give or take a fifth
    /// (KIP-580).
    pub(super) fn retry_backoff(&mut self, failures: u32) -> Duration {
        let config = &self.shared.config;
        let (first, most) = (config.retry_backoff, config.retry_backoff_max);
        backoff(first, most, failures, &mut self.rng)
    }

    fn reconnect_backoff(&mut self, failures: u32) -> Duration {
        let config = &self.shared.config;
        let (first, most) = (config.reconnect_backoff, config.reconnect_backoff_max);
        // An address without a route fails at once: tried again at once, there would be no end.
        let first = first.max(Duration::from_millis(1));
        backoff(first, most, failures, &mut self.rng)
    }

    fn setup_timeout(&mut self, failures: u32) -> Duration {
        let config = &self.shared.config;
        let (first, most) = (config.connection_setup_timeout, config.connection_setup_timeout_max);
        backoff(first, most, failures + 1, &mut self.rng)
    }
}

fn backoff(first: Duration, most: Duration, failures: u32, rng: &mut crate::rng::Rng) -> Duration {
    const MOST: u64 = u64::MAX >> 31;
    let (first, most) = (micros(first).min(MOST), micros(most).min(MOST));
    let doubled = first << failures.saturating_sub(1).min(20);
    let base = doubled.min(most.max(first));
    // 80 % … 120 %.
    Duration::from_micros(base * u64::from(800 + rng.below(401)) / 1000)
}
