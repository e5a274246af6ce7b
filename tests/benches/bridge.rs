//! What a bridge costs: the same records over TCP and over a bridge, in turns, to one real broker.
//! `cargo xtask bench-bridge` runs it.

use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

use ottla::{Producer, Record};
use ottla_bridge::Running;
use ottla_tests::bridge::{Bridged, start_open_to_all};
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::text::Text;
use ottla_tests::web::{App, Runtime};

/// Single records, one after the other, each acknowledged before the next.
const SINGLE: usize = 20_000;
const WARM_UP: usize = 1_000;

/// Rounds of many records, of which the medians count.
const ROUNDS: usize = 5;
const RECORDS: usize = 1_000_000;
const CLIENTS: usize = 2;
/// Bytes of a value.
const VALUE: usize = 200;
const BATCHES: [(&str, &str); 4] = [
    ("batch.size", "16384"),
    ("batch.max.records", "50"),
    ("linger.ms", "5"),
    ("buffer.memory", "33554432"),
];

/// Lines that a browser produces.
const LINES: usize = 200_000;

fn main() {
    let kafka = Cluster::start(NEWEST, 1, &[]);
    let bridge = start_open_to_all(&kafka);
    single_records(&kafka, &bridge);
    many_records(&kafka, &bridge);
    if std::env::args().any(|argument| argument == "--browser") {
        browser(&kafka, &bridge);
    }
}

/// How long the bridge's threads have had a processor.
fn bridge_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux tells");
    let nanos = threads.flatten().filter_map(|thread| {
        let read = |name| fs::read_to_string(thread.path().join(name)).ok();
        let is_the_bridges = read("comm")?.starts_with("ottla-bridge");
        let text = read("schedstat").filter(|_| is_the_bridges)?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn single_records(kafka: &Cluster, bridge: &Running) {
    for topic in ["single-tcp", "single-bridge"] {
        kafka.create_topic(topic, 1, 1, &[]);
    }
    let tcp = over_tcp(kafka, &[("linger.ms", "0")]);
    let bridged = Bridged::start(bridge.address(), &[("linger.ms", "0")], 1);
    let value = [b'x'; VALUE];
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + SINGLE {
        let begun = Instant::now();
        let sent = tcp.send_blocking("single-tcp", Record::new(&value)).expect("accepted");
        sent.wait().expect("acknowledged");
        let after_tcp = begun.elapsed();
        let begun = Instant::now();
        let sent = bridged.send("single-bridge", Record::new(&value));
        Bridged::outcome(sent).expect("acknowledged");
        if number >= WARM_UP {
            direct.push(after_tcp);
            through.push(begun.elapsed());
        }
    }
    direct.sort_unstable();
    through.sort_unstable();
    println!("single records, {SINGLE} each way, in turns:");
    for (name, permille) in [("p50", 500), ("p90", 900), ("p99", 990)] {
        let at = |times: &[Duration]| times[times.len() * permille / 1000].as_secs_f64() * 1000.0;
        let (direct, through) = (at(&direct), at(&through));
        let added = through - direct;
        println!("  {name}: TCP {direct:.3} ms, bridge {through:.3} ms, added {added:.3} ms");
    }
}

fn over_tcp(kafka: &Cluster, settings: &[(&str, &str)]) -> Producer {
    let bootstrap = kafka.bootstrap();
    let all = [("bootstrap.servers", bootstrap.as_str()), ("acks", "all")];
    Producer::from_properties(all.into_iter().chain(settings.iter().copied())).expect("settings")
}

fn many_records(kafka: &Cluster, bridge: &Running) {
    for topic in ["many-tcp", "many-bridge"] {
        let retention = [("retention.bytes", "268435456"), ("segment.bytes", "67108864")];
        kafka.create_topic(topic, CLIENTS as i32, 1, &retention);
    }
    let tcp: Vec<_> = (0..CLIENTS).map(|_| over_tcp(kafka, &BATCHES)).collect();
    let bridged: Vec<_> = (0..CLIENTS)
        .map(|client| Bridged::start(bridge.address(), &BATCHES, client as u64))
        .collect();
    let (mut direct, mut through, mut per_core) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(rate(|client| send_over_tcp(&tcp[client], client)));
        let before = bridge_time();
        through.push(rate(|client| send_over_the_bridge(&bridged[client], client)));
        let used = bridge_time() - before;
        per_core.push(RECORDS as f64 / used.as_secs_f64());
    }
    let metrics = bridged[0].producer().metrics();
    let per_batch = metrics.records_sent / metrics.batch_size.count.max(1);
    println!(
        "{ROUNDS} × {RECORDS} records of {VALUE} bytes, {per_batch} a batch, {CLIENTS} clients:"
    );
    println!("  TCP {:.0} records/s, bridge {:.0} records/s", median(direct), median(through));
    println!("  {:.0} records for each second that a core works in the bridge", median(per_core));
}

/// Records a second of all clients.
fn rate(send: impl Fn(usize) + Sync) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let send = &send;
        (0..CLIENTS).for_each(|client| drop(scope.spawn(move || send(client))));
    });
    RECORDS as f64 / begun.elapsed().as_secs_f64()
}

fn send_over_tcp(producer: &Producer, client: usize) {
    let mut topic = producer.topic("many-tcp");
    let value = [b'x'; VALUE];
    for _ in 0..RECORDS / CLIENTS {
        let record = Record::new(&value).partition(client as i32);
        drop(topic.send_blocking(record).expect("accepted"));
    }
    producer.flush_blocking();
    assert_eq!(producer.metrics().records_failed, 0);
}

fn send_over_the_bridge(client: &Bridged, number: usize) {
    let value = [b'x'; VALUE];
    for _ in 0..RECORDS / CLIENTS {
        drop(client.send("many-bridge", Record::new(&value).partition(number as i32)));
    }
    client.flush();
    assert_eq!(client.producer().metrics().records_failed, 0);
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A plain browser process, not under a driver, whose page tells by HTTP how fast it was.
fn browser(kafka: &Cluster, bridge: &Running) {
    kafka.create_topic("browser", 6, 1, &[]);
    let text = Text::write(kafka.scratch(), LINES);
    let url = bridge.url();
    for program in ["chromium", "firefox-esr"] {
        let path = text.path().as_os_str();
        let arguments =
            [OsStr::new(program), "page.html".as_ref(), url.as_ref(), "browser".as_ref(), path];
        let rate = App::shared().run(Runtime::NODE_20, "browser.mjs", arguments);
        println!("{program}, {LINES} lines with keys: {}", rate.trim());
    }
}
