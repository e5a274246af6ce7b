//! The simulated application: tasks that send, wait, flush and give up.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use ottla_core::time::Clock;
use ottla_core::{Delivery, Producer, SendError, Topic};

use super::clock::{Simulated, VirtualClock};
use super::content::{Content, RecordId};
use super::dice::Dice;
use super::executor::Timers;
use super::fleet::Fleet;
use super::ledger::{Ledger, settled};
use super::scenario::TOPICS;
use super::trace::Trace;

/// What the tasks share.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) producer: Producer<Simulated>,
    pub(crate) fleet: Fleet,
    pub(crate) clock: VirtualClock,
    pub(crate) timers: Timers,
    pub(crate) trace: Trace,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) failure: RefCell<Option<String>>,
    pub(crate) senders: Senders,
    pub(crate) topics: usize,
    pub(crate) largest: u32,
}

/// How many tasks still send, and who waits for the last one.
#[derive(Debug)]
pub(crate) struct Senders {
    count: Cell<u32>,
    waiting: RefCell<Option<Waker>>,
}

impl Senders {
    pub(crate) fn new(count: u32) -> Self {
        Self { count: Cell::new(count), waiting: RefCell::new(None) }
    }

    fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Nobody sends any more.
    pub(crate) fn leave_all(&self) {
        self.count.set(1);
        self.leave();
    }

    async fn all_left(&self) {
        poll_fn(|cx| {
            if self.count.get() == 0 {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// One task that sends.
pub(crate) struct Sending {
    pub(crate) app: Rc<Application>,
    pub(crate) task: u32,
    pub(crate) dice: Dice,
    /// Its own handles of the topics, with a sticky partition each.
    handles: Vec<Topic<Simulated>>,
    /// Records whose delivery it keeps.
    kept: Vec<RecordId>,
}

impl Sending {
    pub(crate) fn new(app: Rc<Application>, task: u32, dice: Dice) -> Self {
        let handles = TOPICS.iter().map(|topic| app.producer.topic(topic)).collect();
        Self { app, task, dice, handles, kept: Vec::new() }
    }

    /// Does so many things in about `span`.
    pub(crate) async fn run(mut self, steps: u32, span: Duration) {
        let pause = (span / steps).as_micros() as u32;
        for _ in 0..steps {
            self.step().await;
            if self.dice.percent(70) {
                let pause = self.dice.micros(0, pause * 2);
                self.app.timers.sleep(pause).await;
            }
        }
        if self.dice.percent(70) {
            for id in std::mem::take(&mut self.kept) {
                settled(&self.app.ledger, id).await;
            }
        }
        self.app.senders.leave();
    }

    async fn step(&mut self) {
        if self.dice.percent(1) {
            // So long that brokers may forget the producer.
            self.app.timers.sleep(Duration::from_secs(400)).await;
        }
        match self.dice.below(20) {
            0 => self.flush().await,
            1 => self.ask_partitions().await,
            2 | 3 => self.wait_for_one().await,
            4..=8 => {
                for _ in 0..self.dice.skewed(5) {
                    self.try_send();
                }
            }
            _ => {
                for _ in 0..self.dice.skewed(5) {
                    self.send().await;
                }
            }
        }
    }

    fn offer(&mut self) -> (Content, usize) {
        let known = self.dice.percent(97);
        let topic = if known { self.dice.index(self.app.topics) } else { TOPICS.len() - 1 };
        let (dice, largest) = (&mut self.dice, self.app.largest);
        let mut ledger = self.app.ledger.borrow_mut();
        let content =
            ledger.offer(self.task, TOPICS[topic], |id| Content::random(id, dice, largest));
        (content, topic)
    }

    fn partition(&mut self) -> Option<i32> {
        self.dice.percent(15).then(|| self.dice.skewed(3) as i32 - 1)
    }

    fn try_send(&mut self) {
        let (content, topic) = self.offer();
        let partition = self.partition();
        let bytes = content.bytes();
        let headers = bytes.headers();
        let mut record = bytes.record(&headers);
        record.partition = partition;
        let sent = if self.dice.percent(50) {
            self.handles[topic].try_send(record)
        } else {
            self.app.producer.try_send(TOPICS[topic], record)
        };
        self.note(content.id, topic, sent);
    }

    async fn send(&mut self) {
        let (content, topic) = self.offer();
        let partition = self.partition();
        let bytes = content.bytes();
        let headers = bytes.headers();
        let mut record = bytes.record(&headers);
        record.partition = partition;
        let app = self.app.clone();
        let patience = self.dice.percent(10).then(|| self.dice.micros(0, 20_000));
        let sent = if self.dice.percent(50) {
            wait(&app, patience, self.handles[topic].send(record)).await
        } else {
            wait(&app, patience, app.producer.send(TOPICS[topic], record)).await
        };
        if let Some(sent) = sent {
            self.note(content.id, topic, sent);
        }
    }

    /// Takes down whether a record was accepted.
    fn note(&mut self, id: RecordId, topic: usize, sent: Result<Delivery<Simulated>, SendError>) {
        let who = format_args!("task {}", self.task);
        let topic = TOPICS[topic];
        match sent {
            Ok(delivery) => {
                let partition = delivery.partition();
                self.app
                    .trace
                    .note(who, format_args!("record {id} accepted for {topic}-{partition}"));
                let kept = self.dice.percent(90);
                let now = self.app.clock.now();
                let delivery = kept.then_some(delivery);
                self.app.ledger.borrow_mut().accept(id, now, partition, delivery);
                if kept {
                    self.kept.push(id);
                }
            }
            Err(error) => {
                self.app.trace.note(who, format_args!("record {id} for {topic} refused: {error}"));
            }
        }
    }

    async fn wait_for_one(&mut self) {
        if !self.kept.is_empty() {
            let id = self.kept.swap_remove(self.dice.index(self.kept.len()));
            let patience = self.dice.percent(30).then(|| self.dice.micros(0, 20_000));
            let app = self.app.clone();
            wait(&app, patience, settled(&app.ledger, id)).await;
        }
    }

    /// When a flush is over, everything accepted before it has its outcome.
    async fn flush(&mut self) {
        let app = self.app.clone();
        let before = app.ledger.borrow().accepted.len();
        app.trace.note(format_args!("task {}", self.task), format_args!("flush"));
        let patience = self.dice.percent(30).then(|| self.dice.micros(0, 50_000));
        if wait(&app, patience, app.producer.flush()).await.is_none() {
            return;
        }
        app.trace.note(format_args!("task {}", self.task), format_args!("flushed"));
        if let Some(id) = app.ledger.borrow().unsettled_before(before) {
            let what = format!("a flush ended before record {id} had its outcome");
            app.failure.borrow_mut().get_or_insert(what);
        }
    }

    async fn ask_partitions(&mut self) {
        let topic = TOPICS[self.dice.index(self.app.topics)];
        let app = self.app.clone();
        let patience = self.dice.percent(30).then(|| self.dice.micros(0, 20_000));
        let answer = wait(&app, patience, app.producer.partitions(topic)).await;
        let who = format_args!("task {}", self.task);
        app.trace.note(who, format_args!("partitions of {topic}: {answer:?}"));
    }
}

/// Waits for a future, or only so long.
pub(crate) async fn wait<F: Future>(
    app: &Application,
    patience: Option<Duration>,
    future: F,
) -> Option<F::Output> {
    match patience {
        Some(patience) => app.timers.within(patience, future).await,
        None => Some(future.await),
    }
}

/// Closes the producer when nobody sends any more, or, if impatient, a while before.
pub(crate) async fn close(app: Rc<Application>, timeout: Duration, at: Option<Duration>) {
    match at {
        Some(at) => app.timers.sleep(at).await,
        None => app.senders.all_left().await,
    }
    app.trace.note("closer", format_args!("close within {timeout:?}"));
    for producer in app.fleet.producers() {
        producer.close(timeout).await;
    }
    // Others may have been launched since.
    app.senders.all_left().await;
    for producer in app.fleet.producers() {
        producer.close(timeout).await;
    }
    app.trace.note("closer", format_args!("closed"));
}
