//! One run: the loop that polls whoever was woken and lets time jump to the next event.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use ottla_core::Metrics;
use ottla_core::time::{Clock, Instant};

use super::atomicity::Atomicity;
use super::checker::Checker;
use super::clock::VirtualClock;
use super::dice::{Dice, Stream};
use super::executor::Executor;
use super::fleet::Fleet;
use super::ledger::{Ledger, Told};
use super::limits::Limits;
use super::network::{Event, World};
use super::sabotage::{Sabotage, Saboteur};
use super::scenario::Scenario;
use super::trace::Trace;
use super::transacting::{PRODUCERS, Transacting};
use super::workload::{Application, Senders, Sending, close};

/// No run takes longer than this, virtually.
const HORIZON: Duration = Duration::from_secs(3 * 3600);
/// After such a silence brokers may forget producers: `producer.id.expiration.ms`.
const SILENCE: Duration = Duration::from_secs(310);
/// Polls of the driver at one instant, and in one second without anything but timers.
const POLLS_AT_ONCE: u32 = 3000;
const IDLE_POLLS_PER_SECOND: u32 = 3000;

/// What kind of run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keeps the timeline.
    pub trace: bool,
    /// Breaks the producer on purpose.
    pub sabotage: Option<Sabotage>,
    /// Sends in transactions whatever the seed says.
    pub transactions: bool,
}

/// A run that ended as it should.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records that were accepted.
    pub accepted: u64,
    /// Records that were acknowledged.
    pub acknowledged: u64,
    /// Records in the logs, repeats included.
    pub stored: u64,
    /// Transactions that were begun, and of these those that were told to be committed.
    pub transactions: (u64, u64),
    /// How long it took, virtually.
    pub virtual_time: Duration,
    /// The timeline, where it was asked for.
    pub trace: Vec<String>,
}

/// A rule was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Replays the run.
    pub seed: u64,
    /// It sent in transactions whatever the seed says.
    pub transactions: bool,
    /// Which rule, and by what.
    pub what: String,
    /// The timeline, where it was asked for.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, .. } = self;
        let transactions = if self.transactions { "--transactions " } else { "" };
        write!(f, "seed {seed}: {what}; replay with: cargo xtask sim {transactions}")?;
        write!(f, "--seed {seed} --trace")
    }
}

impl std::error::Error for Failure {}

/// Runs a seed to its end.
///
/// # Errors
/// The first rule that was broken.
pub fn run(seed: u64, options: &Options) -> Result<Report, Failure> {
    let mut scenario = Scenario::of(seed);
    if options.transactions {
        scenario.send_in_transactions(seed);
    }
    run_scenario(seed, scenario, options)
}

/// Runs a scenario that a seed does not stand for alone.
pub(crate) fn run_scenario(
    seed: u64,
    scenario: Scenario,
    options: &Options,
) -> Result<Report, Failure> {
    let clock = VirtualClock::default();
    let trace = Trace::new(clock.clone(), options.trace);
    let run = || Run::new(seed, scenario, options, clock, trace.clone()).finish();
    let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", message.unwrap_or("no message")))
    });
    match outcome {
        Ok(report) => Ok(Report { trace: trace.take(), ..report }),
        Err(what) => {
            Err(Failure { seed, transactions: options.transactions, what, trace: trace.take() })
        }
    }
}

struct Run {
    scenario: Scenario,
    clock: VirtualClock,
    world: Rc<RefCell<World>>,
    app: Rc<Application>,
    executor: Executor,
    polls: Polls,
    /// When something was last on its way.
    busy_at: Instant,
}

/// Counts the driver's polls.
#[derive(Debug, Default)]
struct Polls {
    at: Instant,
    at_once: u32,
    second: u64,
    idle: u32,
}

impl Run {
    fn new(
        seed: u64,
        scenario: Scenario,
        options: &Options,
        clock: VirtualClock,
        trace: Trace,
    ) -> Self {
        trace.note("scenario", format_args!("{scenario:#?}"));
        let world = Rc::new(RefCell::new(world(seed, &scenario, &clock, &trace, options)));
        let seeds = Dice::new(seed, Stream::Producer);
        let fleet = Fleet::new(scenario.config.clone(), clock.clone(), world.clone(), seeds);
        let producer = fleet.launch();
        let mut executor = Executor::new(clock.clone());
        let app = Rc::new(Application {
            producer,
            fleet,
            clock: clock.clone(),
            timers: executor.timers(),
            trace,
            ledger: RefCell::new(Ledger::default()),
            failure: RefCell::new(None),
            senders: Senders::new(scenario.tasks),
            topics: scenario.topics.len(),
            largest: scenario.largest,
        });
        if scenario.config.transactional_id.is_some() {
            let dice = Dice::new(seed, Stream::Workload(0));
            let transacting = Transacting::new(app.clone(), dice);
            let run = transacting.run(scenario.steps, scenario.span);
            executor.spawn("transactions".to_owned(), run);
        }
        for task in (0..scenario.tasks).filter(|_| scenario.config.transactional_id.is_none()) {
            let sending = Sending::new(app.clone(), task, Dice::new(seed, Stream::Workload(task)));
            executor.spawn(format!("task {task}"), sending.run(scenario.steps, scenario.span));
        }
        let early = scenario.impatient.then_some(scenario.span / 2);
        executor.spawn("closer".to_owned(), close(app.clone(), scenario.close, early));
        let (polls, busy_at) = (Polls::default(), Instant::ZERO);
        Self { scenario, clock, world, app, executor, polls, busy_at }
    }

    fn finish(&mut self) -> Result<Report, String> {
        loop {
            self.run_instant()?;
            let Some(next) = self.next_time() else { break };
            if next > Instant::ZERO + HORIZON {
                return Err(format!(
                    "not over after {HORIZON:?}: {:?}",
                    self.executor.unfinished()
                ));
            }
            self.clock.advance_to(next);
            let now = self.clock.now();
            let timeout = self.scenario.config.delivery_timeout;
            let mut ledger = self.app.ledger.borrow_mut();
            if let Some(id) = ledger.overdue(now, timeout) {
                return Err(format!("record {id} has no outcome after delivery.timeout.ms"));
            }
            drop(ledger);
            let mut world = self.world.borrow_mut();
            if !self.has_all_memory() {
                self.busy_at = now;
            } else if now.since(self.busy_at) > SILENCE {
                world.forget_if_quiet();
            }
            world.run_due();
            drop(world);
            self.executor.timers().fire();
        }
        self.check_end()
    }

    /// Polls until nobody is woken any more at this instant.
    fn run_instant(&mut self) -> Result<(), String> {
        loop {
            let ran = self.executor.run_woken();
            let polled = self.poll_drivers()?;
            self.look_for_failures()?;
            if !ran && !polled {
                return Ok(());
            }
        }
    }

    fn poll_drivers(&mut self) -> Result<bool, String> {
        let now = self.clock.now();
        let polls = &mut self.polls;
        self.app.fleet.poll(now, |woken| polls.count(now, woken))
    }

    fn look_for_failures(&self) -> Result<(), String> {
        let failure = self.world.borrow_mut().failure.take();
        match failure.or_else(|| self.app.failure.borrow_mut().take()) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn next_time(&self) -> Option<Instant> {
        let driver = self.app.fleet.next_wake();
        let times = [self.world.borrow().next_event(), self.executor.timers().next(), driver];
        times.into_iter().flatten().min()
    }

    /// Everything has come to rest.
    fn check_end(&self) -> Result<Report, String> {
        let unfinished = self.executor.unfinished();
        if !unfinished.is_empty() {
            return Err(format!("nothing will ever wake {}", unfinished.join(", ")));
        }
        if self.app.fleet.is_running() {
            return Err("the driver is not done although the producer is closed".to_owned());
        }
        self.check_memory()?;
        let (world, ledger) = (self.world.borrow(), self.app.ledger.borrow());
        let logs = world.history.logs(&world.cluster);
        let config = &self.scenario.config;
        let checker = Checker { config, ledger: &ledger, history: &world.history, logs: &logs };
        checker.check()?;
        drop(world);
        let mut world = self.world.borrow_mut();
        Atomicity { ledger: &ledger }.check(&mut world, self.clock.since_unix_epoch())?;
        let producers = self.app.fleet.producers();
        let acknowledged = producers.iter().map(|it| it.metrics().records_acknowledged).sum();
        let transactions = &ledger.transactions;
        let committed = transactions.iter().filter(|it| it.told == Told::Committed).count();
        Ok(Report {
            transactions: (transactions.len() as u64, committed as u64),
            accepted: ledger.accepted.len() as u64,
            acknowledged,
            stored: logs.values().map(|records| records.len() as u64).sum(),
            virtual_time: self.clock.now().since(Instant::ZERO),
            trace: Vec::new(),
        })
    }

    /// Nothing that was accepted is still on its way.
    fn has_all_memory(&self) -> bool {
        self.app.fleet.producers().iter().all(|producer| {
            let metrics = producer.metrics();
            metrics.buffer_available_bytes == metrics.buffer_total_bytes
        })
    }

    fn check_memory(&self) -> Result<(), String> {
        self.app.fleet.producers().iter().try_for_each(|it| check_memory(&it.metrics()))
    }
}

fn check_memory(metrics: &Metrics) -> Result<(), String> {
    let (free, total) = (metrics.buffer_available_bytes, metrics.buffer_total_bytes);
    if free != total || metrics.waiting_for_memory != 0 {
        let waiting = metrics.waiting_for_memory;
        return Err(format!("{free} of {total} bytes came back, {waiting} senders wait"));
    }
    if metrics.requests_in_flight != 0 {
        return Err(format!("{} requests in flight at the end", metrics.requests_in_flight));
    }
    Ok(())
}

fn world(
    seed: u64,
    scenario: &Scenario,
    clock: &VirtualClock,
    trace: &Trace,
    options: &Options,
) -> World {
    let saboteur =
        options.sabotage.map(|kind| Saboteur::new(kind, Dice::new(seed, Stream::Sabotage)));
    let limits = Limits::new(&scenario.config, super::scenario::TOPICS.len() as u32);
    let producers = if scenario.config.transactional_id.is_some() { PRODUCERS } else { 1 };
    let limits = limits.times(producers);
    let mut world = World::new(
        clock.clone(),
        trace.clone(),
        Dice::new(seed, Stream::Network),
        scenario.weather,
        scenario.cluster(clock.since_unix_epoch()),
        limits,
        saboteur,
    );
    for (at, fault) in &scenario.faults {
        world.schedule(Instant::ZERO + *at, Event::Fault(fault.clone()));
    }
    world
}

impl Polls {
    /// A driver that never comes to rest, or that wakes itself again and again, burns a core.
    fn count(&mut self, now: Instant, woken: bool) -> Result<(), String> {
        if self.at != now {
            (self.at, self.at_once) = (now, 0);
        }
        let second = now.as_micros() / 1_000_000;
        if self.second != second {
            (self.second, self.idle) = (second, 0);
        }
        self.at_once += 1;
        self.idle += u32::from(!woken);
        if self.at_once > POLLS_AT_ONCE {
            return Err(format!("the driver is polled {} times at one instant", self.at_once));
        }
        if self.idle > IDLE_POLLS_PER_SECOND {
            return Err(format!("the driver woke itself {} times in a second", self.idle));
        }
        Ok(())
    }
}
