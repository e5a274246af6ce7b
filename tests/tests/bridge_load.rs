//! Many clients at once, in the bridge's own process and before a real Kafka: what an idle session
//! costs, and that a good client is served whatever the others do.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use ottla_core::Record;
use ottla_tests::bridge::raw::{RawSession, message, upgrade};
use ottla_tests::bridge::{BridgeProcess, Bridged};
use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, NEWEST};
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// Where those come from who do harm; limits count by address.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Room for everybody, and for the batches' age.
const ROOM: [(&str, &str); 8] = [
    ("limits.sessions", "200000"),
    ("limits.sessions_per_subject", "200000"),
    ("limits.connections_per_ip", "200000"),
    ("limits.connects_per_ip_per_s", "200000"),
    ("limits.timestamp_past_s", "0"),
    ("leases.max", "200000"),
    ("leases.max_per_subject", "200000"),
    ("leases.key_file", "\"ticket.key\""),
];

/// Connections of a flood at a time.
const AT_ONCE: u64 = 64;

/// How long a flood may take, and what is told of it.
const PATIENCE: Duration = Duration::from_secs(300);

/// One at a time: they measure, and files are few.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn an_idle_session_costs_little() {
    let _alone = ALONE.lock();
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("idle", 1, 1, &[]);
    let bridge = BridgeProcess::start(&kafka.bootstrap(), &ROOM);
    let begin = || {
        let mut session = RawSession::greet(bridge.address(), "idle", None).expect("a session");
        session.produce(("idle", 0), "once").expect("it is produced");
        session
    };
    // What the bridge needs whoever comes.
    let first: Vec<RawSession> = (0..200).map(|_| begin()).collect();
    let before = bridge.resident_bytes();
    let sessions: Vec<RawSession> = (0..budget::get("bridge.sessions")).map(|_| begin()).collect();
    let each = bridge.resident_bytes().saturating_sub(before) / sessions.len() as u64;
    println!("full: {} idle sessions cost {each} bytes each in the bridge", sessions.len());
    assert!(each <= budget::get("bridge.idle_session_bytes"), "{each} bytes");
    drop(first);
}

#[test]
fn a_good_client_is_served_beside_slow_ones() {
    let _alone = ALONE.lock();
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("beside", 1, 1, &[]);
    // They may be slow for long, so that all are there at once.
    let patient = [("http", "600000"), ("hello", "600000"), ("progress", "600000")];
    let patient = patient.map(|(name, ms)| (format!("times.{name}_ms"), ms));
    let settings = patient.iter().map(|(key, ms)| (key.as_str(), *ms)).chain(ROOM);
    let bridge = BridgeProcess::start(&kafka.bootstrap(), &settings.collect::<Vec<_>>());
    let count = budget::get("bridge.slow") as usize;
    let slow: Vec<TcpStream> = (0..count).map(|number| slow(bridge.address(), number)).collect();
    let records = budget::get("bridge.good");
    produce(&bridge, "beside", records);
    assert_eq!(kafka.end_offsets("beside"), [records as i64]);
    println!("full: {records} records of a good client beside {} slow ones", slow.len());
}

/// A client that has begun something and does not go on.
fn slow(bridge: SocketAddr, number: usize) -> TcpStream {
    let begun = || -> std::io::Result<TcpStream> {
        match number % 4 {
            0 => TcpStream::connect(bridge),
            1 => {
                let mut stream = TcpStream::connect(bridge)?;
                stream.write_all(b"GET /v1/session HTTP/1.1\r\nHost: br")?;
                Ok(stream)
            }
            2 => upgrade(bridge),
            _ => {
                let mut stream = upgrade(bridge)?;
                stream.write_all(&message(1 << 20, &[1, 0, 0, 0]))?;
                Ok(stream)
            }
        }
    };
    begun().unwrap_or_else(|error| panic!("slow client {number}: {error}"))
}

/// Sends so many records, one request each, and waits for their outcomes.
fn produce(bridge: &BridgeProcess, topic: &str, records: u64) {
    let client = Bridged::start(bridge.address(), &[("linger.ms", "0")], 1);
    for number in 0..records {
        let value = number.to_string();
        let delivery = client.send(topic, Record::new(value.as_bytes()).partition(0));
        Bridged::outcome(delivery).expect("a good client's record is acknowledged");
    }
}

#[test]
fn t20_a_flood_of_connections_harms_nobody_from_elsewhere() {
    let _alone = ALONE.lock();
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("flood", 1, 1, &[]);
    let bridge = BridgeProcess::start(&kafka.bootstrap(), &[]);
    let runtime = Runtime::new().expect("threads");
    let before = bridge.resident_bytes();
    let connects = budget::get("bridge.connects");
    let begun = Instant::now();
    let flood = runtime.spawn(connect_much(bridge.address(), connects));
    let records = budget::get("bridge.good");
    produce(&bridge, "flood", records);
    runtime.block_on(flood).expect("the flood goes on to its end");
    let grown = bridge.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
    // What has no line of its own is counted in the next line there is.
    let mut told = refused(&bridge);
    while told.refused <= connects / 2 {
        assert!(begun.elapsed() < PATIENCE, "{} of {connects} were refused", told.refused);
        runtime.block_on(connect_much(bridge.address(), AT_ONCE));
        told = refused(&bridge);
    }
    let Told { refused, lines } = told;
    println!("full: {connects} connections of one address, {refused} refused in {lines} lines");
}

/// Connections that were refused, and in how many lines of the log.
struct Told {
    refused: u64,
    lines: u64,
}

fn refused(bridge: &BridgeProcess) -> Told {
    let mut told = Told { refused: 0, lines: 0 };
    for line in bridge.log().lines() {
        let line: Value = serde_json::from_str(line).expect("JSON on each line");
        let fields = &line["fields"];
        if fields["threat"] == "T20" {
            told.lines += 1;
            told.refused += 1 + fields["untold"].as_u64().expect("a number");
        }
    }
    told
}

/// Connects so many times, many at once, and leaves again.
async fn connect_much(bridge: SocketAddr, connects: u64) {
    let floods = (0..AT_ONCE).map(|_| {
        tokio::spawn(async move {
            for _ in 0..connects / AT_ONCE {
                let socket = TcpSocket::new_v4().expect("a socket");
                let from = SocketAddr::new(IpAddr::V4(ELSEWHERE), 0);
                socket.bind(from).expect("this machine has the address");
                // The system may refuse it for the bridge.
                drop(socket.connect(bridge).await);
            }
        })
    });
    for flood in floods.collect::<Vec<_>>() {
        flood.await.expect("it goes on");
    }
}

#[test]
fn t20_when_all_come_back_at_once_each_gets_its_lease() {
    let _alone = ALONE.lock();
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("storm", 1, 1, &[]);
    let mut bridge = BridgeProcess::start(&kafka.bootstrap(), &ROOM);
    let count = budget::get("bridge.storm") as usize;
    let greet = |ticket: Option<&[u8]>| {
        RawSession::greet(bridge.address(), "storm", ticket).expect("a session")
    };
    let sessions: Vec<_> = (0..count).map(|_| greet(None)).collect();
    bridge.kill();
    bridge.launch();
    let address = bridge.address();
    let chunks = sessions.chunks(count.div_ceil(16));
    thread::scope(|scope| {
        for chunk in chunks {
            scope.spawn(move || {
                for former in chunk {
                    let ticket = Some(&former.ticket[..]);
                    let mut session =
                        RawSession::greet(address, "storm", ticket).expect("it comes back");
                    assert_eq!(session.identity, former.identity);
                    session.produce(("storm", 0), "back").expect("it is produced");
                }
            });
        }
    });
    assert_eq!(kafka.end_offsets("storm"), [count as i64]);
    println!("full: {count} sessions came back at once after SIGKILL, each with its lease");
}

#[test]
fn t11_visitors_that_come_and_go_cost_the_broker_few_producer_ids() {
    let _alone = ALONE.lock();
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("churn", 1, 1, &[]);
    let bridge = BridgeProcess::start(&kafka.bootstrap(), &ROOM);
    const VISITORS: u64 = 8;
    let visits = budget::get("bridge.visits") / VISITORS;
    thread::scope(|scope| {
        for _ in 0..VISITORS {
            scope.spawn(|| {
                for _ in 0..visits {
                    let mut visitor =
                        RawSession::greet(bridge.address(), "churn", None).expect("a session");
                    visitor.produce(("churn", 0), "a visit").expect("it is produced");
                    visitor.release().expect("it leaves well");
                }
            });
        }
    });
    let ids = kafka.producer_ids("churn", 0);
    assert!(ids.len() as u64 <= 2 * VISITORS, "{} producer ids", ids.len());
    println!("full: {} visits left {} producer ids in the broker", visits * VISITORS, ids.len());
}
