//! The way over a bridge breaks at every byte. Every record that was acknowledged is in the log
//! exactly once, where its producer was told, and in order; any other was reported as unknown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;

use ottla_core::{DeliveryError, Reason, Record, RecordMetadata, Written};
use ottla_tests::bridge::{Bridged, BridgedDelivery, Cutter, Way, start_open_to_all};
use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, NEWEST};

/// Records of a turn: the requests of an exchange.
const RECORDS: usize = 3;

/// A broker that is frozen or dead is given up soon, no record for a long time.
const PATIENT: [(&str, &str); 4] = [
    ("linger.ms", "0"),
    ("request.timeout.ms", "8000"),
    ("delivery.timeout.ms", "300000"),
    ("batch.size", "2000"),
];

/// What a record's producer was told.
type Told = Result<RecordMetadata, DeliveryError>;

fn value(partition: i32, number: usize) -> String {
    format!("{partition}:{number}")
}

#[test]
fn the_websocket_is_cut_at_every_byte() {
    let kafka = Cluster::shared(NEWEST, 1);
    let bridge = start_open_to_all(kafka);
    let workers = budget::get("bridge.cutters") as i32;
    kafka.create_topic("cut", workers, 1, &[]);
    kafka.create_topic("whole", 1, 1, &[]);
    let mut whole = Turns::new(bridge.address(), "whole", 0);
    whole.turn(None);
    let all = positions(whole.cutter.passed());
    let (address, all) = (bridge.address(), &all);
    let turns: Vec<Turns> = thread::scope(|scope| {
        let work = (0..workers).map(|worker| {
            scope.spawn(move || {
                let mut turns = Turns::new(address, "cut", worker);
                let own = all.iter().skip(worker as usize).step_by(workers as usize);
                own.for_each(|position| turns.turn(Some(*position)));
                turns
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().map(|worker| worker.join().expect("a worker went wrong")).collect()
    });
    let cuts: u64 = turns.iter().map(|turns| turns.cutter.cuts()).sum();
    let told: Vec<Vec<Told>> = turns.into_iter().map(|turns| turns.told).collect();
    assert_eq!(check(kafka, "cut", &told), 0, "the lease was resumed each time");
    // The last places are some bytes behind the end of most connections.
    assert!(cuts * 10 >= all.len() as u64 * 8, "{cuts} of {}", all.len());
    let [up, down] = whole.cutter.passed();
    println!("full: {cuts} WebSockets of {up} bytes up and {down} down cut, none at the same byte");
}

/// A client whose connections are cut, one after the other.
struct Turns {
    cutter: Cutter,
    client: Bridged,
    topic: &'static str,
    partition: i32,
    told: Vec<Told>,
}

impl Turns {
    /// The first turns make topic and producer known: those that follow are alike.
    fn new(bridge: SocketAddr, topic: &'static str, partition: i32) -> Self {
        let cutter = Cutter::before(bridge);
        let client = Bridged::start(cutter.address(), &PATIENT, partition as u64);
        let mut this = Self { cutter, client, topic, partition, told: Vec::new() };
        this.turn(None);
        this.turn(None);
        this
    }

    /// Cuts the connection, sends records over the next, which is cut where `limit` says, and waits
    /// for what becomes of them.
    fn turn(&mut self, limit: Option<(Way, u64)>) {
        self.cutter.next(limit);
        let first = self.told.len();
        let deliveries: Vec<BridgedDelivery> = (first..first + RECORDS)
            .map(|number| {
                let value = value(self.partition, number);
                let record = Record::new(value.as_bytes()).partition(self.partition);
                self.client.send(self.topic, record)
            })
            .collect();
        self.told.extend(deliveries.into_iter().map(Bridged::outcome));
    }
}

/// Places in a connection, from its first byte to some behind the last acknowledgement: every one,
/// or as many as the budget has, evenly.
fn positions([up, down]: [u64; 2]) -> Vec<(Way, u64)> {
    let some_more = |bytes: u64| 0..bytes + bytes / 16;
    let ways = [(Way::Up, some_more(up)), (Way::Down, some_more(down))];
    let all: Vec<_> =
        ways.into_iter().flat_map(|(way, places)| places.map(move |at| (way, at))).collect();
    let step = all.len().div_ceil(budget::get("bridge.cuts") as usize);
    all.into_iter().step_by(step).collect()
}

/// Compares what is stored with what was told; returns how many records are unknown.
fn check(kafka: &Cluster, topic: &str, told: &[Vec<Told>]) -> usize {
    let mut stored: BTreeMap<i32, Vec<(i64, usize)>> = BTreeMap::new();
    kafka.consume(topic, |record| {
        let value =
            String::from_utf8(record.value.expect("every record has a value")).expect("text");
        let (partition, number) = value.split_once(':').expect("a record of this test");
        assert_eq!(partition, record.partition.to_string());
        let number = number.parse().expect("a record of this test");
        stored.entry(record.partition).or_default().push((record.offset, number));
    });
    let mut unknown = 0;
    for (partition, told) in (0..).zip(told) {
        let stored = stored.remove(&partition).unwrap_or_default();
        let in_order = stored.windows(2).all(|pair| pair[0].1 < pair[1].1);
        assert!(in_order, "{topic}-{partition}: repeated or out of order");
        let places: BTreeMap<usize, i64> =
            stored.iter().map(|(at, number)| (*number, *at)).collect();
        for (number, told) in told.iter().enumerate() {
            match told {
                Ok(metadata) => {
                    let place = places.get(&number).copied();
                    assert_eq!(place, metadata.offset, "{topic}-{partition}: record {number}");
                    assert!(place.is_some(), "{topic}-{partition}: record {number} is lost");
                }
                Err(error) => {
                    let said = (error.reason.clone(), error.written);
                    assert_eq!(said, (Reason::LeaseLost, Written::Maybe), "{error:?}");
                    unknown += 1;
                }
            }
        }
    }
    assert!(stored.is_empty(), "{topic}: partitions of nobody");
    unknown
}
