//! The firmware on a Cortex-M4 with 64 KiB of RAM that QEMU plays, against a real Kafka.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_tests::budget;
use ottla_tests::firmware::{Board, Firmware};
use ottla_tests::kafka::{Cluster, ConsumedRecord, NEWEST};

const SENSORS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn readings_arrive_identical_and_in_order() {
    let firmware = Firmware::build();
    let flash = firmware.flash_bytes();
    assert!(flash <= budget::get("firmware.flash_bytes"), "{flash} bytes of flash");

    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("readings", 3, 1, &[]);
    let count = budget::get("firmware.readings") as u32;
    let mut board = Board::start(&firmware, &[&kafka.bootstrap(), "readings", "block"]);
    // A bus is seldom read from its first byte on, and sometimes disturbed.
    board.send_raw(&[0x17, 0xa5, 0x01]);
    for number in 0..count {
        board.measure((number % SENSORS) as u8, number / SENSORS, reading(number));
        if number == count / 2 {
            board.send_raw(&[0xa5, 0xa5, 0x00]);
        }
    }
    let report = board.finish(PATIENCE);
    println!("{report:#?}");

    assert_eq!(report["frames dropped"], 0);
    assert_eq!(report["records acknowledged"], u64::from(count));
    assert_eq!(report["records failed"], 0);
    // Some lists are longer than ever before until they have seen the busiest moment.
    let growth = report["heap at the end"].saturating_sub(report["heap after 1000"]);
    assert!(growth <= 512, "the heap grew by {growth} bytes");
    let ram = firmware.variable_bytes() + report["stack size"] + report["heap size"];
    assert!(ram <= budget::get("firmware.ram_bytes"), "{ram} bytes of RAM");
    assert!(report["record buffer"] >= budget::get("firmware.record_buffer_bytes"));
    println!("full: flash {flash} bytes, RAM {ram} bytes, {count} readings");

    let mut readings = Readings::default();
    kafka.consume("readings", |record| readings.add(&record));
    assert_eq!(readings.next.values().sum::<u32>(), count);
    let batches = kafka.dump_log_segments(1, "readings");
    assert!(batches.iter().all(|b| b.valid && b.codec == "lz4" && b.producer_id >= 0));
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
