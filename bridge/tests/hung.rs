//! Brokers that take connections and say nothing: what they may not hold up.

mod support;

use std::time::{Duration, Instant};

use ottla_bridge::Running;
use ottla_bridge_protocol::LeaseRefusal;
use support::bench::open_config;
use support::client::Client;
use support::fake_broker::{FakeBroker, Manners};
use support::http::get;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

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
