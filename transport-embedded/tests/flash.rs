//! What an earlier run left in flash is sent again.

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{io, thread};

use common::{Board, BoardClock, Socket};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use ottla_core::config::BrokerAddress;
use ottla_core::{Driver, Producer, ProducerConfig, Record, SendError};
use ottla_sim::dev::DevBroker;
use ottla_transport_embedded::{FlashRing, PolledTransport, keep, resend_all};

const SECTOR: usize = 4096;
/// Longer than all that is read of flash but batches.
const SHORTEST_BATCH: usize = 61;

/// Flash of which the next batch can't be read, or that takes no marks of removal, if that is
/// wanted.
#[derive(Clone, Debug)]
struct Nor {
    bytes: Rc<RefCell<Vec<u8>>>,
    fails: Rc<Cell<bool>>,
    takes_no_marks: Rc<Cell<bool>>,
}

impl ErrorType for Nor {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        if bytes.len() > SHORTEST_BATCH && self.fails.take() {
            return Err(NorFlashErrorKind::Other);
        }
        bytes.copy_from_slice(&self.bytes.borrow()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.borrow().len()
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.bytes.borrow_mut()[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let place = &mut self.bytes.borrow_mut()[offset as usize..];
        // A commit mark has nothing behind it.
        if self.takes_no_marks.get() && bytes == [0; 4] && place.get(4) != Some(&0xff) {
            return Err(NorFlashErrorKind::Other);
        }
        place[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

type Open = fn(&BrokerAddress) -> io::Result<Socket>;
type Work = Driver<Board, PolledTransport<Open>>;
type Ring = RefCell<FlashRing<Nor>>;

fn device(broker: &DevBroker, change: impl Fn(&mut ProducerConfig)) -> (Producer<Board>, Work) {
    let mut config = common::config(broker);
    config.batch_max_records = Some(1);
    change(&mut config);
    let open: Open = |address| Socket::open(address.to_string().parse().unwrap());
    let transport = PolledTransport::new(open);
    let (producer, mut driver) = ottla_core::producer(config, BoardClock, 1, transport).unwrap();
    driver.store_batches();
    (producer, driver)
}

/// Turns the loop until the future has its result.
#[track_caller]
fn turn<R>(driver: &mut Work, ring: &Ring, future: impl Future<Output = R>) -> R {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
            return result;
        }
        assert!(Instant::now() < deadline, "it takes too long");
        assert!(driver.poll(&mut cx).is_pending());
        keep(driver, ring, || panic!("flash has room"));
        thread::yield_now();
    }
}

/// Flash with the batches of an outage, one of each topic in turn, by an earlier run.
fn after_an_outage(topics: &[&str], count: usize, change: impl Fn(&mut ProducerConfig)) -> Nor {
    let flash = Nor {
        bytes: Rc::new(vec![0xff; 16 * SECTOR].into()),
        fails: Rc::default(),
        takes_no_marks: Rc::default(),
    };
    let ring = RefCell::new(FlashRing::open(flash.clone()).unwrap());
    let broker = common::broker();
    let (producer, mut driver) = device(&broker, |config| {
        config.buffer_memory = 64 * 1024;
        change(config);
    });
    for topic in topics {
        let delivery = turn(&mut driver, &ring, producer.send(topic, Record::new(b"before")));
        turn(&mut driver, &ring, delivery.unwrap()).unwrap();
    }
    broker.stop();
    for index in 0..count {
        let value = common::value(index);
        let record = Record::new(value.as_bytes());
        producer.try_send(topics[index % topics.len()], record).unwrap();
    }
    let all = || if stored(&ring) == count { Poll::Ready(()) } else { Poll::Pending };
    turn(&mut driver, &ring, poll_fn(|_| all()));
    flash
}

fn stored(ring: &Ring) -> usize {
    let mut last = None;
    let next = || {
        last = ring.borrow_mut().next_after(last.as_ref());
        last
    };
    std::iter::from_fn(next).count()
}

/// What the next run says of it, and how many batches are left when all that were sent are done.
fn resend(broker: &DevBroker, flash: &Nor, small: bool) -> (Result<u32, SendError>, usize) {
    let ring = RefCell::new(FlashRing::open(flash.clone()).unwrap());
    let (producer, mut driver) = device(broker, |config| {
        if small {
            config.buffer_memory = 2 * config.batch_size;
            config.max_request_size = config.batch_size;
        }
    });
    let outcome = turn(&mut driver, &ring, resend_all(&producer, &ring));
    turn(&mut driver, &ring, producer.flush());
    // Marks of removal are written after the outcome is told.
    keep(&mut driver, &ring, || {});
    (outcome, stored(&ring))
}

fn values(broker: &DevBroker, topic: &str) -> Vec<String> {
    let records = broker.cluster().records(topic, 0, 0, usize::MAX).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    records.iter().map(|record| text(record.value.as_ref().unwrap())).collect()
}

/// Batches that get their sequences only now are written to flash again, behind those that are
/// still to be sent.
#[test]
fn what_is_stored_anew_while_the_rest_is_sent_is_not_sent_once_more() {
    let flash = after_an_outage(&["frames"], 10, |config| config.enable_idempotence = false);
    let broker = common::broker();
    let (outcome, left) = resend(&broker, &flash, true);
    assert_eq!((outcome, left), (Ok(10), 0));
    assert_eq!(values(&broker, "frames"), (0..10).map(common::value).collect::<Vec<_>>());
}

#[test]
fn a_batch_is_stored_anew_although_its_first_copy_can_not_be_marked() {
    let flash = after_an_outage(&["frames"], 3, |config| config.enable_idempotence = false);
    let broker = common::broker();
    flash.takes_no_marks.set(true);
    assert_eq!(resend(&broker, &flash, false).0, Ok(3));
    assert_eq!(stored(&FlashRing::open(flash).unwrap().into()), 3);
}

#[test]
fn a_batch_that_can_not_be_read_stays_for_the_next_start() {
    let flash = after_an_outage(&["frames"], 1, |_| {});
    let broker = common::broker();
    flash.fails.set(true);
    assert_eq!(resend(&broker, &flash, false), (Ok(0), 1));
    assert_eq!(resend(&broker, &flash, false), (Ok(1), 0));
    assert_eq!(values(&broker, "frames"), [common::value(0)]);
}

#[test]
fn a_topic_that_is_refused_does_not_hold_up_the_others() {
    let flash = after_an_outage(&["refused", "frames"], 4, |_| {});
    let name = |bytes: &[u8]| bytes.windows(7).position(|part| part == b"refused");
    while let Some(at) = { name(&flash.bytes.borrow()) } {
        flash.bytes.borrow_mut()[at] = b'?';
    }
    let broker = common::broker();
    let (outcome, left) = resend(&broker, &flash, false);
    assert!(matches!(outcome, Err(SendError::Topic { .. })), "{outcome:?}");
    assert_eq!((values(&broker, "frames"), left), (vec![common::value(1), common::value(3)], 2));
}
