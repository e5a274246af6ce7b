//! Running the driver as a task of an async executor.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use ottla_core::Driver;
use ottla_core::sync::Platform;
use ottla_core::time::Instant;
use ottla_core::transport::Transport;

/// Does a producer's work until it is closed. `timer` makes a future that ends at the given time of
/// the producer's clock, such as embassy-time's `Timer::at`.
pub async fn drive<X, T, F>(mut driver: Driver<X, T>, mut timer: impl FnMut(Instant) -> F)
where
    X: Platform,
    T: Transport,
    F: Future + Unpin,
{
    let mut armed: Option<(Instant, F)> = None;
    poll_fn(|cx| {
        loop {
            if driver.poll(cx).is_ready() {
                return Poll::Ready(());
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
    .await;
}
