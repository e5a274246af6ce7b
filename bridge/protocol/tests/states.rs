//! The specification's state tables (§8): what may be said when, and that nothing else may.

mod support;

use ottla_bridge_protocol::FrameKind::{
    Auth, AuthOk, Close, Credit, Data, Drain, Hello, Lease, Leased, Open, Opened, Ping, Pong,
    Refused, Ticket, Welcome,
};
use ottla_bridge_protocol::{
    CreditError, End, Frame, FrameKind, LeaseAnswer, LeaseRequest, List, Phase, ProtocolError,
    Session, StreamId, StreamName, Verdict,
};
use support::{FIRST, LIMITS, WINDOW, frame, pass, session, welcome, with_stream};

const ENDS: [End; 2] = [End::Client, End::Bridge];
const PHASES: [Phase; 4] = [Phase::Start, Phase::Greeting, Phase::Open, Phase::Draining];

/// What each end may say in a phase, when nothing was asked and no stream was opened.
const SAID: [(Phase, End, &[FrameKind]); 8] = [
    (Phase::Start, End::Client, &[Hello]),
    (Phase::Start, End::Bridge, &[]),
    (Phase::Greeting, End::Client, &[]),
    (Phase::Greeting, End::Bridge, &[Welcome]),
    (Phase::Open, End::Client, &[Open, Lease, Auth, Ping]),
    (Phase::Open, End::Bridge, &[Ticket, Drain, Ping]),
    (Phase::Draining, End::Client, &[Lease, Auth, Ping]),
    (Phase::Draining, End::Bridge, &[Ticket, Ping]),
];

#[test]
fn only_what_the_session_table_has_is_said() {
    for (end, phase) in ENDS.into_iter().flat_map(|end| PHASES.map(|phase| (end, phase))) {
        for (speaker, kind) in ENDS.into_iter().flat_map(|by| FrameKind::ALL.map(|k| (by, k))) {
            let (_, _, said) =
                SAID.into_iter().find(|row| (row.0, row.1) == (phase, speaker)).unwrap();
            // It was on its way when the bridge said DRAIN.
            let crossing = (end, phase, kind) == (End::Bridge, Phase::Draining, Open);
            let allowed = said.contains(&kind) || (crossing && speaker == End::Client);
            let taken = say(&mut session(end, phase), end, speaker, &frame(kind));
            let what = format!("{end:?} in {phase:?}: {kind:?} by {speaker:?}: {taken:?}");
            assert_eq!(taken.is_ok(), allowed, "{what}");
        }
    }
}

/// What an end that sees a stream in this state may send, and may receive.
const STREAM: [(StreamName, &[FrameKind], &[FrameKind]); 5] = [
    (StreamName::Idle, &[Open], &[Open]),
    (StreamName::Opening, &[Opened, Refused], &[Opened, Refused]),
    (StreamName::Open, &[Data, Credit, Close], &[Data, Credit, Close]),
    (StreamName::Closing, &[], &[Data, Credit, Close]),
    (StreamName::PeerClosed, &[Close], &[]),
];

#[test]
fn only_what_the_stream_table_has_is_said() {
    let kinds = FrameKind::ALL.into_iter().filter(|kind| kind.has_stream());
    for (end, kind) in ENDS.into_iter().flat_map(|end| kinds.clone().map(move |k| (end, k))) {
        for (state, sent, received) in STREAM {
            let sends = sent.contains(&kind) && kind.sender() != Some(end.peer());
            let taken = in_state(end, state).sent(&frame(kind));
            assert_eq!(taken.is_ok(), sends, "{end:?} sends {kind:?} in {state:?}: {taken:?}");
            let receives = received.contains(&kind) && kind.sender() != Some(end);
            let taken = in_state(end, state).received(&frame(kind));
            assert_eq!(taken.is_ok(), receives, "{end:?} gets {kind:?} in {state:?}: {taken:?}");
        }
    }
}

/// A session whose first stream is in a state and has consumed eight bytes.
fn in_state(end: End, state: StreamName) -> Session {
    let mut session = match state {
        StreamName::Idle | StreamName::Opening => session(end, Phase::Open),
        _ => with_stream(end),
    };
    match state {
        StreamName::Idle => {}
        StreamName::Opening => pass(&mut session, end, Open),
        _ => {
            session.sent(&frame(Data)).unwrap();
            let _ = session.received(&frame(Data)).unwrap();
            let _ = session.consume(FIRST, 8);
        }
    }
    match state {
        StreamName::Closing => session.sent(&frame(Close)).unwrap(),
        StreamName::PeerClosed => assert_eq!(session.received(&frame(Close)), Ok(Verdict::Act)),
        _ => {}
    }
    assert_eq!(session.stream(FIRST).name(), state);
    session
}

fn say(
    session: &mut Session,
    end: End,
    speaker: End,
    frame: &Frame<'_>,
) -> Result<Verdict, ProtocolError> {
    if end == speaker {
        session.sent(frame).map(|()| Verdict::Act)
    } else {
        session.received(frame)
    }
}

#[test]
fn each_question_has_one_answer() {
    for (question, answer) in [(Lease, Leased), (Auth, AuthOk)] {
        for end in ENDS {
            let mut session = session(end, Phase::Open);
            let unasked = Err(ProtocolError::Unasked(answer));
            assert_eq!(say(&mut session, end, End::Bridge, &frame(answer)), unasked);
            pass(&mut session, end, question);
            let twice = Err(ProtocolError::AskedTwice(question));
            assert_eq!(say(&mut session, end, End::Client, &frame(question)), twice);
            pass(&mut session, end, answer);
            assert_eq!(say(&mut session, end, End::Bridge, &frame(answer)), unasked);
        }
    }
}

#[test]
fn a_pong_returns_the_number_of_its_ping() {
    for (end, asks) in ENDS.into_iter().flat_map(|end| ENDS.map(|asks| (end, asks))) {
        let mut session = session(end, Phase::Open);
        let mut say = |speaker, frame| say(&mut session, end, speaker, &frame);
        assert_eq!(say(asks, Frame::Ping(7)), Ok(Verdict::Act));
        assert_eq!(say(asks, Frame::Ping(8)), Err(ProtocolError::AskedTwice(Ping)));
        assert_eq!(say(asks.peer(), Frame::Pong(8)), Err(ProtocolError::Unasked(Pong)));
        assert_eq!(say(asks, Frame::Pong(7)), Err(ProtocolError::Unasked(Pong)));
        assert_eq!(say(asks.peer(), Frame::Pong(7)), Ok(Verdict::Act));
        assert_eq!(say(asks.peer(), Frame::Pong(7)), Err(ProtocolError::Unasked(Pong)));
        assert_eq!(say(asks, Frame::Ping(8)), Ok(Verdict::Act));
    }
}

#[test]
fn a_welcome_answers_each_ticket_and_the_wish() {
    let tickets: [&[u8]; 1] = [b"t"];
    let hello = ottla_bridge_protocol::Hello {
        wants_lease: true,
        tickets: List::new(&tickets),
        ..Default::default()
    };
    let mut client = Session::new(End::Client);
    client.sent(&Frame::Hello(hello)).unwrap();
    let [one, two] = [[LeaseAnswer::Released; 1].as_slice(), &[LeaseAnswer::Released; 2]];
    let refused = Err(ProtocolError::LeaseAnswers { expected: 2, given: 1 });
    assert_eq!(client.received(&Frame::Welcome(welcome(List::new(one)))), refused);
    assert_eq!(client.phase(), Phase::Greeting);
    assert_eq!(client.received(&Frame::Welcome(welcome(List::new(two)))), Ok(Verdict::Act));
    assert_eq!(client.limits(), Some(LIMITS));
}

#[test]
fn bytes_beyond_the_credit_are_refused_by_both_ends() {
    let bytes = [0; 16 << 10];
    let data = Frame::Data { stream: FIRST, bytes: &bytes };
    for end in ENDS {
        let mut session = with_stream(end);
        for _ in 0..WINDOW / (16 << 10) {
            session.sent(&data).unwrap();
            assert_eq!(session.received(&data), Ok(Verdict::Act));
        }
        let one = Frame::Data { stream: FIRST, bytes: b"1" };
        let exceeded = ProtocolError::Credit(FIRST, CreditError::Exceeded { bytes: 1, credit: 0 });
        assert_eq!(session.sent(&one), Err(exceeded));
        assert_eq!(session.received(&one), Err(exceeded));
        // What was dropped is still bounded.
        session.sent(&frame(Close)).unwrap();
        assert_eq!(session.received(&one), Err(exceeded));
    }
}

#[test]
fn credit_comes_back_in_halves_of_the_window_and_never_exceeds_it() {
    let bytes = [0; 16 << 10];
    let data = Frame::Data { stream: FIRST, bytes: &bytes };
    let mut session = with_stream(End::Bridge);
    let credit = |bytes| Frame::Credit { stream: FIRST, bytes };
    let overflow = |bytes, credit| {
        let error = CreditError::Overflow { bytes, credit, window: WINDOW };
        Err(ProtocolError::Credit(FIRST, error))
    };
    assert_eq!(session.sent(&credit(1)), overflow(1, WINDOW));
    assert_eq!(session.received(&credit(1)).map(|_| ()), overflow(1, WINDOW));
    let _ = session.received(&data).unwrap();
    let _ = session.received(&data).unwrap();
    assert_eq!(session.consume(FIRST, 16 << 10), None, "not worth a frame yet");
    assert_eq!(session.consume(FIRST, u32::MAX), Some(32 << 10), "no more than was held");
    session.sent(&credit(32 << 10)).unwrap();
    assert_eq!(session.sent(&credit(1)), overflow(1, WINDOW));
    assert_eq!(session.consume(FIRST, 1), None);
}

#[test]
fn streams_keep_to_the_limits_of_the_welcome() {
    for end in ENDS {
        let mut session = session(end, Phase::Open);
        let mut open = |stream, window| {
            let stream = StreamId::new(stream).unwrap();
            say(&mut session, end, End::Client, &Frame::Open { stream, node: None, window })
        };
        let fifth = StreamId::new(5).unwrap();
        assert_eq!(open(5, 1), Err(ProtocolError::TooManyStreams(fifth)));
        assert_eq!(open(1, WINDOW + 1), Err(ProtocolError::Window(FIRST, WINDOW + 1)));
        (1..=4).for_each(|stream| assert_eq!(open(stream, WINDOW), Ok(Verdict::Act)));
        assert_eq!(session.idle_stream(), None);
        let opened = Frame::Opened { stream: FIRST, window: WINDOW + 1 };
        let refused = Err(ProtocolError::Window(FIRST, WINDOW + 1));
        assert_eq!(say(&mut session, end, End::Bridge, &opened), refused);
        pass(&mut session, end, Refused);
        assert_eq!(session.idle_stream(), Some(FIRST));
    }
}

#[test]
fn a_stream_is_idle_again_when_both_ends_closed_it() {
    for end in ENDS {
        let mut crossing = with_stream(end);
        crossing.sent(&frame(Close)).unwrap();
        assert_eq!(crossing.received(&frame(Data)), Ok(Verdict::Drop));
        assert_eq!(crossing.received(&frame(Credit)), Ok(Verdict::Drop));
        assert_eq!(crossing.received(&frame(Close)), Ok(Verdict::Act));
        assert_eq!(crossing.stream(FIRST).name(), StreamName::Idle);
        pass(&mut crossing, end, Open);
        pass(&mut crossing, end, Opened);

        let mut answering = with_stream(end);
        assert_eq!(answering.received(&frame(Close)), Ok(Verdict::Act));
        answering.sent(&frame(Close)).unwrap();
        assert_eq!(answering.stream(FIRST).name(), StreamName::Idle);
    }
}

#[test]
fn a_ticket_may_come_at_any_time() {
    let mut client = session(End::Client, Phase::Open);
    client.sent(&Frame::Lease(LeaseRequest::New)).unwrap();
    assert_eq!(client.received(&frame(Ticket)), Ok(Verdict::Act));
    assert_eq!(client.received(&frame(Leased)), Ok(Verdict::Act));
}
