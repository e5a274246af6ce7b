//! The command as a gateway on a small Linux machine: within a few MiB, on 32-bit and 64-bit Arm.

use std::ffi::OsString;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use ottla_tests::budget;
use ottla_tests::gateway::Gateway;
use ottla_tests::kafka::{Cluster, NEWEST};

const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_gateway_fits_into_a_few_mebibytes_here() {
    let resident = produce("native", &[Gateway::build(None).into()]);
    println!("full: {} KiB resident at most, natively", resident >> 10);
    assert!(resident <= budget::get("gateway.bytes"), "{resident} bytes resident");
}

#[test]
fn a_gateway_runs_on_32_bit_arm() {
    let gateway = Gateway::build(Some("armv7-unknown-linux-gnueabihf"));
    let library = "/usr/arm-linux-gnueabihf";
    produce("armv7", &["qemu-arm".into(), "-L".into(), library.into(), gateway.into()]);
}

#[test]
fn a_gateway_runs_on_64_bit_arm() {
    let gateway = Gateway::build(Some("aarch64-unknown-linux-gnu"));
    let library = "/usr/aarch64-linux-gnu";
    produce("aarch64", &["qemu-aarch64".into(), "-L".into(), library.into(), gateway.into()]);
}

/// Has a gateway read from two programs that connect, until all of it is in Kafka. Returns the most
/// bytes that were resident; the heap's are within the budget.
fn produce(topic: &str, program: &[OsString]) -> u64 {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic(topic, 3, 1, &[]);
    let mut gateway = Gateway::start(program, &kafka.bootstrap(), topic);
    let count = budget::get("gateway.records");
    thread::scope(|scope| {
        for program in 0..2 {
            let mut line = gateway.connect();
            scope.spawn(move || {
                for number in (program..count).step_by(2) {
                    writeln!(line, "meter-{}:{number} {}", number % 10, "x".repeat(80)).unwrap();
                }
            });
        }
    });
    let deadline = Instant::now() + PATIENCE;
    while kafka.end_offsets(topic).iter().sum::<i64>() < count as i64 {
        assert!(Instant::now() < deadline, "{}", gateway.console());
        thread::sleep(Duration::from_millis(50));
    }
    let resident = gateway.peak_resident_bytes();
    let heap = gateway.interrupt();
    println!("full: {topic}: {count} records, at most {} KiB of heap", heap >> 10);
    assert!(heap <= budget::get("gateway.bytes"), "{heap} bytes of heap");

    let mut numbers = Vec::new();
    kafka.consume(topic, |record| {
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        let (number, rest) = value.split_once(' ').unwrap();
        assert_eq!(rest, "x".repeat(80));
        numbers.push(number.parse::<u64>().unwrap());
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    resident
}
