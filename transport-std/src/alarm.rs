//! The I/O thread's waker: a system call only when the thread sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::Wake;

/// The thread works, or does what is none of ours, and nothing has asked for more since it began to
/// work.
const WORKING: u8 = 0;
/// Somebody has asked for work since.
const RUNG: u8 = 1;
/// The thread sleeps in the poller, or is about to.
const ASLEEP: u8 = 2;

/// Wakes the I/O thread.
///
/// Why no wake-up is lost. All changes of `state` are read-modify-writes, so they have one order,
/// and each acquires what the ones before it released. Consider one `ring` and what it announces (a
/// batch in a queue, say):
/// - It comes before the thread's next [`begin_work`](Self::begin_work): that acquires it, and the
///   work that follows sees the batch. If the thread sleeps at that time, `ring` has found `ASLEEP`
///   and interrupts the poller, which the poller remembers even if the thread has not entered it
///   yet.
/// - It comes after `begin_work` and before [`may_sleep`](Self::may_sleep): that finds `RUNG`
///   instead of `WORKING`, and the thread works once more without sleeping.
///
/// A `ring` that finds `RUNG` or `WORKING` does nothing more: under load, waking costs one atomic
/// exchange. It must be an exchange also where it finds `RUNG`; a plain load that skips it would
/// not release what this ring announces.
pub(crate) struct Alarm {
    state: AtomicU8,
    stopped: AtomicBool,
    interrupt: Box<dyn Fn() + Send + Sync>,
}

impl Alarm {
    /// `interrupt` ends the sleep of the thread: the present one, or else the next.
    pub(crate) fn new(interrupt: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            state: AtomicU8::new(RUNG), // to begin with
            stopped: AtomicBool::new(false),
            interrupt: Box::new(interrupt),
        }
    }

    /// Asks the thread to work again; from any thread.
    pub(crate) fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            (self.interrupt)();
        }
    }

    /// Whether work was asked for that has not begun. May be late to notice another thread's ring.
    #[inline]
    pub(crate) fn is_rung(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RUNG
    }

    /// Asks the thread to end.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    /// The thread is awake: what was announced until here is seen by the work that follows.
    /// False when it is to end.
    pub(crate) fn begin_work(&self) -> bool {
        self.state.swap(WORKING, Ordering::AcqRel);
        !self.stopped.load(Ordering::Acquire)
    }

    /// Whether the thread may sleep; if so, rings interrupt from here on.
    pub(crate) fn may_sleep(&self) -> bool {
        let slept =
            self.state.compare_exchange(WORKING, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        slept.is_ok()
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Two threads that announce one thing each and ring, and the I/O thread, as single steps that
    /// a schedule may put in any order.
    struct Model {
        alarm: Alarm,
        /// Interrupts that a ring has begun but not yet delivered to the poller.
        begun: Arc<Mutex<u32>>,
        poller_interrupted: bool,
        announced: u32,
        seen: u32,
        ringers: [Ringer; 2],
        thread: IoThread,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Ringer {
        Announce,
        Ring,
        Deliver,
        Done,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum IoThread {
        Begin,
        Look,
        MaySleep,
        Sleep,
    }

    impl Model {
        fn new() -> Self {
            let begun = Arc::new(Mutex::new(0));
            let count = Arc::clone(&begun);
            Self {
                alarm: Alarm::new(move || *count.lock().unwrap() += 1),
                begun,
                poller_interrupted: false,
                announced: 0,
                seen: 0,
                ringers: [Ringer::Announce; 2],
                thread: IoThread::Begin,
            }
        }

        fn ringer_steps(&mut self, index: usize) -> bool {
            self.ringers[index] = match self.ringers[index] {
                Ringer::Announce => {
                    self.announced += 1;
                    Ringer::Ring
                }
                Ringer::Ring => {
                    let before = *self.begun.lock().unwrap();
                    self.alarm.ring();
                    let interrupts = *self.begun.lock().unwrap() > before;
                    if interrupts { Ringer::Deliver } else { Ringer::Done }
                }
                Ringer::Deliver => {
                    self.poller_interrupted = true;
                    Ringer::Done
                }
                Ringer::Done => return false,
            };
            true
        }

        fn thread_steps(&mut self) -> bool {
            self.thread = match self.thread {
                IoThread::Begin => {
                    self.alarm.begin_work();
                    IoThread::Look
                }
                IoThread::Look => {
                    self.seen = self.announced;
                    IoThread::MaySleep
                }
                IoThread::MaySleep if self.alarm.may_sleep() => IoThread::Sleep,
                IoThread::MaySleep => IoThread::Begin,
                IoThread::Sleep if self.poller_interrupted => {
                    self.poller_interrupted = false;
                    IoThread::Begin
                }
                IoThread::Sleep => return false,
            };
            true
        }

        fn step(&mut self, who: u8) -> bool {
            match who {
                0 | 1 => self.ringer_steps(usize::from(who)),
                _ => self.thread_steps(),
            }
        }
    }

    /// Runs the model by `schedule`; `None` if a step of it was not possible.
    fn run(schedule: &[u8]) -> Option<Model> {
        let mut model = Model::new();
        schedule.iter().all(|who| model.step(*who)).then_some(model)
    }

    #[test]
    fn no_interleaving_sleeps_over_an_announcement() {
        let mut schedules = vec![Vec::new()];
        let mut ends = 0;
        while let Some(schedule) = schedules.pop() {
            let mut stuck = true;
            for who in 0..3 {
                let longer = [&schedule[..], &[who]].concat();
                if run(&longer).is_some() {
                    stuck = false;
                    schedules.push(longer);
                }
            }
            if stuck {
                let model = run(&schedule).unwrap();
                assert!(model.ringers.iter().all(|ringer| *ringer == Ringer::Done));
                assert_eq!(model.seen, 2, "asleep for ever after {schedule:?}");
                ends += 1;
            }
        }
        assert!(ends > 500, "only {ends} schedules");
    }

    #[test]
    fn a_busy_thread_is_not_interrupted() {
        let interrupts = Arc::new(Mutex::new(0));
        let count = Arc::clone(&interrupts);
        let alarm = Alarm::new(move || *count.lock().unwrap() += 1);
        alarm.begin_work();
        alarm.ring();
        alarm.ring();
        assert!(!alarm.may_sleep());
        assert_eq!(*interrupts.lock().unwrap(), 0);
        alarm.begin_work();
        assert!(alarm.may_sleep());
        alarm.ring();
        alarm.ring();
        assert_eq!(*interrupts.lock().unwrap(), 1);
    }
}
