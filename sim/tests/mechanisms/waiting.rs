//! Waiting to be accepted: for memory and for metadata (rows B1.1, B2.2, B5, D3, E3).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use ottla_core::transaction::{TransactionError, TransactionalProducer};
use ottla_core::{Record, SendError};

use ottla_sim::simulation::Simulated;

use crate::world::{World, poll, refusal};

const SMALL: [(&str, &str); 4] = [
    ("buffer.memory", "4096"),
    ("batch.size", "1024"),
    ("max.block.ms", "1000"),
    ("linger.ms", "10000"),
];

/// B5.2: what can never fit is refused at once, and the words name the limit.
#[test]
fn more_than_all_memory_is_refused_at_once() {
    let settings = [("buffer.memory", "4096"), ("batch.size", "1024")];
    let world = World::new(1, &[("t", 1)], &settings);
    let huge = "x".repeat(5000);
    let error = refusal(world.producer.try_send("t", Record::new(huge.as_bytes())));
    let SendError::RecordTooLarge { limit: 4096, key: "buffer.memory", .. } = error else {
        panic!("{error:?}")
    };
}

/// B2.1, E1.3: what is wrong with a record is said before anything is asked or waited for.
#[test]
fn an_invalid_record_is_refused_before_anything_else() {
    let mut world = World::new(1, &[], &[]);
    let refused = |record| refusal(world.producer.try_send("unknown", record)).to_string();
    assert_eq!(refused(Record::new(b"x").timestamp(-1)), "a record's timestamp can't be negative");
    assert_eq!(refused(Record::new(b"x").partition(-1)), "a record's partition can't be negative");
    world.settle();
    assert_eq!(world.connections(), 0);
}

/// B2.2, D3: metadata and memory share one `max.block.ms`.
#[test]
fn the_waits_for_metadata_and_for_memory_share_their_time() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    world.know("t");
    world.hold(1, true);
    let text = "x".repeat(900);
    let _full: Vec<_> = (0..4).map(|_| world.send_to(0, &text)).collect();
    let producer = world.producer.clone();
    let mut unknown = Box::pin(producer.send("later", Record::new(text.as_bytes())));
    assert!(poll(&mut unknown).is_pending());
    let (refused, waited) = world.wait(&mut unknown);
    assert!(refused.is_err());
    assert!(waited <= Duration::from_millis(1100), "{waited:?}");
}

/// D3: who gives up hears who keeps it waiting, also before a request's own time is up.
#[test]
fn a_broker_that_says_nothing_is_named() {
    let mut world = World::new(1, &[("t", 1)], &[("max.block.ms", "3000")]);
    world.hold(1, true);
    let producer = world.producer.clone();
    let mut send = Box::pin(producer.send("t", Record::new(b"x")));
    assert!(poll(&mut send).is_pending());
    world.pass(Duration::from_secs(3));
    let Poll::Ready(Err(SendError::NotInMetadata { cause, .. })) = poll(&mut send) else {
        panic!("its time is up")
    };
    let said = "node-1:9092: no answer for 3000 ms; is it a Kafka broker?";
    assert_eq!(cause.as_deref(), Some(said));
}

/// B1.4: a producer that sends nothing connects to nobody.
#[test]
fn nothing_is_asked_before_the_first_record() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.connections(), 0);
}

/// F1: what transactions waited for wakes nobody when they are over.
#[test]
fn ended_waits_of_transactions_leave_no_alarms_behind() {
    let (mut world, mut producer) = transactional();
    for _ in 0..100 {
        let transaction = world.wait(Box::pin(producer.begin())).0.unwrap();
        world.wait(Box::pin(transaction.send("t", Record::new(b"x")))).0.unwrap();
        world.wait(Box::pin(transaction.commit())).0.unwrap();
        world.pass(Duration::from_millis(10));
    }
    let before = world.polls;
    world.pass(Duration::from_secs(200));
    let polls = world.polls - before;
    assert!(polls < 20, "{polls} polls for nobody");
}

/// F1: an earlier wait's alarm is not in the way of a later one's.
#[test]
fn each_wait_of_a_transaction_has_its_whole_time() {
    let (mut world, mut producer) = transactional();
    let transaction = world.wait(Box::pin(producer.begin())).0.unwrap();
    world.wait(Box::pin(transaction.send("t", Record::new(b"x")))).0.unwrap();
    world.wait(Box::pin(transaction.commit())).0.unwrap();
    world.pass(Duration::from_secs(5));
    let transaction = world.wait(Box::pin(producer.begin())).0.unwrap();
    world.wait(Box::pin(transaction.send("t", Record::new(b"y")))).0.unwrap();
    world.hold(1, true);
    let mut commit = Box::pin(transaction.commit());
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = woken.clone().into();
    let outcome = (0..100).find_map(|second| {
        if woken.0.swap(false, Ordering::Relaxed)
            && let Poll::Ready(outcome) = commit.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return Some((second, outcome));
        }
        world.pass(Duration::from_secs(1));
        None
    });
    let Some((60, Err(TransactionError::TimedOut { cause, .. }))) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(cause.as_deref(), Some("node-1:9092: no answer within request.timeout.ms"));
}

/// Whether a task was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn transactional() -> (World, TransactionalProducer<Simulated>) {
    let settings = [("transactional.id", "id"), ("connections.max.idle.ms", "-1")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    let producer = TransactionalProducer::initialise(world.producer.clone());
    let producer = world.wait(Box::pin(producer)).0.unwrap();
    (world, producer)
}

/// B5: memory that a send was granted and has not needed is not its own until it is dropped.
#[test]
fn a_send_that_has_ended_holds_up_no_flush() {
    let settings = [("linger.ms", "0"), ("batch.size", "1000"), ("buffer.memory", "2000")];
    let mut world = World::new(1, &[("t", 3)], &settings);
    world.know("t");
    let _full = (world.send_to(0, "a"), world.send_to(1, "b"));
    let producer = world.producer.clone();
    let send = || Box::pin(producer.send("t", Record::new(b"c").partition(2)));
    let mut ended = [send(), send()];
    for send in &mut ended {
        assert!(poll(send).is_pending());
    }
    world.settle();
    // Both were granted memory; the second finds the first one's batch.
    for send in &mut ended {
        assert!(poll(send).is_ready());
    }
    let ((), waited) = world.wait(producer.flush());
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    world.assert_memory_is_back();
}
