//! Frames become records, and the producer does the rest.

use core::fmt::Write;
use core::time::Duration;

use heapless::String;
use ottla_core::Record;
use ottla_transport_embedded::resend_all;

use crate::frame::Frame;
use crate::intake::Frames;
use crate::settings::Settings;
use crate::{Producer, Ring, board, memory};

/// How long the last batches may take when the bus has ended.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// Sends what was in flash at the start, then every frame until the bus ends, then reports.
///
/// `send` waits where the producer's memory is full. Then the frames queue up in [`Frames`], whose
/// policy decides.
pub(crate) async fn run(producer: Producer, frames: &Frames, ring: &Ring, settings: Settings) {
    match resend_all(&producer, ring).await {
        Ok(count) => board::print(format_args!("batches from flash: {count}")),
        Err(error) => board::print(format_args!("not sent again: {error}")),
    }
    let mut topic = producer.topic(settings.topic);
    let mut count = 0u32;
    loop {
        let frame = frames.next().await;
        if frame.sensor == Frame::END {
            break;
        }
        let (key, value) = texts(frame);
        let record = Record::new(value.as_bytes()).key(key.as_bytes());
        if let Err(error) = topic.send(record).await {
            board::print(format_args!("not sent: {error}"));
        }
        count += 1;
        if count == 1_000 {
            // With nothing under way, so that it can be compared with the end.
            producer.flush().await;
            board::print(format_args!("heap after 1000: {}", memory::heap_used()));
        }
    }
    producer.flush().await;
    report(&producer, frames);
    producer.close(LAST_WORDS).await;
    board::exit(0);
}

/// The key routes a sensor's readings to one partition, so they stay in order.
fn texts(frame: Frame) -> (String<16>, String<48>) {
    let (mut key, mut value) = (String::new(), String::new());
    // Both have room for the longest numbers.
    let _ = write!(key, "sensor-{}", frame.sensor);
    let _ = write!(value, "{{\"seq\":{},\"reading\":{}}}", frame.sequence, frame.reading);
    (key, value)
}

fn report(producer: &Producer, frames: &Frames) {
    let metrics = producer.metrics();
    let (received, dropped) = frames.counts();
    board::print(format_args!("frames received: {received}"));
    board::print(format_args!("frames dropped: {dropped}"));
    board::print(format_args!("records acknowledged: {}", metrics.records_acknowledged));
    board::print(format_args!("records failed: {}", metrics.records_failed));
    board::print(format_args!("batches: {}", metrics.batch_size.count));
    board::print(format_args!("batch bytes on average: {}", metrics.batch_size.average()));
    board::print(format_args!(
        "compressed to per mille: {}",
        metrics.compression_per_mille.average()
    ));
    board::print(format_args!("connections opened: {}", metrics.connections_opened));
    board::print(format_args!("busy microseconds: {}", board::busy_micros()));
    board::print(format_args!("record buffer: {}", metrics.buffer_total_bytes));
    memory::report();
}
