//! Asking the DNS without stopping the I/O thread: `std` can only resolve names by blocking.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use ottla_core::config::BrokerAddress;

/// How many names are looked up at once. A dead DNS server holds a thread for half a minute; a few
/// threads keep the names of other servers going meanwhile.
const THREADS_MAX: usize = 4;

/// Looks names up on helper threads that live while there is something to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Arc<Request>>,
    threads: usize,
}

#[derive(Debug)]
struct Request {
    broker: BrokerAddress,
    answer: Mutex<Answer>,
}

#[derive(Debug, Default)]
struct Answer {
    addresses: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

/// A name that is being looked up. Dropping it gives the lookup up.
#[derive(Debug)]
pub(crate) struct Lookup(Arc<Request>);

impl Resolver {
    /// Begins to look up the broker's name.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn look_up(&self, broker: &BrokerAddress) -> io::Result<Lookup> {
        let request = Arc::new(Request { broker: broker.clone(), answer: Mutex::default() });
        let mut queue = lock(&self.0);
        if queue.threads < THREADS_MAX {
            let resolver = self.clone();
            let spawned = thread::Builder::new()
                .name("ottla-dns".into())
                .spawn(move || resolver.answer_all());
            match spawned {
                Ok(_) => queue.threads += 1,
                Err(error) if queue.threads == 0 => return Err(error),
                Err(_) => {} // the threads there are will come to it
            }
        }
        queue.waiting.push_back(Arc::clone(&request));
        Ok(Lookup(request))
    }

    /// A helper thread's work: it ends when nothing waits.
    fn answer_all(&self) {
        while let Some(request) = self.next() {
            // Only the queue held it: whoever asked has given up.
            if Arc::strong_count(&request) > 1 {
                request.answer();
            }
        }
    }

    fn next(&self) -> Option<Arc<Request>> {
        let mut queue = lock(&self.0);
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.threads -= 1;
        }
        next
    }
}

impl Request {
    fn answer(&self) {
        let found = (self.broker.host.as_str(), self.broker.port).to_socket_addrs();
        let mut answer = lock(&self.answer);
        answer.addresses = Some(found.map(Iterator::collect));
        let waker = answer.waker.take();
        drop(answer);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Lookup {
    /// The addresses, once they are known; given out only once.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        let mut answer = lock(&self.0.answer);
        match answer.addresses.take() {
            Some(addresses) => Poll::Ready(addresses),
            None => {
                answer.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn until(what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn a_few_threads_answer_many_lookups_and_end() {
        let resolver = Resolver::default();
        let broker = BrokerAddress::new("localhost", 9092);
        let mut lookups: Vec<_> = (0..40).map(|_| resolver.look_up(&broker).unwrap()).collect();
        assert!(lock(&resolver.0).threads <= THREADS_MAX);
        lookups.truncate(30); // ten are given up
        let mut cx = Context::from_waker(Waker::noop());
        for lookup in &lookups {
            until("no answer", || match lookup.poll(&mut cx) {
                Poll::Ready(addresses) => {
                    assert!(addresses.unwrap().iter().all(|address| address.port() == 9092));
                    true
                }
                Poll::Pending => false,
            });
        }
        until("a thread stays", || lock(&resolver.0).threads == 0);
        assert!(lock(&resolver.0).waiting.is_empty());
    }
}
