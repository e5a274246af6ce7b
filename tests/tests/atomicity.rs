//! Transactions on real clusters, of version 2 (Kafka 4.3) and version 1 (Kafka 3.9), while
//! brokers, the coordinator and the producer are killed at random: what was committed is seen once,
//! what was aborted never, and a group's offset goes with its transaction.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ottla::Record;
use ottla::transaction::{ConsumedOffset, GroupMetadata, TransactionError, TransactionalProducer};
use ottla_tests::kafka::{Cluster, GroupReader, LAST_3, NEWEST};
use ottla_tests::transactional::producer;
use ottla_tests::{Guarded, Scratch, budget};
use rustix::process::Signal;

const TOPICS: [&str; 2] = ["left", "right"];
const PARTITIONS: i32 = 3;
/// Where coordinators keep their transactions: one partition, so its leader coordinates.
const COORDINATOR: &str = "__transaction_state";
/// In the process that sends: where to, how many, and the directory of its journal.
const SENDER: &str = "OTTLA_TEST_SENDER";
const GROUP: &str = "senders";

#[test]
fn what_is_committed_is_seen_once_and_what_is_aborted_never_on_the_newest() {
    atomicity(NEWEST);
}

#[test]
fn what_is_committed_is_seen_once_and_what_is_aborted_never_on_3_9() {
    atomicity(LAST_3);
}

fn atomicity(version: &str) {
    let sessions = [("broker.session.timeout.ms", "4000"), ("broker.heartbeat.interval.ms", "500")];
    let kafka = Cluster::start(version, 3, &sessions);
    for topic in TOPICS {
        kafka.create_topic(topic, PARTITIONS, 3, &[("min.insync.replicas", "2")]);
    }
    kafka.create_topic("consumed", 1, 3, &[]);
    // The first transactional id makes the coordinators' topic, of which one is to be killed.
    producer(&kafka.bootstrap(), "first").close_blocking(Duration::from_secs(30));
    let dir = Scratch::new("journal");
    thread::scope(|scope| {
        let faults = scope.spawn(|| kill_brokers(&kafka));
        send_through_kills(&kafka, dir.path(), || faults.is_finished());
        faults.join().expect("the faults went wrong");
    });
    TOPICS.iter().for_each(|topic| kafka.await_in_sync(topic));
    let journal = Journal::read(dir.path());
    assert_eq!(journal.undecided(), None);
    let committed: Vec<u64> = journal.ended('c').collect();
    println!(
        "full: {version}: {} transactions, {} committed, {} of the others aborted by faults",
        journal.0.len(),
        committed.len(),
        journal.ended('f').count()
    );
    for (side, topic) in TOPICS.iter().enumerate() {
        check(&kafka, topic, side, &committed);
    }
}

/// Kills now the leader of a partition, now the coordinator, now anybody.
fn kill_brokers(kafka: &Cluster) {
    let nodes: Vec<_> = kafka.node_ids().collect();
    for _ in 0..budget::get("transactions.kills") {
        thread::sleep(Duration::from_millis(random(3000)));
        let victim = match random(3) {
            0 => kafka.leader(TOPICS[0], 0),
            1 => kafka.leader(COORDINATOR, 0),
            _ => nodes[random(3) as usize],
        };
        println!("kills node {victim:?}");
        kafka.kill(victim);
        thread::sleep(Duration::from_secs(6));
        kafka.launch(victim);
        TOPICS.iter().chain([&COORDINATOR]).for_each(|topic| kafka.await_in_sync(topic));
    }
}

/// Has a process send until all is sent and the faults are over, and kills it now and then.
fn send_through_kills(kafka: &Cluster, dir: &Path, calm: impl Fn() -> bool) {
    let count = budget::get("transactions.count");
    let crashes = budget::get("transactions.crashes");
    let launch = || {
        let place = format!("{} {count} {}", kafka.bootstrap(), dir.display());
        Guarded::spawn_test("the_sending_process", (SENDER, &place)).unwrap()
    };
    for crash in 1..=crashes {
        let mut child = launch();
        let until = count * crash / (crashes + 1);
        let begun = Instant::now();
        while (Journal::read(dir).0.len() as u64) < until {
            assert!(child.is_running(), "the sending process ended");
            assert!(begun.elapsed() < Duration::from_secs(600), "nothing is sent");
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(random(100)));
        child.signal(Signal::KILL);
    }
    let mut child = launch();
    while !calm() {
        assert!(child.is_running(), "the sending process ended");
        thread::sleep(Duration::from_millis(100));
    }
    File::create(dir.join("calm")).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Not a test of its own: what is killed and started again. Each transaction sends its number to
/// both topics, and as a group's offset; a third of them is not committed.
#[test]
fn the_sending_process() {
    let Ok(place) = env::var(SENDER) else { return };
    let [bootstrap, count, dir] = place.split(' ').collect::<Vec<_>>()[..] else { panic!() };
    let (count, dir) = (count.parse().unwrap(), Path::new(dir));
    let mut journal =
        OpenOptions::new().create(true).append(true).open(dir.join("journal")).unwrap();
    let mut note = |what, number| writeln!(journal, "{what} {number}").unwrap();
    let mut producer = producer(bootstrap, "atomicity");
    let before = Journal::read(dir);
    if let Some(number) = before.undecided() {
        // What the group's offset says of it must be true of its records.
        let committed = offset_committed(bootstrap) > number;
        note(if committed { 'c' } else { 'a' }, number);
    }
    let mut number = before.0.len() as u64;
    while number < count || !dir.join("calm").exists() {
        note('b', number);
        let end = transact(&mut producer, number);
        note(end, number);
        number += 1;
    }
    producer.close_blocking(Duration::from_secs(30));
}

/// Returns how it ended, as the journal has it.
fn transact(producer: &mut TransactionalProducer, number: u64) -> char {
    let mut transaction = producer.begin_blocking().unwrap();
    for (side, topic) in TOPICS.iter().enumerate() {
        for copy in 0..3 {
            let value = format!("{number} {side} {copy}");
            let key = [copy];
            let record = Record::new(value.as_bytes()).key(&key);
            transaction.send_blocking(topic, record).unwrap();
        }
    }
    let consumed = [ConsumedOffset::new("consumed", 0, number as i64 + 1)];
    let group = GroupMetadata::of_group(GROUP);
    let committed = match transaction.send_offsets_blocking(&consumed, &group) {
        Ok(()) if number.is_multiple_of(6) => return aborted(transaction.abort_blocking()),
        Ok(()) if number % 6 == 3 => {
            // What was sent reaches the brokers before it is aborted.
            transaction.flush_blocking();
            drop(transaction);
            return 'a';
        }
        Ok(()) => transaction.commit_blocking(),
        Err(error) => Err(error),
    };
    match committed {
        Ok(()) => 'c',
        Err(TransactionError::Abortable(cause)) => {
            println!("transaction {number} had to be aborted: {cause}");
            'f'
        }
        Err(error) => panic!("transaction {number}: {error}"),
    }
}

fn aborted(end: Result<(), TransactionError>) -> char {
    end.unwrap();
    'a'
}

fn offset_committed(bootstrap: &str) -> u64 {
    let addresses: Vec<_> = bootstrap.split(',').map(|address| address.parse().unwrap()).collect();
    GroupReader::committed_at_any(&addresses, GROUP, "consumed", 0) as u64
}

/// What the sending processes wrote down: for each transaction its last letter, `b` when it began,
/// `c` committed, `a` aborted, `f` aborted because something failed.
struct Journal(Vec<char>);

impl Journal {
    fn read(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join("journal")).unwrap_or_default();
        let mut ends = Vec::new();
        // The last line may be half a line.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let (what, number) = line.split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            ends.resize(ends.len().max(number + 1), ' ');
            ends[number] = what.parse().unwrap();
        }
        Self(ends)
    }

    fn undecided(&self) -> Option<u64> {
        self.0.iter().position(|end| *end == 'b').map(|number| number as u64)
    }

    fn ended(&self, how: char) -> impl Iterator<Item = u64> {
        let numbers = self.0.iter().zip(0..);
        numbers.filter(move |(end, _)| **end == how).map(|(_, number)| number)
    }
}

/// Exactly the records of the committed transactions are there, in their order.
fn check(kafka: &Cluster, topic: &str, side: usize, committed: &[u64]) {
    // Behind them comes one that is seen only where nothing else is.
    let bootstrap = kafka.bootstrap();
    let last = u64::MAX;
    let mut producer = producer(&bootstrap, "sentinel");
    let transaction = producer.begin_blocking().unwrap();
    for partition in 0..PARTITIONS {
        let value = format!("{last} {side} {partition}");
        let record = Record::new(value.as_bytes()).partition(partition);
        transaction.send_blocking(topic, record).unwrap();
    }
    transaction.commit_blocking().unwrap();
    let expected = committed.len() as u64 * 3 + PARTITIONS as u64;
    let mut seen = BTreeSet::new();
    let mut before = [None; PARTITIONS as usize];
    kafka.consume_committed(topic, expected, |record| {
        let value = String::from_utf8(record.value.expect("every record has one")).unwrap();
        let mut fields = value.split(' ').map(|field| field.parse::<u64>().unwrap());
        let number = fields.next().unwrap();
        assert_eq!(fields.next(), Some(side as u64));
        let before = before[record.partition as usize].replace(number);
        assert!(before <= Some(number), "{topic}: {number} after {before:?}");
        assert!(seen.insert((number, fields.next().unwrap())), "{topic}: {value} twice");
    });
    let numbers = committed.iter().copied();
    let mut wanted: BTreeSet<_> =
        numbers.flat_map(|it| (0..3).map(move |copy| (it, copy))).collect();
    wanted.extend((0..PARTITIONS as u64).map(|partition| (last, partition)));
    let missing: Vec<_> = wanted.difference(&seen).take(5).collect();
    let visible: Vec<_> = seen.difference(&wanted).take(5).collect();
    assert!(missing.is_empty() && visible.is_empty(), "missing {missing:?}, visible {visible:?}");
}

/// A number below `most`, which no run foresees.
fn random(most: u64) -> u64 {
    RandomState::new().build_hasher().finish() % most
}
