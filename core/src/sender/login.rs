//! Logins: before a connection is up, and again before its session ends (KIP-368).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;

use super::node::{Link, Node, Request};
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::error::{DeliveryError, ErrorCode, Reason};
use crate::log::line;
use crate::protocol::api_key::ApiKey;
use crate::protocol::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use crate::protocol::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use crate::quoted::Quoted;
use crate::sasl::{Login, Mechanism, Occasion, Step};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};
use crate::topic::Status;
use crate::transport::NodeId;

/// The state of a node's login.
#[derive(Default)]
pub(super) struct Session {
    /// The login that goes on.
    login: Option<Box<Login>>,
    /// It has yet to say its first message, for which something may have to be fetched until then.
    begins_until: Option<Instant>,
    /// When to log in again.
    renew_at: Option<Instant>,
    /// It is time to log in again: no request is begun until that is done.
    draining: bool,
}

impl Session {
    /// Whether requests may be begun.
    pub(super) fn is_open(&self) -> bool {
        !SASL || !self.draining
    }

    /// Until when a login may wait for what it needs.
    pub(super) fn login_deadline(&self) -> Option<Instant> {
        self.begins_until.filter(|_| SASL)
    }

    /// When it wants to be looked at; while requests are in flight their answers are waited for.
    pub(super) fn next_wake(&self, in_flight: bool) -> Option<Instant> {
        self.renew_at.filter(|_| SASL && !(self.draining && in_flight))
    }
}

/// Whether logins are compiled in.
pub(super) const SASL: bool = cfg!(feature = "sasl");

impl<X: Platform> Sender<X> {
    /// The greeting is over: logs in where the configuration says so.
    pub(super) fn begin_session(&mut self, id: NodeId, now: Instant) {
        match self.config().security.sasl.mechanism {
            Some(mechanism) if SASL && self.config().security.protocol.uses_sasl() => {
                self.begin_login(id, mechanism, now);
            }
            _ => self.open(id, now),
        }
    }

    /// The connection takes requests from now on.
    fn open(&mut self, id: NodeId, now: Instant) {
        let idle = self.config().connections_max_idle;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.link = Link::Up;
            node.failures = 0;
            node.wanted = false;
            node.idle_at = idle.map(|idle| now + idle);
            line!(Debug, "node {id}: connected");
        }
    }

    fn begin_login(&mut self, id: NodeId, mechanism: Mechanism, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.link = Link::LoggingIn;
        let Some(version) = node.versions.select(ApiKey::SaslHandshake) else {
            let why = "takes no logins (brokers from 2.1 on do)";
            return self.refuse_node(id, why, now);
        };
        let request = SaslHandshakeRequest { mechanism: mechanism.name() };
        let write = |head: &mut Vec<u8>| request.encode(head);
        let request = self.begin_request(Request::SaslHandshake, version, write, now);
        self.send_request(id, request);
    }

    pub(super) fn handle_sasl_handshake(
        &mut self,
        id: NodeId,
        response: &SaslHandshakeResponse<'_>,
        now: Instant,
    ) {
        match response.error {
            ErrorCode::None => {}
            ErrorCode::UnsupportedSaslMechanism => {
                let names: Vec<&str> = response.mechanisms.iter().collect();
                let why = format!("it takes {}", names.join(", "));
                return self.refuse_login(id, response.error, Some(&why), now);
            }
            error => {
                let why = "does this listener use SASL?";
                return self.refuse_login(id, error, Some(why), now);
            }
        }
        let until = now + self.config().request_timeout;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.session.begins_until = Some(until);
            self.logins_begin = true;
        }
    }

    /// Begins the logins that brokers wait for, as far as what they need is there.
    pub(crate) fn begin_logins(&mut self, cx: &mut Context<'_>, now: Instant) {
        if !SASL || !core::mem::take(&mut self.logins_begin) {
            return;
        }
        let begins = |node: &Node<X>| node.session.begins_until.is_some();
        let ids: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| begins(node)).map(|(id, _)| *id).collect();
        for id in ids {
            self.say_first_message(id, cx, now);
        }
    }

    fn say_first_message(&mut self, id: NodeId, cx: &mut Context<'_>, now: Instant) {
        let entropy = core::array::from_fn(|_| self.rng.next_u32());
        let address = self.nodes.get(&id).and_then(|node| node.address.as_ref());
        let host = address.map_or("", |address| &address.host);
        let unix_millis = self.shared.clock.unix_millis();
        let occasion = Occasion { entropy, host, unix_millis };
        match Login::begin(&self.config().security.sasl, &occasion, cx) {
            Poll::Pending => self.logins_begin = true,
            Poll::Ready(Ok((login, first))) => {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.session.begins_until = None;
                    node.session.login = Some(Box::new(login));
                }
                self.send_message(id, &first, now);
            }
            Poll::Ready(Err(why)) => self.distrust(id, &why, now),
        }
    }

    fn send_message(&mut self, id: NodeId, message: &[u8], now: Instant) {
        let Some(node) = self.nodes.get(&id) else { return };
        let Some(version) = node.versions.select(ApiKey::SaslAuthenticate) else {
            let why = "takes no logins that this client speaks (brokers from 2.1 on do)";
            return self.refuse_node(id, why, now);
        };
        let write = |head: &mut Vec<u8>| SaslAuthenticateRequest { message }.encode(head, version);
        let request = self.begin_request(Request::SaslAuthenticate, version, write, now);
        self.send_request(id, request);
    }

    pub(super) fn handle_sasl_authenticate(
        &mut self,
        id: NodeId,
        response: &SaslAuthenticateResponse<'_>,
        now: Instant,
    ) {
        if response.error.retriable() {
            let why = format!("could not finish the login: {}", response.error);
            return self.refuse_node(id, &why, now);
        }
        if !response.error.is_none() {
            return self.refuse_login(id, response.error, response.error_message, now);
        }
        let login = self.nodes.get_mut(&id).and_then(|node| node.session.login.as_mut());
        match login.map(|login| login.step(response.message)) {
            Some(Ok(Step::Send(message))) => self.send_message(id, &message, now),
            Some(Ok(Step::Done)) => self.logged_in(id, response.session_lifetime_ms, now),
            Some(Err(why)) => self.distrust(id, &why, now),
            None => {}
        }
    }

    /// Four fifths of a session are used, so that a busy broker still has time for the next login.
    fn logged_in(&mut self, id: NodeId, lifetime_ms: i64, now: Instant) {
        let lifetime = u64::try_from(lifetime_ms).ok().filter(|millis| *millis > 0);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let renew_at = lifetime.map(|millis| now + Duration::from_millis(millis) / 5 * 4);
        let again = node.session.draining;
        node.session = Session { renew_at, ..Session::default() };
        if again {
            node.link = Link::Up; // and as idle as it was: nobody has used it
        } else {
            self.open(id, now);
        }
    }

    /// Logs in again where it is time: begins no more requests, waits for the answers of those in
    /// flight, and holds the rest back until the new session has begun. Nothing fails by it.
    pub(super) fn renew_session(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if !SASL || !node.is_up() || node.session.renew_at.is_none_or(|at| at > now) {
            return;
        }
        node.session.draining = true;
        if node.in_flight.is_empty()
            && let Some(mechanism) = self.config().security.sasl.mechanism
        {
            self.begin_login(id, mechanism, now);
        }
    }

    fn refuse_login(&mut self, id: NodeId, error: ErrorCode, why: Option<&str>, now: Instant) {
        let sasl = &self.config().security.sasl;
        let mechanism = sasl.mechanism.map_or("", Mechanism::name);
        let user = match sasl.mechanism {
            Some(Mechanism::OauthBearer) => None,
            Some(Mechanism::AwsMskIam) => sasl.aws.access_key_id.as_ref(),
            _ => sasl.username.as_ref(),
        };
        let user = user.map_or_else(String::new, |user| format!(" of {}", Quoted(user)));
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        let why = format!("refused the {mechanism} login{user}: {error}{why}");
        self.distrust(id, &why, now);
    }

    /// One side does not accept who the other is, which trying again does not change: what waits
    /// for this node fails now (Java: `AuthenticationException`). The next record tries again,
    /// after the usual backoff, since passwords and certificates can be put right while we run.
    pub(crate) fn distrust(&mut self, id: NodeId, why: &dyn fmt::Display, now: Instant) {
        let why: Arc<str> = self.blame(id, why).into();
        self.refuse_node(id, &why, now);
        let alone = !self.nodes.values().any(|node| node.is_up());
        self.shared.login_error.with(|error| *error = Some(why.clone()));
        for lane in 0..self.lanes.len() {
            if alone || self.lanes[lane].leader == Some(id) {
                self.fail_for_login(lane as LaneId, &why);
            }
        }
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        for node in nodes.into_iter().filter(|node| alone || *node == id) {
            self.want_no_longer(node, now);
        }
        if alone {
            self.distrust_transaction(&why);
            self.metadata.want_nothing();
            for topic in &self.topics {
                if topic.state.status().0 == Status::Unknown {
                    topic.state.publish(Status::Distrusted, None);
                }
            }
        }
    }

    fn fail_for_login(&mut self, id: LaneId, why: &Arc<str>) {
        loop {
            let lane = &mut self.lanes[id as usize];
            let queued = |batch: Option<_>| batch.or_else(|| lane.partition.pop_if(|_| true));
            let Some(batch) = queued(lane.retries.pop_front()) else { return };
            let error = unauthenticated(&batch, why);
            self.fail(id, batch, error);
        }
    }

    fn want_no_longer(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.wanted = false;
        for lane in core::mem::take(&mut node.ready) {
            self.requeue(lane, now);
        }
    }
}

fn unauthenticated<X: Platform>(batch: &ProducerBatch<X>, why: &Arc<str>) -> DeliveryError {
    DeliveryError { message: Some(why.clone()), ..batch.failed(Reason::Authentication) }
}
