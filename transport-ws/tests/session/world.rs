//! A producer over the transport, and the bridge's end, in virtual time: nothing happens but what
//! the test lets happen.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use ottla_core::time::{Clock, Instant};
use ottla_core::{Delivery, Driver, Producer, ProducerConfig, Record};
use ottla_sim::cluster::{AutoCreate, Cluster, ClusterConfig};
use ottla_sim::simulation::{Simulated, VirtualClock};
use ottla_transport_ws::{Options, Socket, WsTransport};

use crate::other_end::{OtherEnd, Upstream};

/// What the transport did with its socket.
enum Action {
    Open,
    Send(Vec<u8>),
    Close(u16),
    WantToken,
}

#[derive(Default)]
pub(crate) struct Wire {
    actions: VecDeque<Action>,
    /// What the socket says waits in it.
    pub(crate) buffered: usize,
}

pub(crate) struct TestSocket(Rc<RefCell<Wire>>);

impl Socket for TestSocket {
    fn open(&mut self) {
        self.0.borrow_mut().actions.push_back(Action::Open);
    }

    fn send(&mut self, message: &[u8]) {
        self.0.borrow_mut().actions.push_back(Action::Send(message.into()));
    }

    fn buffered(&self) -> usize {
        self.0.borrow().buffered
    }

    fn close(&mut self, code: u16) {
        self.0.borrow_mut().actions.push_back(Action::Close(code));
    }

    fn want_token(&mut self) {
        self.0.borrow_mut().actions.push_back(Action::WantToken);
    }
}

pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) producer: Producer<Simulated>,
    driver: Driver<Simulated, WsTransport<TestSocket>>,
    pub(crate) transport: WsTransport<TestSocket>,
    pub(crate) wire: Rc<RefCell<Wire>>,
    pub(crate) upstream: Upstream,
    /// The WebSocket, while there is one.
    pub(crate) bridge: Option<OtherEnd>,
    /// WebSockets so far, and when the last was asked for.
    pub(crate) opened: Vec<Instant>,
    /// The bridge can't be reached.
    pub(crate) unreachable: bool,
    /// The program has no token for now.
    pub(crate) no_token: bool,
    /// Codes that the client closed with.
    pub(crate) closes: Vec<u16>,
    /// The WebSocket is cut before the message in which this byte would pass, up or down.
    pub(crate) cut_up: Option<usize>,
    pub(crate) cut_down: Option<usize>,
    /// Bytes that passed so far.
    pub(crate) passed_up: usize,
    pub(crate) passed_down: usize,
    /// The sizes of messages to the bridge.
    pub(crate) sizes: Vec<usize>,
}

impl World {
    /// A topic `t` of two partitions on two brokers, and a producer with these settings.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let config = ClusterConfig { auto_create: AutoCreate::Never, ..ClusterConfig::default() };
        let clock = VirtualClock::default();
        clock.advance_to(Instant::ZERO + Duration::from_secs(1));
        let mut cluster = Cluster::in_memory(config, 2);
        cluster.create_topic("t", 2, clock.since_unix_epoch()).unwrap();
        let wire = Rc::new(RefCell::new(Wire::default()));
        let options =
            Options { client_name: "test".into(), client_version: "1".into(), wants_lease: true };
        let transport = WsTransport::new(TestSocket(wire.clone()), options, 1);
        let settings = [("bootstrap.servers", "bridge:1")].iter().chain(settings).copied();
        let config = ProducerConfig::from_properties(settings).unwrap();
        let (producer, driver) =
            ottla_core::producer(config, clock.clone(), 1, transport.clone()).unwrap();
        Self {
            clock,
            producer,
            driver,
            transport,
            wire,
            upstream: Upstream::new(cluster),
            bridge: None,
            opened: Vec::new(),
            unreachable: false,
            no_token: false,
            closes: Vec::new(),
            cut_up: None,
            cut_down: None,
            passed_up: 0,
            passed_down: 0,
            sizes: Vec::new(),
        }
    }

    /// Lets everything happen that happens without time passing.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000 {
            let _ = self.driver.poll(&mut Context::from_waker(Waker::noop()));
            self.transport.advance(self.clock.now());
            let happened = self.act() | self.answer();
            if !happened && self.next().is_none_or(|next| next > self.clock.now()) {
                return;
            }
        }
        panic!("the transport spins");
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.clock.advance_to(next);
            self.settle();
        }
        self.clock.advance_to(end);
        self.settle();
    }

    fn next(&self) -> Option<Instant> {
        let transport = self.transport.next_wake(self.clock.now());
        [self.driver.next_wake(), transport].into_iter().flatten().min()
    }

    /// What the client did.
    fn act(&mut self) -> bool {
        let Some(action) = self.wire.borrow_mut().actions.pop_front() else { return false };
        let now = self.clock.now();
        match action {
            Action::WantToken if self.no_token => self.transport.no_token("offline", now),
            Action::WantToken => self.transport.set_token("token", now),
            Action::Open => {
                self.opened.push(now);
                if self.unreachable {
                    self.transport.closed(Some(1006), "", now);
                } else {
                    self.bridge = Some(OtherEnd::new());
                    self.transport.opened(now);
                }
            }
            Action::Send(message) => {
                self.passed_up += message.len();
                self.sizes.push(message.len());
                if self.cut_up.is_some_and(|cut| self.passed_up > cut) {
                    self.cut_up = None;
                    self.cut();
                } else if let Some(bridge) = &mut self.bridge {
                    bridge.receive(&message, &mut self.upstream, self.clock.since_unix_epoch());
                }
            }
            Action::Close(code) => {
                self.closes.push(code);
                self.bridge = None;
            }
        }
        true
    }

    /// What the bridge did.
    fn answer(&mut self) -> bool {
        let Some(bridge) = &mut self.bridge else { return false };
        let now = self.clock.now();
        if let Some(code) = bridge.close.take() {
            self.bridge = None;
            self.transport.closed(Some(code), "because", now);
            return true;
        }
        if bridge.messages.is_empty() {
            return false;
        }
        let message = bridge.messages.remove(0);
        self.passed_down += message.len();
        if self.cut_down.is_some_and(|cut| self.passed_down > cut) {
            self.cut_down = None;
            self.cut();
        } else {
            self.transport.received(&message, now);
        }
        true
    }

    /// The WebSocket ends without a word.
    pub(crate) fn cut(&mut self) {
        self.bridge = None;
        self.wire.borrow_mut().actions.clear();
        self.transport.closed(Some(1006), "", self.clock.now());
    }

    /// Waits until the topic is known.
    pub(crate) fn know(&mut self) {
        let _ = self.producer.try_send("t", Record::new(b""));
        self.pass(Duration::from_secs(30));
    }

    /// Sends a record that must be accepted at once.
    pub(crate) fn send(&self, partition: i32, value: &str) -> Delivery<Simulated> {
        let record = Record::new(value.as_bytes()).partition(partition);
        self.producer.try_send("t", record).expect("it is accepted")
    }

    /// The values in a partition's log.
    pub(crate) fn log(&self, partition: i32) -> Vec<String> {
        let records = self.upstream.cluster.records("t", partition, 0, usize::MAX).unwrap();
        let text =
            |value: Option<bytes::Bytes>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        records.into_iter().map(|record| text(record.value)).collect()
    }
}
