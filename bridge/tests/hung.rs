//! Brokers that take connections and say nothing, or hold requests for long: what they may not
//! hold up, and what waits for them and counts.

mod support;

use std::time::{Duration, Instant};

use ottla_bridge::Running;
use ottla_bridge_protocol::{Frame, LeaseRefusal, StreamEnd};
use support::bench::open_config;
use support::client::{Client, Greeting, Said};
use support::fake_broker::{FakeBroker, Manners};
use support::http::{get, one_shot_body, post};
use support::kafka;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const OTTLA: &str = "Content-Type: application/vnd.ottla.v1\r\n";

/// The system takes its connections, nobody reads them.
async fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn a_silent_broker_does_not_hide_the_others() {
    let (hung, broker) = (silent().await, FakeBroker::start(Manners::default()).await);
    let mut config = open_config(hung.local_addr().unwrap().to_string());
    config.kafka.bootstrap.push(broker.address.to_string());
    let bridge = Running::start(config).unwrap();
    let admin = bridge.admin_address().unwrap();
    let ready = async {
        while get(admin, "/readyz").await.status != 200 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), ready).await.is_ok(), "never ready");
}

#[tokio::test]
async fn who_wants_a_lease_that_nobody_gives_is_greeted_in_time() {
    let hung = silent().await;
    let bridge = Running::start(open_config(hung.local_addr().unwrap().to_string())).unwrap();
    let begun = Instant::now();
    let page = Client::open(bridge.address()).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "WELCOME after {:?}", begun.elapsed());
    assert_eq!(page.leases, [Err(LeaseRefusal::Exhausted)]);
}

#[tokio::test]
async fn what_a_broker_has_counts_although_its_client_has_gone() {
    let manners = Manners { delay: |_| Duration::from_secs(30), ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let mut config = open_config(broker.address.to_string());
    config.limits.total_bytes = 1000;
    let bridge = Running::start(config).unwrap();
    let admin = bridge.admin_address().unwrap();
    let held = || async {
        let text = String::from_utf8(get(admin, "/metrics").await.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("ottla_bridge_held_bytes "));
        line.unwrap().parse::<usize>().unwrap()
    };
    let mut page = Client::open(bridge.address()).await;
    let lease = page.lease();
    let stream = page.open_stream(Some(0)).await.unwrap();
    let value = "x".repeat(5000);
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &[&value]))]);
    page.write(stream, &request).await;
    while broker.produced().is_empty() {
        tokio::task::yield_now().await;
    }
    page.say(&Frame::Close { stream, end: StreamEnd::Done }).await;
    while !matches!(page.next().await, Said::Close(..)) {}
    assert!(held().await > 5000, "the stream is gone, its request is not");
    page.leave().await;
    assert!(held().await > 5000, "the session is gone, its request is not");
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let answer = post(bridge.address(), OTTLA, &one_shot_body(&greeting, &request)).await;
    assert_eq!(answer.status, 503, "a request without a session has no more room");
}
