//! Running the driver as a task of an async executor.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use embedded_storage::nor_flash::NorFlash;
use ottla_core::Driver;
use ottla_core::sync::Platform;
use ottla_core::time::Instant;
use ottla_core::transport::Transport;

use crate::flash_ring::FlashRing;
use crate::keep::keep;

/// Does a producer's work until it is closed. `timer` makes a future that ends at the given time of
/// the producer's clock, such as embassy-time's `Timer::at`.
pub fn drive<X, T, F>(
    driver: Driver<X, T>,
    timer: impl FnMut(Instant) -> F,
) -> impl Future<Output = ()>
where
    X: Platform,
    T: Transport,
    F: Future + Unpin,
{
    drive_with(driver, timer, |_| false)
}

/// As [`drive`], with batches in flash until they are acknowledged. `failed` hears of each that
/// could not be stored, and is sent all the same.
pub fn drive_storing<X, T, F, N>(
    mut driver: Driver<X, T>,
    timer: impl FnMut(Instant) -> F,
    ring: &RefCell<FlashRing<N>>,
    mut failed: impl FnMut(),
) -> impl Future<Output = ()>
where
    X: Platform,
    T: Transport,
    F: Future + Unpin,
    N: NorFlash,
{
    driver.store_batches();
    drive_with(driver, timer, move |driver| keep(driver, ring, &mut failed))
}

/// `look` is called after each poll, and says whether the driver has something to do again. Not an
/// async function, whose future would hold the driver twice.
fn drive_with<X, T, F>(
    mut driver: Driver<X, T>,
    mut timer: impl FnMut(Instant) -> F,
    mut look: impl FnMut(&mut Driver<X, T>) -> bool,
) -> impl Future<Output = ()>
where
    X: Platform,
    T: Transport,
    F: Future + Unpin,
{
    let mut armed: Option<(Instant, F)> = None;
    poll_fn(move |cx| {
        loop {
            let closed = driver.poll(cx).is_ready();
            let again = look(&mut driver);
            if closed {
                return Poll::Ready(());
            }
            if again {
                continue;
            }
            let Some(at) = driver.next_wake() else {
                armed = None;
                return Poll::Pending;
            };
            let (_, future) = match armed.take() {
                Some(timer) if timer.0 == at => armed.insert(timer),
                _ => armed.insert((at, timer(at))),
            };
            if Pin::new(future).poll(cx).is_pending() {
                return Poll::Pending;
            }
            armed = None;
        }
    })
}
