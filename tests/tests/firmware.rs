//! The firmware on a Cortex-M4 with 64 KiB of RAM that QEMU plays, against a real Kafka.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use std::sync::LazyLock;
use std::thread;

use ottla_tests::budget;
use ottla_tests::firmware::{Board, Firmware};
use ottla_tests::kafka::{Batch, Cluster, ConsumedRecord, NEWEST};

const SENSORS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(600);

static FIRMWARE: LazyLock<Firmware> = LazyLock::new(Firmware::build);

/// Sends the readings of these numbers, in turns from all sensors.
fn measure(board: &mut Board, numbers: std::ops::Range<u32>) {
    for number in numbers {
        board.measure((number % SENSORS) as u8, number / SENSORS, reading(number));
    }
}

#[test]
fn readings_arrive_identical_and_in_order() {
    let flash = FIRMWARE.flash_bytes();
    assert!(flash <= budget::get("firmware.flash_bytes"), "{flash} bytes of flash");

    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("readings", 3, 1, &[]);
    let count = budget::get("firmware.readings") as u32;
    let mut board = Board::start(&FIRMWARE, &[&kafka.bootstrap(), "readings", "block"]);
    let start = Instant::now();
    // A bus is seldom read from its first byte on, and sometimes disturbed.
    board.send_raw(&[0x17, 0xa5, 0x01]);
    measure(&mut board, 0..count / 2);
    board.send_raw(&[0xa5, 0xa5, 0x00]);
    measure(&mut board, count / 2..count);
    let report = board.finish(PATIENCE);
    println!("{report:#?}");
    let speed = f64::from(count) / start.elapsed().as_secs_f64();

    assert_eq!(report["frames dropped"], 0);
    assert_eq!(report["records acknowledged"], u64::from(count));
    assert_eq!(report["records failed"], 0);
    assert_eq!(report["heap at the end"], report["heap after 1000"], "the heap grows");
    let ram = FIRMWARE.variable_bytes() + report["stack size"] + report["heap size"];
    assert!(ram <= budget::get("firmware.ram_bytes"), "{ram} bytes of RAM");
    assert!(report["record buffer"] >= budget::get("firmware.record_buffer_bytes"));
    println!("full: flash {flash} bytes, RAM {ram} bytes, {count} readings, {speed:.0} a second");
    let heap = report["heap at the end"];
    println!("full: {heap} bytes of heap after 1000 readings and after {count}");

    let mut readings = Readings::default();
    kafka.consume("readings", |record| readings.add(&record));
    assert_eq!(readings.next.values().sum::<u32>(), count);
    let batches = kafka.dump_log_segments(1, "readings");
    assert!(batches.iter().all(|batch| batch.valid && batch.producer_id >= 0));
    // One of a few readings may not shrink, and is left as it is.
    let shrinks = |batch: &&Batch| batch.count >= 10;
    assert!(batches.iter().filter(shrinks).all(|batch| batch.codec == "lz4"));
    assert!(batches.iter().any(|batch| batch.codec == "lz4"));
}

/// The processor's share of a reading: from the UART to the acknowledgement, network stack and all.
#[test]
fn a_reading_costs_few_instructions() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("counted", 1, 1, &[]);
    let mut board = Board::start_counting(&FIRMWARE, &[&kafka.bootstrap(), "counted", "block"]);
    let count = 5_000;
    measure(&mut board, 0..count);
    let report = board.finish(PATIENCE);
    assert_eq!(report["records acknowledged"], u64::from(count));
    let instructions = report["busy microseconds"] * 1000 / u64::from(count);
    println!("full: {instructions} instructions per reading");
    assert!(instructions <= budget::get("firmware.instructions_per_reading"), "{instructions}");
}

/// While the network is gone, memory fills up, and then the policy decides.
#[test]
fn what_an_outage_leaves_no_room_for_is_dropped_by_policy() {
    let kafka = Cluster::shared(NEWEST, 1);
    for policy in ["newest", "oldest"] {
        kafka.create_topic(policy, 1, 1, &[]);
        let mut board = Board::start(&FIRMWARE, &[&kafka.bootstrap(), policy, policy]);
        // Few at first: before the network is up there is room for no more.
        for numbers in [0..30, 30..300] {
            let end = i64::from(numbers.end);
            measure(&mut board, numbers);
            await_stored(kafka, policy, end, &mut board);
        }
        board.unplug();
        measure(&mut board, 300..4_000);
        // All of it was read while there was no network.
        board.await_all_read(PATIENCE);
        board.plug_in();
        let report = board.finish(PATIENCE);
        let (received, dropped) = (report["frames received"], report["frames dropped"]);
        let stored = stored_numbers(kafka, policy);
        assert_eq!(received, 4_001, "with the end");
        assert!((500..3_500).contains(&dropped), "{report:#?}");
        assert_eq!(report["records acknowledged"], 4_000 - dropped);
        assert_eq!(stored.len() as u64, 4_000 - dropped, "{policy}");
        // What was measured before the outage is there, and after it what the policy keeps.
        assert_eq!(stored[..300], (0..300).collect::<Vec<_>>(), "{policy}");
        let keeps_last = stored.last() == Some(&3_999);
        assert_eq!(keeps_last, policy == "oldest", "{policy}: {:?}", stored.last());
    }
}

fn await_stored(kafka: &Cluster, topic: &str, count: i64, board: &mut Board) {
    let deadline = Instant::now() + PATIENCE;
    while kafka.end_offsets(topic) != [count] {
        let stored = kafka.end_offsets(topic);
        let has_time = board.is_running() && Instant::now() < deadline;
        assert!(has_time, "{stored:?} of {count}:\n{}", board.console());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The numbers of all readings in a topic of one partition, none of them twice or out of order.
fn stored_numbers(kafka: &Cluster, topic: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    kafka.consume(topic, |record| {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        let sensor: u32 = key.strip_prefix("sensor-").unwrap().parse().unwrap();
        let rest = value.strip_prefix("{\"seq\":").unwrap();
        let sequence: u32 = rest.split_once(',').unwrap().0.parse().unwrap();
        let number = sequence * SENSORS + sensor;
        assert!(numbers.last().is_none_or(|last| *last < number), "{number} after {numbers:?}");
        numbers.push(number);
    });
    numbers
}

/// With flow control on the bus nothing is lost, and nothing is ever there twice.
#[test]
fn the_cable_may_be_pulled_at_any_time() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("unplugged", 1, 1, &[]);
    let mut board = Board::start(&FIRMWARE, &[&kafka.bootstrap(), "unplugged", "block"]);
    let cuts = budget::get("firmware.cuts") as u32;
    for cut in 0..cuts {
        measure(&mut board, cut * 250..(cut + 1) * 250);
        // Any length, from a moment to longer than a retransmission takes.
        let length = u64::from(cut.wrapping_mul(2_654_435_761) >> 22);
        board.unplug();
        thread::sleep(Duration::from_millis(length));
        board.plug_in();
    }
    await_stored(kafka, "unplugged", i64::from(cuts * 250), &mut board);
    let outage = Duration::from_secs(budget::get("firmware.outage_seconds"));
    board.unplug();
    let last = cuts * 250 + 250;
    measure(&mut board, cuts * 250..last);
    thread::sleep(outage);
    board.plug_in();
    let back = Instant::now();
    await_stored(kafka, "unplugged", i64::from(last), &mut board);
    let late = back.elapsed();
    let report = board.finish(PATIENCE);
    assert_eq!((report["frames dropped"], report["records failed"]), (0, 0), "{report:#?}");
    assert_eq!(stored_numbers(kafka, "unplugged"), (0..last).collect::<Vec<_>>());
    println!("full: {cuts} cuts of the network, nothing lost, nothing twice");
    println!("full: all stored {late:.1?} after an outage of {outage:?}");
}

/// Outages in which the power fails, and then power failures while readings flow.
#[test]
fn power_failures_lose_nothing_that_is_in_flash() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("resets", 1, 1, &[]);
    let mut board = Board::start(&FIRMWARE, &[&kafka.bootstrap(), "resets", "block"]);
    let resets = budget::get("firmware.resets") as u32;
    let mut next = 0;
    for _ in 0..resets {
        measure(&mut board, next..next + 100);
        await_stored(kafka, "resets", i64::from(next + 100), &mut board);
        board.unplug();
        measure(&mut board, next + 100..next + 300);
        let deadline = Instant::now() + PATIENCE;
        while board.records_in_flash() < 200 {
            assert!(Instant::now() < deadline, "{} in flash", board.records_in_flash());
            thread::sleep(Duration::from_millis(20));
        }
        board.cut_power();
        next += 300;
        await_stored(kafka, "resets", i64::from(next), &mut board);
    }
    let certain = next;
    for reset in 0..resets {
        measure(&mut board, next..next + 300);
        next += 300;
        thread::sleep(Duration::from_millis(u64::from(reset.wrapping_mul(2_654_435_761) >> 23)));
        board.cut_power();
    }
    let report = board.finish(PATIENCE);
    assert_eq!(report["records failed"], 0, "{report:#?}");
    // None twice, none out of order; those that were not in flash yet may be missing.
    let stored = stored_numbers(kafka, "resets");
    assert_eq!(stored[..certain as usize], (0..certain).collect::<Vec<_>>());
    println!("full: {} power failures, nothing lost that was in flash, nothing twice", 2 * resets);
}

#[test]
fn the_leader_may_be_killed() {
    let kafka = Cluster::start(NEWEST, 3, &[]);
    kafka.create_topic("led", 1, 3, &[("min.insync.replicas", "2")]);
    let mut board = Board::start(&FIRMWARE, &[&kafka.bootstrap(), "led", "block"]);
    measure(&mut board, 0..500);
    await_stored(&kafka, "led", 500, &mut board);
    // With batches on the way.
    measure(&mut board, 500..2_000);
    let leader = kafka.leader("led", 0);
    kafka.kill(leader);
    measure(&mut board, 2_000..4_000);
    let report = board.finish(PATIENCE);
    println!("{report:#?}");
    assert_eq!((report["frames dropped"], report["records failed"]), (0, 0), "{report:#?}");
    assert_ne!(kafka.leader("led", 0), leader);
    assert_eq!(stored_numbers(&kafka, "led"), (0..4_000).collect::<Vec<_>>());
    println!("full: 4000 readings while the leader was killed, nothing lost, nothing twice");
}

/// Small chips have neither, and emulate the first slowly and the second not at all.
#[test]
fn it_needs_no_floating_point_and_no_64_bit_atomics() {
    let absent = [
        "__aeabi_fadd",
        "__aeabi_fmul",
        "__aeabi_fdiv",
        "__aeabi_i2f",
        "__aeabi_f2uiz",
        "__aeabi_dadd",
        "__aeabi_dmul",
        "__aeabi_ddiv",
        "__aeabi_ui2d",
        "__aeabi_ul2d",
        "__aeabi_d2uiz",
        "__aeabi_d2ulz",
        "__atomic_load_8",
        "__atomic_store_8",
        "__atomic_fetch_add_8",
        "__atomic_compare_exchange_8",
    ];
    for name in absent {
        assert!(!FIRMWARE.has_function(name), "{name}");
    }
    // What it does need emulated: 64-bit divisions, for times.
    assert!(FIRMWARE.has_function("__aeabi_uldivmod"));
}

#[test]
fn a_chip_that_is_too_small_is_a_link_error_or_refused_at_the_start() {
    let error = Firmware::build_for(16).expect_err("the variables alone don't fit");
    assert!(error.contains("will not fit in region 'RAM'"), "{error}");
    let small = Firmware::build_for(56).expect("a heap is left");
    assert_refused(&small, &["127.0.0.1:9", "readings"]);
}

#[test]
fn too_little_memory_is_refused_at_the_start() {
    assert_refused(&FIRMWARE, &["127.0.0.1:9", "readings", "block", "40"]);
}

fn assert_refused(firmware: &Firmware, arguments: &[&str]) {
    let board = Board::start(firmware, arguments);
    let (status, console) = board.end(Duration::from_secs(30));
    assert_eq!(status, Some(2), "{console}");
    assert!(console.contains("refused: the heap of "), "{console}");
}

/// Any number that depends on another, negative ones too.
fn reading(number: u32) -> i32 {
    number.wrapping_mul(2_654_435_761) as i32 >> 16
}

/// What a consumer saw, sensor by sensor.
#[derive(Default)]
struct Readings {
    next: BTreeMap<u32, u32>,
}

impl Readings {
    /// The record is the next of its sensor.
    fn add(&mut self, record: &ConsumedRecord) {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
        let key = text(&record.key);
        let sensor: u32 = key.strip_prefix("sensor-").unwrap().parse().unwrap();
        let sequence = self.next.entry(sensor).or_default();
        let reading = reading(*sequence * SENSORS + sensor);
        let expected = format!("{{\"seq\":{sequence},\"reading\":{reading}}}");
        assert_eq!(text(&record.value), expected, "of {key}");
        *sequence += 1;
    }
}
