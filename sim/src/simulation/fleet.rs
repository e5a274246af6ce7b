//! The producers of a run and their drivers: one, or in transactional runs several, as one takes
//! over the transactional id of another.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ottla_core::time::Instant;
use ottla_core::{Driver, Producer, ProducerConfig, producer};

use super::clock::{Simulated, VirtualClock};
use super::dice::Dice;
use super::executor::Flag;
use super::network::World;
use super::transport::SimulatedTransport;

/// See the [module](self).
pub(crate) struct Fleet {
    config: ProducerConfig,
    clock: VirtualClock,
    world: Rc<RefCell<World>>,
    seeds: RefCell<Dice>,
    members: RefCell<Vec<Member>>,
}

struct Member {
    producer: Producer<Simulated>,
    /// `None` once it is done, or was killed.
    driver: Option<Driver<Simulated, SimulatedTransport>>,
    woken: Arc<Flag>,
    waker: Waker,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

impl Fleet {
    pub(crate) fn new(
        config: ProducerConfig,
        clock: VirtualClock,
        world: Rc<RefCell<World>>,
        seeds: Dice,
    ) -> Self {
        let (seeds, members) = (RefCell::new(seeds), RefCell::default());
        Self { config, clock, world, seeds, members }
    }

    /// Starts another producer.
    pub(crate) fn launch(&self) -> Producer<Simulated> {
        let transport = SimulatedTransport { world: self.world.clone() };
        let seed = self.seeds.borrow_mut().seed();
        let made = producer(self.config.clone(), self.clock.clone(), seed, transport);
        let (producer, driver) = made.expect("scenarios have valid configurations");
        let woken = Arc::new(Flag::default());
        woken.clone().wake();
        let waker = Waker::from(woken.clone());
        let member = Member { producer: producer.clone(), driver: Some(driver), woken, waker };
        self.members.borrow_mut().push(member);
        producer
    }

    /// Ends the newest producer as a crash of its process would.
    pub(crate) fn kill_newest(&self) {
        let member = self.members.borrow_mut().pop();
        drop(member);
    }

    /// Polls the drivers that were woken or whose time has come; `count` hears of each poll.
    pub(crate) fn poll(
        &self,
        now: Instant,
        mut count: impl FnMut(bool) -> Result<(), String>,
    ) -> Result<bool, String> {
        let mut polled = false;
        for member in &mut *self.members.borrow_mut() {
            let Some(driver) = &mut member.driver else { continue };
            let mut woken = member.woken.take();
            if woken && let Some(saboteur) = &mut self.world.borrow_mut().saboteur {
                woken = !saboteur.swallows_wakeup();
            }
            if !woken && driver.next_wake().is_none_or(|at| at > now) {
                continue;
            }
            count(woken)?;
            if driver.poll(&mut Context::from_waker(&member.waker)) == Poll::Ready(()) {
                member.driver = None;
            }
            self.world.borrow_mut().check_nonsense();
            polled = true;
        }
        Ok(polled)
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let members = self.members.borrow();
        members.iter().filter_map(|member| member.driver.as_ref()?.next_wake()).min()
    }

    /// Whether some driver is not done.
    pub(crate) fn is_running(&self) -> bool {
        self.members.borrow().iter().any(|member| member.driver.is_some())
    }

    pub(crate) fn producers(&self) -> Vec<Producer<Simulated>> {
        self.members.borrow().iter().map(|member| member.producer.clone()).collect()
    }
}
