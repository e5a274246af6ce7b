//! T21 of `SECURITY.md`: a subject gets its share, however many sessions another one has.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use kafka_protocol::records::Compression;
use ottla_bridge_protocol::StreamId;
use support::bench::Bench;
use support::client::{Client, Greeting};
use support::kafka;
use support::tokens::{Folder, Issuer, with_tokens};

/// Bytes a second of each subject, and how many requests of the quiet one are counted.
const RATE: u64 = 100 << 10;
const REQUESTS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t21_a_noisy_subject_takes_nothing_from_a_quiet_one() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.limits.subject_bytes_per_s = RATE;
        config.limits.bytes_per_s = 1 << 30;
    });
    let over = Arc::new(AtomicBool::new(false));
    let noise = Arc::new(AtomicU64::new(0));
    let address = bench.bridge.address();
    let noisy = (0..8).map(|_| {
        let token = issuer.page("noisy");
        let (over, noise) = (over.clone(), noise.clone());
        tokio::spawn(async move {
            let mut page = Page::open(address, &token).await;
            while !over.load(Relaxed) {
                page.produce().await;
                noise.fetch_add(1, Relaxed);
            }
        })
    });
    let noisy: Vec<_> = noisy.collect();
    let mut quiet = Page::open(address, &issuer.page("quiet")).await;
    // Both have used up what they had saved.
    let saved = RATE / REQUEST as u64;
    for _ in 0..saved {
        quiet.produce().await;
    }
    while noise.load(Relaxed) < saved {
        tokio::task::yield_now().await;
    }
    let before = noise.load(Relaxed);
    for _ in 0..REQUESTS {
        quiet.produce().await;
    }
    let noise = noise.load(Relaxed) - before;
    over.store(true, Relaxed);
    for session in noisy {
        session.await.unwrap();
    }
    // As much for the one with its one session as for the other with eight.
    assert!((REQUESTS * 9 / 10..=REQUESTS * 11 / 10).contains(&noise), "{noise} : {REQUESTS}");
}

/// More sessions than the bridge has threads send what takes long to decompress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t21_what_takes_long_to_judge_holds_up_nobody_else() {
    let bench = Bench::new(1, |config| {
        config.limits.bytes_per_s = 1 << 30;
        config.limits.subject_bytes_per_s = 1 << 30;
    });
    let address = bench.bridge.address();
    let sessions = 2 * std::thread::available_parallelism().unwrap().get();
    let busy: Vec<_> = (0..sessions)
        .map(|_| {
            tokio::spawn(async move {
                let mut page = Page::of(Client::open(address).await).await;
                let (identity, value) = (page.client.identity(), "x".repeat(250 << 10));
                let now = kafka::now_ms();
                let batch = kafka::batch_with(identity, 0, &[&value], Compression::Gzip, now);
                let batches: Vec<_> =
                    (0..250).map(|number| ("clicks", number, batch.clone())).collect();
                for _ in 0..3 {
                    page.client.ask(page.stream, &kafka::produce(&batches)).await.unwrap();
                }
            })
        })
        .collect();
    let mut quiet = Page::of(Client::open(address).await).await;
    let (begun, mut held_up) = (Instant::now(), Duration::ZERO);
    while !busy.iter().all(|session| session.is_finished()) {
        let asked = Instant::now();
        quiet.produce().await;
        held_up += Some(asked.elapsed()).filter(|it| it.as_millis() > 50).unwrap_or_default();
    }
    let all = begun.elapsed();
    assert!(held_up < all / 4, "{held_up:?} of {all:?}");
}

/// About what a request counts for.
const REQUEST: usize = 1300;

/// A session that sends one request after the other.
struct Page {
    client: Client,
    stream: StreamId,
    sequence: i32,
}

impl Page {
    async fn open(address: SocketAddr, token: &str) -> Self {
        Self::of(Client::connect(address, &Greeting::token(token)).await.unwrap()).await
    }

    async fn of(mut client: Client) -> Self {
        let stream = client.open_stream(Some(0)).await.unwrap();
        Self { client, stream, sequence: 0 }
    }

    async fn produce(&mut self) {
        let value = "x".repeat(REQUEST - 200);
        let batch = kafka::batch(self.client.identity(), self.sequence, &[&value]);
        self.sequence += 1;
        let request = kafka::produce(&[("clicks", 0, batch)]);
        let answer = self.client.ask(self.stream, &request).await.unwrap();
        assert_eq!(kafka::outcomes(&answer)[0].2, 0);
    }
}
