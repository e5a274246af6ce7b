//! HELLO is judged, WELCOME is said.

use ottla_bridge_protocol::{
    ApiRange, CloseCode, Frame, Hello, Lease, LeaseAnswer, LeaseRefusal, List, MetadataSnapshot,
    SessionLimits, Welcome,
};
use tokio::time::{Duration, Instant};

use super::requests::{picture_for, wanted_of};
use super::tickets::answer_frame;
use super::timers::ms_until;
use super::{Closed, OwnLease, Session};
use crate::auth::LeaseGrant;
use crate::config::Config;
use crate::kafka::metadata::{Asked, write_body};
use crate::kafka::offered;
use crate::lease::{Granted, Refusal, now_ms};

/// The version of the metadata in a WELCOME.
pub(crate) const METADATA_VERSION: i16 = 12;
/// The most metadata in a WELCOME, in bytes; above it the client has to ask.
pub(crate) const METADATA_BYTES: usize = 256 << 10;
/// How long the cluster is waited for with it.
const METADATA_PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// Answers a HELLO whose token was accepted.
    pub(super) async fn greet(&mut self, hello: &Hello<'_>) -> Result<(), Closed> {
        if self.protocol.received(&Frame::Hello(*hello)).is_err() {
            return Err(Closed::new(CloseCode::Protocol, "a second HELLO"));
        }
        let mut answers = Vec::new();
        for ticket in hello.tickets.iter() {
            let holder = self.holder();
            let answer = self.bridge.leases.resume(ticket, &holder).await;
            self.note(&answer, true);
            answers.push(answer);
        }
        if hello.wants_lease {
            let answer = self.lend().await;
            self.note(&answer, false);
            answers.push(answer);
        }
        let metadata = self.metadata(hello).await;
        self.welcome(&answers, &metadata)
    }

    /// A new lease, if the token grants one.
    async fn lend(&self) -> Result<Granted, Refusal> {
        let durable = match self.grant.lease {
            LeaseGrant::No => return Err(LeaseRefusal::NotGranted.into()),
            LeaseGrant::Session => false,
            LeaseGrant::Durable => true,
        };
        let (leases, subject) = (&self.bridge.leases, &self.grant.subject);
        leases.lend(&self.bridge.cluster, subject, durable, Some(self.holder())).await
    }

    /// Remembers a lease that was granted.
    pub(super) fn note(&mut self, answer: &Result<Granted, Refusal>, claimed: bool) {
        let Ok(granted) = answer else { return };
        let producer_id = granted.producer_id;
        if !self.leases.iter().any(|lease| lease.producer_id == producer_id) {
            self.leases.push(OwnLease { producer_id, claimed });
        }
        let now = Instant::now();
        let refresh =
            now + self.bridge.leases.refresh_after(self.grant.lease == LeaseGrant::Durable);
        self.timers.tickets = Some(self.timers.tickets.map_or(refresh, |at| at.min(refresh)));
        if let Some(ms) = granted.ends_in_ms {
            // Draining has to be over when the lease is.
            let drain = self.config.times.drain_ms;
            let end = now + Duration::from_millis(ms.saturating_sub(drain).max(ms / 2));
            self.timers.session = self.timers.session.min(end);
        }
    }

    /// The metadata that was asked for; none if the cluster does not tell in time.
    async fn metadata(&self, hello: &Hello<'_>) -> Vec<u8> {
        let asked = Asked::of_hello(hello);
        let fresh = Duration::from_millis(self.config.times.metadata_fresh_ms);
        let wanted = wanted_of(&asked, &self.grant.topics);
        let told = self.bridge.cluster.topics(&wanted, fresh);
        let Ok(Ok(topics)) = tokio::time::timeout(METADATA_PATIENCE, told).await else {
            return Vec::new();
        };
        let mut body = Vec::new();
        let picture = picture_for(&self.bridge, &asked, &self.grant.topics, topics);
        write_body(&mut body, METADATA_VERSION, &picture);
        if body.len() > METADATA_BYTES { Vec::new() } else { body }
    }

    fn welcome(
        &mut self,
        answers: &[Result<Granted, Refusal>],
        metadata: &[u8],
    ) -> Result<(), Closed> {
        let (config, apis) = (self.config.clone(), offered());
        let answers: Vec<LeaseAnswer<'_>> = answers.iter().map(answer_frame).collect();
        let mut welcome = welcome_for(&config, self.id.0, &apis, metadata, &answers);
        welcome.token_ttl_ms = ms_until(self.timers.token);
        welcome.session_ttl_ms = ms_until(Some(self.timers.session));
        self.say(&Frame::Welcome(welcome))
    }
}

/// A WELCOME whose token and session never end.
pub(crate) fn welcome_for<'a>(
    config: &Config,
    session: [u8; 16],
    apis: &'a [ApiRange],
    metadata: &'a [u8],
    leases: &'a [LeaseAnswer<'a>],
) -> Welcome<'a> {
    let limits = &config.limits;
    Welcome {
        session,
        server_time_ms: now_ms(),
        token_ttl_ms: u32::MAX,
        session_ttl_ms: u32::MAX,
        ping_interval_ms: config.times.ping_ms,
        min_linger_ms: limits.min_linger_ms,
        limits: SessionLimits {
            request_bytes: limits.request_bytes,
            streams: limits.streams,
            window_bytes: limits.window_bytes,
            batch_records: limits.batch_records,
        },
        apis: List::new(apis),
        metadata: MetadataSnapshot { version: METADATA_VERSION, body: metadata },
        leases: List::new(leases),
    }
}

/// A lease as frames have it.
pub(crate) fn lease_frame(granted: &Granted) -> Lease<'_> {
    Lease {
        producer_id: granted.producer_id,
        epoch: granted.epoch,
        ttl_ms: granted.ttl_ms,
        ticket: &granted.ticket,
    }
}
