//! The end of a producer: nobody is left waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use ottla_core::{Record, SendError};

use crate::world::{World, poll, refusal};

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A send that begins to wait for a topic while the driver comes to its end waited for ever: the
/// driver had not read of the topic yet, and woke those of whom it had.
#[test]
fn a_send_whose_topic_the_driver_has_not_read_of_is_woken() {
    let world = World::new(1, &[("t", 1)], &[]);
    let producer = world.producer.clone();
    let mut send = Box::pin(producer.send("t", Record::new(b"x")));
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(send.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(world);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let std::task::Poll::Ready(result) = poll(&mut send) else { panic!("it waits on") };
    assert_eq!(refusal(result), SendError::Closed);
}
