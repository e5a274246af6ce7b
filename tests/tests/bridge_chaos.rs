//! The way over a bridge breaks, wherever it can: the WebSocket at every byte, the bridge, the
//! broker that leads. Every record that was acknowledged is in the log exactly once, where its
//! producer was told, and in order; any other was reported as unknown.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use ottla_core::{DeliveryError, Reason, Record, RecordMetadata, Written};
use ottla_tests::bridge::{
    BridgeProcess, Bridged, BridgedDelivery, Cutter, Way, start_open_to_all,
};
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::web::{App, Runtime};
use ottla_tests::{budget, calm_after};

/// Records of a turn: the requests of an exchange.
const RECORDS: usize = 3;

/// A broker that is frozen or dead is given up soon, no record for a long time.
const PATIENT: [(&str, &str); 4] = [
    ("linger.ms", "0"),
    ("request.timeout.ms", "8000"),
    ("delivery.timeout.ms", "300000"),
    ("batch.size", "2000"),
];

const PATIENCE: Duration = Duration::from_secs(180);

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

#[test]
fn node_s_websocket_is_cut_too() {
    let kafka = Cluster::shared(NEWEST, 1);
    let bridge = start_open_to_all(kafka);
    kafka.create_topic("cut-node", 1, 1, &[]);
    let cutter = Cutter::before(bridge.address());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let control = listener.local_addr().expect("it is bound").port().to_string();
    let its_cutter = cutter.clone();
    // Each connection here asks for the next cut; the answer is whether there is one.
    thread::spawn(move || {
        let mut turn = 0;
        let mut positions = Vec::new().into_iter();
        for mut asked in listener.incoming().flatten() {
            turn += 1;
            if turn == 3 {
                positions = self::positions(its_cutter.passed()).into_iter();
            }
            let limit = positions.next();
            its_cutter.next(limit);
            let more = turn < 3 || limit.is_some();
            asked.write_all(if more { b"1" } else { b"0" }).expect("the script reads");
        }
    });
    let url = format!("ws://{}/v1/session", cutter.address());
    let said = App::shared().run(Runtime::NODE_24, "cuts.mjs", [&url, "cut-node", &control]);
    let told: Vec<Option<i64>> = said.lines().map(|line| line.parse().ok()).collect();
    let stored = kafka.consume_all("cut-node");
    assert_eq!(stored.len(), told.len(), "each once");
    for (number, (record, told)) in stored.iter().zip(&told).enumerate() {
        assert_eq!(record.value, Some(value(0, number).into_bytes()));
        assert_eq!(Some(record.offset), *told, "record {number}");
    }
    // The last places are some bytes behind the end of most connections.
    let (turns, cuts) = (told.len() / RECORDS - 2, cutter.cuts() as usize);
    assert!(turns > 0 && cuts * 10 >= turns * 8, "{cuts} of {turns}");
    println!("full: Node 24: {cuts} connections cut, {} records", told.len());
}

#[test]
fn bridges_and_leaders_die_and_nothing_is_lost_or_repeated() {
    let sessions = [("broker.session.timeout.ms", "4000"), ("broker.heartbeat.interval.ms", "500")];
    let brokers = budget::get("bridge.brokers") as usize;
    let kafka = match brokers {
        1 => Cluster::shared(NEWEST, 1),
        _ => &Cluster::start(NEWEST, brokers, &sessions),
    };
    let replicas = if brokers > 1 { "2" } else { "1" };
    for topic in ["kept", "drained", "forgotten"] {
        kafka.create_topic(topic, CLIENTS, brokers as i16, &[("min.insync.replicas", replicas)]);
    }
    let remembers = [("leases.key_file", "\"ticket.key\""), ("times.progress_ms", "3000")];
    let mut bridge = BridgeProcess::start(&kafka.bootstrap(), &remembers);
    let kills = budget::get("bridge.kills");
    // Tickets outlive the process: nothing is ever unknown.
    let leaders = usize::from(brokers > 1);
    let told = flow(kafka, bridge.address(), "kept", || {
        (0..leaders).for_each(|_| kafka.launch(kafka.kill_leader("kept", 0, PATIENCE)));
        (0..kills).for_each(|_| kill(&mut bridge));
        kafka.await_in_sync("kept");
    });
    assert_eq!(check(kafka, "kept", &told), 0);
    let records = count(&told);
    println!("full: {leaders} leader, {kills} bridges killed, {records} records, none unknown");

    // Restarted in order, again and again: nobody notices.
    let restarts = budget::get("bridge.restarts");
    let told = flow(kafka, bridge.address(), "drained", || {
        (0..restarts).for_each(|_| {
            thread::sleep(Duration::from_secs(1));
            bridge.replace();
        });
    });
    assert_eq!(check(kafka, "drained", &told), 0);
    println!("full: {restarts} bridges drained under load, {} records, 0 failed", count(&told));

    // Tickets die with the process: what has no answer is unknown, and is not sent again.
    let mut forgets = BridgeProcess::start(&kafka.bootstrap(), &remembers[1..]);
    let told = flow(kafka, forgets.address(), "forgotten", || {
        (0..kills).for_each(|_| kill(&mut forgets));
    });
    let unknown = check(kafka, "forgotten", &told);
    println!(
        "full: {kills} bridges with their tickets killed, {} records, {unknown} unknown",
        count(&told)
    );
}

const CLIENTS: i32 = 3;

fn count(told: &[Vec<Told>]) -> usize {
    told.iter().map(Vec::len).sum()
}

fn kill(bridge: &mut BridgeProcess) {
    thread::sleep(Duration::from_secs(1));
    bridge.kill();
    bridge.launch();
    thread::sleep(Duration::from_secs(1));
}

/// Clients that send all the time while `faults` happen, each to a partition of its own; returns
/// what each was told, in order.
fn flow(kafka: &Cluster, bridge: SocketAddr, topic: &str, faults: impl FnOnce()) -> Vec<Vec<Told>> {
    let calm = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let calm = &calm;
        let clients =
            (0..CLIENTS).map(|client| scope.spawn(move || send(bridge, topic, client, calm)));
        let clients: Vec<_> = clients.collect();
        calm_after(calm, faults);
        clients.into_iter().map(|client| client.join().expect("a client went wrong")).collect()
    });
    kafka.await_in_sync(topic);
    told
}

fn send(bridge: SocketAddr, topic: &str, partition: i32, calm: &AtomicBool) -> Vec<Told> {
    let client = Bridged::start(bridge, &PATIENT, partition as u64 + 10);
    let mut deliveries = Vec::new();
    while !calm.load(Relaxed) {
        let value = value(partition, deliveries.len());
        deliveries.push(client.send(topic, Record::new(value.as_bytes()).partition(partition)));
        thread::sleep(Duration::from_millis(2));
    }
    deliveries.into_iter().map(Bridged::outcome).collect()
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
