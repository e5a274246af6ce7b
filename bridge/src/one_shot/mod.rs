//! One request without a session (PROTOCOL.md §9): a HELLO and Produce requests come as one body,
//! a WELCOME and the responses leave as one.

mod produce;

use std::sync::Arc;

use hyper::StatusCode;
use ottla_bridge_protocol::{
    End, Frame, Hello, Lease, LeaseAnswer, LeaseRefusal, OneShot, StreamEnd, StreamId, Unpacker,
    put_stream,
};
use tokio::time::Duration;

use crate::audit::Who;
use crate::auth::{Grant, LeaseGrant};
use crate::bridge::Bridge;
use crate::http::within_budget;
use crate::kafka::metadata::{Asked, write_body};
use crate::lease::{Granted, Proven};
use crate::session::{
    METADATA_BYTES, METADATA_VERSION, Peer, lease_frame, picture_for, wanted_of, welcome_for,
};

/// How old metadata may be: nobody waits who is on his way out.
const FRESH: Duration = Duration::from_secs(5);
/// How long the cluster is waited for with it.
const METADATA_PATIENCE: Duration = Duration::from_secs(5);

/// A ticket of the body, as far as it was believed.
type Ticket<'a> = (&'a [u8], Result<Proven, LeaseRefusal>);

/// Answers a body. The error is the status to answer with.
pub(crate) async fn answer(
    bridge: &Arc<Bridge>,
    peer: &Peer,
    body: &[u8],
) -> Result<Vec<u8>, StatusCode> {
    let (hello, stream) = read(body)?;
    let grant = check(bridge, peer, &hello)?;
    let limits = bridge.config().limits.clone();
    if body.len() > grant.one_shot_bytes.unwrap_or(limits.one_shot_bytes) {
        bridge.deny(&who(peer, &grant), "T14", "a one-shot body above the limit");
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    if !within_budget(bridge, &grant.subject, body.len().max(1024)) {
        bridge.deny(&who(peer, &grant), "T21", "too many bytes of a subject");
        return Err(StatusCode::TOO_MANY_REQUESTS);
    }
    let tickets: Vec<Ticket<'_>> = hello
        .tickets
        .iter()
        .map(|ticket| (ticket, bridge.leases.read_ticket(ticket, &grant.subject)))
        .collect();
    let produced = produce::produce(bridge, peer, &grant, &tickets, &stream).await?;
    let lease = if hello.wants_lease { Some(lend(bridge, &grant).await) } else { None };
    let metadata = if stream.is_empty() { metadata(bridge, &hello, &grant).await } else { vec![] };
    write(bridge, &tickets, lease, &metadata, &produced)
}

/// The HELLO and the stream's bytes.
fn read(body: &[u8]) -> Result<(Hello<'_>, Vec<u8>), StatusCode> {
    let bad = |_| StatusCode::BAD_REQUEST;
    let mut frames = Unpacker::new(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut order = OneShot::new(End::Client);
    let (mut greeting, mut stream) = (None, Vec::new());
    while let Some(frame) = frames.next_frame().map_err(|_| StatusCode::BAD_REQUEST)? {
        order.accept(&frame).map_err(bad)?;
        match frame {
            Frame::Hello(hello) => greeting = Some(hello),
            Frame::Data { bytes, .. } => stream.extend_from_slice(bytes),
            _ => return Err(StatusCode::BAD_REQUEST),
        }
    }
    Ok((greeting.ok_or(StatusCode::BAD_REQUEST)?, stream))
}

fn check(bridge: &Bridge, peer: &Peer, hello: &Hello<'_>) -> Result<Grant, StatusCode> {
    bridge.auth().check(hello.token, peer.origin.as_deref()).map_err(|denial| {
        bridge.deny(&Who { ip: peer.ip, subject: None, session: None }, "T1", denial.0);
        StatusCode::UNAUTHORIZED
    })
}

fn who<'a>(peer: &Peer, grant: &'a Grant) -> Who<'a> {
    Who { ip: peer.ip, subject: Some(&grant.subject), session: None }
}

async fn lend(bridge: &Bridge, grant: &Grant) -> Result<Granted, (LeaseRefusal, u32)> {
    let durable = match grant.lease {
        LeaseGrant::No => return Err((LeaseRefusal::NotGranted, 0)),
        lease => lease == LeaseGrant::Durable,
    };
    let lent = bridge.leases.lend(&bridge.cluster, &grant.subject, durable, None).await;
    lent.map_err(|refusal| (refusal.reason, refusal.retry_after_ms))
}

async fn metadata(bridge: &Bridge, hello: &Hello<'_>, grant: &Grant) -> Vec<u8> {
    let asked = Asked::of_hello(hello);
    let wanted = wanted_of(&asked, &grant.topics);
    let told = tokio::time::timeout(METADATA_PATIENCE, bridge.cluster.topics(&wanted, FRESH)).await;
    let mut body = Vec::new();
    if let Ok(Ok(topics)) = told {
        let picture = picture_for(bridge, &asked, &grant.topics, topics);
        write_body(&mut body, METADATA_VERSION, &picture);
    }
    if body.len() > METADATA_BYTES { Vec::new() } else { body }
}

/// The reply's body.
fn write(
    bridge: &Bridge,
    tickets: &[Ticket<'_>],
    lease: Option<Result<Granted, (LeaseRefusal, u32)>>,
    metadata: &[u8],
    produced: &produce::Produced,
) -> Result<Vec<u8>, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let mut answers: Vec<LeaseAnswer<'_>> = tickets.iter().map(ticket_answer).collect();
    answers.extend(lease.as_ref().map(|lease| match lease {
        Ok(granted) => LeaseAnswer::Granted(lease_frame(granted)),
        Err((reason, retry_after_ms)) => {
            LeaseAnswer::Refused { reason: *reason, retry_after_ms: *retry_after_ms }
        }
    }));
    let config = bridge.config();
    let apis = crate::kafka::offered();
    let mut welcome = welcome_for(&config, [0; 16], &apis, metadata, &answers);
    welcome.token_ttl_ms = u32::MAX;
    welcome.session_ttl_ms = u32::MAX;
    let mut out = Vec::new();
    Frame::Welcome(welcome).encode(&mut out).map_err(failed)?;
    put_stream(&produced.responses, &mut out).map_err(failed)?;
    if produced.cut {
        let (stream, end) = (StreamId::FIRST, StreamEnd::BrokerLost);
        Frame::Close { stream, end }.encode(&mut out).map_err(failed)?;
    }
    Ok(out)
}

/// The lease of a ticket, as it is: whoever has it keeps it.
fn ticket_answer<'a>((ticket, read): &'a Ticket<'a>) -> LeaseAnswer<'a> {
    match read {
        Ok(proven) => LeaseAnswer::Granted(Lease {
            producer_id: proven.producer_id,
            epoch: *proven.epochs.end(),
            ttl_ms: proven.ttl_ms,
            ticket,
        }),
        Err(reason) => LeaseAnswer::Refused { reason: *reason, retry_after_ms: 0 },
    }
}
