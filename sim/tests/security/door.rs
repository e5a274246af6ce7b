//! The doorkeeper: answers what belongs to a login, and lets nobody in without one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, RequestHeader, RequestKind, ResponseHeader, ResponseKind,
    SaslAuthenticateResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla_core::time::{Clock, Instant};
use ottla_sim::cluster::{ApiRanges, Reply};
use ottla_sim::simulation::VirtualClock;

use crate::world::{Door, World};

/// What the doorkeeper does and has seen.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    /// The mechanism it takes.
    pub(crate) mechanism: &'static str,
    /// The first message of a login that it accepts; it answers all others as it answers strangers.
    pub(crate) password: Vec<u8>,
    /// What a stranger is told before the error, as OAUTHBEARER has it.
    pub(crate) challenge: Vec<u8>,
    /// How long a session lasts; zero is for ever.
    pub(crate) session: Duration,
    /// When the logins were that it accepted.
    pub(crate) accepted: Vec<Instant>,
    /// How many it refused.
    pub(crate) refused: u32,
    /// What the last of these said.
    pub(crate) last_refused: Vec<u8>,
    /// Requests that came while a login went on.
    pub(crate) early: u32,
    /// Everybody who came.
    pub(crate) connections: BTreeMap<u32, Guest>,
}

/// What it knows of a connection.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    known: bool,
    logging_in: bool,
    /// The end of the session.
    until: Option<Instant>,
}

/// Puts a doorkeeper before the world's brokers.
pub(crate) fn keep(world: &World, keeper: Keeper) -> Rc<RefCell<Keeper>> {
    let keeper = Rc::new(RefCell::new(keeper));
    let (at_door, clock) = (keeper.clone(), world.clock.clone());
    let door: Door = Box::new(move |id, frame| at_door.borrow_mut().answer(id, frame, &clock));
    world.guard(door);
    keeper
}

impl Keeper {
    fn answer(&mut self, id: u32, frame: &Bytes, clock: &VirtualClock) -> Option<Reply> {
        let mut bytes = frame.clone();
        let api = ApiKey::try_from(i16::from_be_bytes([frame[0], frame[1]])).unwrap();
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        let header =
            RequestHeader::decode(&mut bytes, api.request_header_version(version)).unwrap();
        let response = match RequestKind::decode(api, &mut bytes, version).unwrap() {
            RequestKind::ApiVersions(_) => versions().into(),
            RequestKind::SaslHandshake(request) => self.greet(id, &request.mechanism).into(),
            RequestKind::SaslAuthenticate(request) => {
                self.check(id, &request.auth_bytes, clock.now()).into()
            }
            _ => return self.pass(id, clock.now()),
        };
        Some(reply(api, version, header.correlation_id, &response))
    }

    fn greet(&mut self, id: u32, mechanism: &str) -> SaslHandshakeResponse {
        let known = mechanism == self.mechanism;
        self.connections.entry(id).or_default().logging_in = known;
        let error = if known { 0 } else { ResponseError::UnsupportedSaslMechanism.code() };
        let mechanisms = vec![StrBytes::from_static_str(self.mechanism)];
        SaslHandshakeResponse::default().with_error_code(error).with_mechanisms(mechanisms)
    }

    fn check(&mut self, id: u32, message: &[u8], now: Instant) -> SaslAuthenticateResponse {
        let response = SaslAuthenticateResponse::default();
        let guest = self.connections.entry(id).or_default();
        assert!(guest.logging_in, "a message without a handshake");
        if message == self.password {
            (guest.logging_in, guest.known) = (false, true);
            guest.until = (!self.session.is_zero()).then(|| now + self.session);
            self.accepted.push(now);
            let lifetime = self.session.as_millis().try_into().unwrap();
            return response.with_session_lifetime_ms(lifetime);
        }
        if !self.challenge.is_empty() && message != b"\x01" {
            return response.with_auth_bytes(self.challenge.clone().into());
        }
        self.refused += 1;
        self.last_refused = message.to_vec();
        response
            .with_error_code(ResponseError::SaslAuthenticationFailed.code())
            .with_error_message(Some(StrBytes::from_static_str("invalid credentials")))
    }

    /// Kafka ends a connection whose session is over, and one that speaks before its login.
    fn pass(&mut self, id: u32, now: Instant) -> Option<Reply> {
        let guest = self.connections.entry(id).or_default();
        self.early += u32::from(guest.logging_in);
        let over = guest.until.is_some_and(|until| now > until);
        (over || guest.logging_in || !guest.known).then_some(Reply::Close)
    }
}

/// What the model speaks, and logins.
fn versions() -> ApiVersionsResponse {
    let current = ApiRanges::current();
    let logins = [(ApiKey::SaslHandshake as i16, 0, 1), (ApiKey::SaslAuthenticate as i16, 0, 2)];
    let version = |(key, min, max)| {
        ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
    };
    let keys = current.advertised().chain(logins).map(version).collect();
    ApiVersionsResponse::default().with_api_keys(keys)
}

fn reply(api: ApiKey, version: i16, correlation_id: i32, response: &ResponseKind) -> Reply {
    let mut body = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut body, api.response_header_version(version)).unwrap();
    response.encode(&mut body, version).unwrap();
    let mut frame = BytesMut::from(&u32::try_from(body.len()).unwrap().to_be_bytes()[..]);
    frame.extend_from_slice(&body);
    Reply::Send { frame: frame.freeze(), delay: Duration::ZERO }
}
