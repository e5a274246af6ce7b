//! Embassy's time driver: milliseconds of the SysTick timer.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

const CLOCK_HZ: u32 = 25_000_000;

struct Milliseconds {
    now: Mutex<Cell<u64>>,
    alarm: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static TIME: Milliseconds = Milliseconds {
    now: Mutex::new(Cell::new(0)),
    alarm: Mutex::new(Cell::new(u64::MAX)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Milliseconds {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.queue.borrow(cs).borrow_mut().schedule_wake(at, waker) {
                self.wake_due(cs);
            }
        });
    }
}

impl Milliseconds {
    fn tick(&self) {
        critical_section::with(|cs| {
            let now = self.now.borrow(cs);
            now.set(now.get() + 1);
            if now.get() >= self.alarm.borrow(cs).get() {
                self.wake_due(cs);
            }
        });
    }

    /// Wakes those whose time has come and sets the alarm for the next.
    fn wake_due(&self, cs: CriticalSection<'_>) {
        let now = self.now.borrow(cs).get();
        let next = self.queue.borrow(cs).borrow_mut().next_expiration(now);
        self.alarm.borrow(cs).set(next);
    }
}

/// The uptime, finer than the ticks.
pub(super) fn micros(cs: CriticalSection<'_>) -> u64 {
    let left = || u64::from(SYST::get_current());
    let (before, ticked, after) = (left(), SCB::is_pendst_pending(), left());
    // A tick that came but was not yet handled counts; the counter was read before it or after.
    let missed = u64::from(ticked || after > before);
    let left = if missed == 0 { before } else { after };
    let ticks = TIME.now.borrow(cs).get() + missed;
    let within = (u64::from(CLOCK_HZ) / TICK_HZ - 1).saturating_sub(left);
    ticks * 1000 + within / u64::from(CLOCK_HZ / 1_000_000)
}

/// Starts the timer.
pub(super) fn start() {
    let mut timer = cortex_m::Peripherals::take().expect("taken once").SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(CLOCK_HZ / TICK_HZ as u32 - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

#[exception]
fn SysTick() {
    TIME.tick();
}
