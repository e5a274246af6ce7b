//! Sends lines as fast as it can and counts what became of each.
//!
//! ```text
//! cargo run --release --example lines -- FILE TOPIC RECORDS THREADS [KEY=VALUE]…
//! ```
//!
//! Each thread sends RECORDS, and begins again at the start of the file until it has.

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use ottla::{Deliveries, DeliveryError, Producer, Record, SendError, Topic};

/// Outcomes are looked for once in so many records.
const LOOK: u64 = 1024;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, topic, records, threads, properties @ ..] = &arguments[..] else {
        return Err("usage: lines FILE TOPIC RECORDS THREADS [KEY=VALUE]…".into());
    };
    let (records, threads): (u64, u64) = (records.parse()?, threads.parse()?);
    let text = fs::read(file)?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).collect();
    if lines.is_empty() {
        return Err("the file has no lines".into());
    }
    let properties = properties.iter().filter_map(|property| property.split_once('='));
    let producer = Producer::from_properties(properties)?;
    producer.partitions_blocking(topic)?;

    let start = Instant::now();
    let acknowledged = thread::scope(|scope| {
        let send = || send(producer.topic(topic), &lines, records);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(send)).collect();
        let counts = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        counts.sum::<Result<u64, Failure>>()
    })?;
    let sent = records * threads;
    println!("{acknowledged} of {sent} records acknowledged in {:.3?}", start.elapsed());
    producer.close_blocking(Duration::from_secs(10));
    if acknowledged == sent { Ok(()) } else { Err("records were lost".into()) }
}

/// How many of the records were acknowledged.
fn send(mut topic: Topic, lines: &[&[u8]], records: u64) -> Result<u64, Failure> {
    let mut deliveries = Deliveries::new();
    let mut acknowledged = 0;
    let mut count = |(records, outcome): (u32, Result<(), DeliveryError>)| {
        outcome.map(|()| acknowledged += u64::from(records))
    };
    for (line, number) in lines.iter().cycle().zip(0..records) {
        match topic.try_send_into(Record::new(line), &mut deliveries) {
            Ok(()) => {}
            Err(SendError::BufferFull) => {
                deliveries.push(topic.send_blocking(Record::new(line))?);
            }
            Err(error) => return Err(error.into()),
        }
        if number % LOOK == 0 {
            while let Some(delivered) = deliveries.try_next() {
                count(delivered)?;
            }
        }
    }
    topic.producer().flush_blocking();
    while let Some(delivered) = deliveries.wait_next() {
        count(delivered)?;
    }
    Ok(acknowledged)
}
