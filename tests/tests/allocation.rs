//! Once warm, nothing is allocated per record: not where it is sent, not where it is written to the
//! socket, not where its outcome is told. The allocations of all threads are counted.
#![allow(unsafe_code, reason = "a global allocator that counts can't be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

use ottla::{Producer, Record};
use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use ottla_tests::Guarded;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BROKER: &str = "OTTLA_ALLOCATION_BROKER";

/// In one measurement.
const RECORDS: u64 = 100_000;

/// For the batch's shared outcome, the request that carries it, and its answer; between 6 and 8
/// when this was written. A batch holds 16 records of 1000 bytes or 600 of 10: one allocation in
/// fifty of these would show.
const PER_BATCH_MAX: f64 = 10.0;

#[test]
fn nothing_is_allocated_per_record() {
    let (_broker, address) = start_broker();
    for codec in ["none", "lz4"] {
        let producer = Producer::from_properties([
            ("bootstrap.servers", address.as_str()),
            ("linger.ms", "50"),
            ("compression.type", codec),
        ]);
        let producer = producer.unwrap();
        for size in [10, 100, 1000] {
            send(&producer, size); // to be warm
            let before = producer.metrics().batch_size.count;
            let allocations = send(&producer, size) as f64;
            let batches = (producer.metrics().batch_size.count - before) as f64;
            let (per_batch, per_record) = (allocations / batches, allocations / RECORDS as f64);
            println!(
                "full: {size} bytes, {codec}: {per_batch:.1} allocations per batch, \
                 {per_record:.4} per record"
            );
            assert!(per_batch < PER_BATCH_MAX, "{allocations} allocations, {batches} batches");
        }
    }
}

/// Sends records and waits for their outcomes; returns the number of allocations meanwhile.
fn send(producer: &Producer, size: usize) -> u64 {
    let (key, value) = ([b'k'; 8], vec![b'v'; size]);
    let mut topic = producer.topic("counted");
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..RECORDS {
        drop(topic.send_blocking(Record::new(&value).key(&key)).unwrap());
    }
    producer.flush_blocking();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// Runs this binary's `broker` in a process of its own, which counts for itself.
fn start_broker() -> (Guarded, String) {
    let me = env::current_exe().unwrap();
    let variable = OsString::from(format!("{BROKER}=1"));
    let arguments = ["--exact", "broker", "--nocapture"].map(OsString::from);
    let argv = [&["env".into(), variable, me.into()], &arguments[..]].concat();
    let mut process = Guarded::spawn(&argv, None, Stdio::piped(), Stdio::inherit()).unwrap();
    let lines = BufReader::new(process.stdout().unwrap()).lines().map(Result::unwrap);
    let address =
        lines.filter_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).next();
    (process, address.expect("the broker started"))
}

/// Does nothing unless the test above runs it.
#[test]
fn broker() {
    if env::var_os(BROKER).is_none() {
        return;
    }
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    println!("\nlistening on {}", broker.address());
    loop {
        thread::park();
    }
}
