//! Sessions to begin tests with, and a frame of every type.

use ottla_bridge_protocol::{
    End, Frame, FrameKind, Hello, Lease, LeaseAnswer, LeaseRequest, List, MetadataSnapshot,
    OpenRefusal, Phase, Session, SessionLimits, StreamEnd, StreamId, Welcome,
};

pub(crate) const FIRST: StreamId = StreamId::FIRST;

/// The window that both ends give unless a test says otherwise.
pub(crate) const WINDOW: u32 = 64 << 10;

pub(crate) const LIMITS: SessionLimits =
    SessionLimits { request_bytes: 1 << 20, streams: 4, window_bytes: WINDOW, batch_records: 100 };

const LEASE: Lease<'_> = Lease { producer_id: 1, epoch: 0, ttl_ms: 1, ticket: b"t" };

/// A frame of this type, the stream's on the first.
pub(crate) fn frame(kind: FrameKind) -> Frame<'static> {
    let stream = FIRST;
    match kind {
        FrameKind::Hello => Frame::Hello(Hello::default()),
        FrameKind::Welcome => Frame::Welcome(welcome(List::default())),
        FrameKind::Open => Frame::Open { stream, node: None, window: WINDOW },
        FrameKind::Opened => Frame::Opened { stream, window: WINDOW },
        FrameKind::Refused => {
            Frame::Refused { stream, reason: OpenRefusal::Unreachable, retry_after_ms: 0 }
        }
        FrameKind::Data => Frame::Data { stream, bytes: b"12345678" },
        FrameKind::Credit => Frame::Credit { stream, bytes: 8 },
        FrameKind::Close => Frame::Close { stream, end: StreamEnd::Done },
        FrameKind::Lease => Frame::Lease(LeaseRequest::New),
        FrameKind::Leased => Frame::Leased(LeaseAnswer::Released),
        FrameKind::Ticket => Frame::Ticket(LEASE),
        FrameKind::Auth => Frame::Auth { token: "t" },
        FrameKind::AuthOk => Frame::AuthOk { ttl_ms: 1 },
        FrameKind::Drain => Frame::Drain { deadline_ms: 1, reconnect_after_ms: 1 },
        FrameKind::Ping => Frame::Ping(1),
        FrameKind::Pong => Frame::Pong(1),
    }
}

pub(crate) fn welcome<'a>(leases: List<'a, LeaseAnswer<'a>>) -> Welcome<'a> {
    Welcome {
        session: [0; 16],
        server_time_ms: 0,
        token_ttl_ms: 0,
        session_ttl_ms: 0,
        ping_interval_ms: 1000,
        min_linger_ms: 0,
        limits: LIMITS,
        apis: List::default(),
        metadata: MetadataSnapshot::default(),
        leases,
    }
}

/// Lets `end`'s session send or receive a frame, whichever the frame's type says.
#[track_caller]
pub(crate) fn pass(session: &mut Session, end: End, kind: FrameKind) {
    let frame = frame(kind);
    if kind.sender() == Some(end) {
        session.sent(&frame).unwrap();
    } else {
        let _ = session.received(&frame).unwrap();
    }
}

/// A session in a phase.
pub(crate) fn session(end: End, phase: Phase) -> Session {
    let mut session = Session::new(end);
    let said = match phase {
        Phase::Start => 0,
        Phase::Greeting => 1,
        Phase::Open => 2,
        Phase::Draining => 3,
    };
    for kind in [FrameKind::Hello, FrameKind::Welcome, FrameKind::Drain].into_iter().take(said) {
        pass(&mut session, end, kind);
    }
    assert_eq!(session.phase(), phase);
    session
}

/// An open session with the first stream open.
pub(crate) fn with_stream(end: End) -> Session {
    let mut session = session(end, Phase::Open);
    pass(&mut session, end, FrameKind::Open);
    pass(&mut session, end, FrameKind::Opened);
    session
}
