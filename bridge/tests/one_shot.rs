//! `POST /v1/produce`: T28, T29 of `SECURITY.md`, and what it is for.

mod support;

use std::time::Duration;

use ottla_bridge_protocol::{LeaseRefusal, LeaseRequest, StreamEnd};
use support::bench::{Bench, open_config};
use support::client::{Client, Greeting};
use support::fake_broker::{FakeBroker, Manners};
use support::http::{exchange, one_shot_body, post};
use support::kafka::{self, Identity};
use support::tokens::{Folder, Issuer, SHOP, with_tokens};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const OTTLA: &str = "Content-Type: application/vnd.ottla.v1\r\n";

fn with_ticket(ticket: Vec<u8>) -> Greeting {
    Greeting { tickets: vec![ticket], wants_lease: false, ..Greeting::default() }
}

#[tokio::test]
async fn an_edge_function_gets_a_lease_and_produces_with_it() {
    let bench = Bench::new(3, |_| {});
    let address = bench.bridge.address();
    let hello = one_shot_body(&Greeting::default(), &[]);
    let reply = post(address, OTTLA, &hello).await.reply();
    assert!(reply.metadata > 0 && reply.responses.is_empty());
    let lease = reply.leases[0].clone().unwrap().unwrap();
    // Partitions whose leaders are three different nodes, and a second request behind the first.
    let batches: Vec<_> = (0..3)
        .map(|partition| ("clicks", partition, kafka::batch(lease.identity, 0, &["one"])))
        .collect();
    let mut requests = kafka::produce(&batches);
    requests.extend(kafka::produce(&[("clicks", 1, kafka::batch(lease.identity, 1, &["two"]))]));
    let body = one_shot_body(&with_ticket(lease.ticket.clone()), &requests);
    let reply = post(address, OTTLA, &body).await.reply();
    let outcome = |partition, offset| ("clicks".to_owned(), partition, 0, offset);
    assert_eq!(kafka::outcomes(&reply.responses[0]), [outcome(0, 0), outcome(1, 0), outcome(2, 0)]);
    assert_eq!(kafka::outcomes(&reply.responses[1]), [outcome(1, 1)]);
    assert_eq!((reply.responses.len(), reply.end), (2, None));
    assert_eq!(bench.log("clicks", 1), ["one", "two"]);
}

#[tokio::test]
async fn a_lease_comes_without_metadata_that_no_welcome_has_room_for() {
    let bench = Bench::new(1, |_| {});
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    for number in 0..30 {
        let topic = format!("wide-{number}");
        bench.broker.cluster().create_topic(&topic, 1000, now).unwrap();
    }
    let hello = one_shot_body(&Greeting::default(), &[]);
    let reply = post(bench.bridge.address(), OTTLA, &hello).await.reply();
    assert_eq!(reply.metadata, 0);
    assert!(reply.leases[0].is_ok());
}

#[tokio::test]
async fn t28_a_body_that_is_sent_again_is_stored_once() {
    let bench = Bench::new(1, |_| {});
    let address = bench.bridge.address();
    let mut page = Client::open(address).await;
    let lease = page.lease();
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &["a", "b"]))]);
    let body = one_shot_body(&with_ticket(lease.ticket), &request);
    for _ in 0..100 {
        let reply = post(address, OTTLA, &body).await.reply();
        assert_eq!(kafka::outcomes(&reply.responses[0]), [("clicks".to_owned(), 0, 0, 0)]);
    }
    assert_eq!(bench.log("clicks", 0), ["a", "b"]);
    // The session goes on: it was the same producer, on its way out.
    let stream = page.open_stream(Some(0)).await.unwrap();
    let next = kafka::batch(lease.identity, 2, &["c"]);
    let answer = page.ask(stream, &kafka::produce(&[("clicks", 0, next)])).await.unwrap();
    assert_eq!(kafka::outcomes(&answer)[0].3, 2);
    // When its lease is over it is of no use, whether or not another has the id by now.
    let producer_id = lease.identity.producer_id;
    assert_eq!(page.ask_lease(LeaseRequest::Release { producer_id }).await, Ok(None));
    assert_eq!(post(address, OTTLA, &body).await.status, 403);
    assert_eq!(Client::open(address).await.identity().producer_id, producer_id);
    assert_eq!(post(address, OTTLA, &body).await.status, 403);
    assert_eq!(bench.log("clicks", 0), ["a", "b", "c"]);
}

#[tokio::test]
async fn t28_a_released_ticket_is_of_no_use_while_answers_are_awaited() {
    let manners = Manners { delay: |_| Duration::from_millis(600), ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let bridge = ottla_bridge::Running::start(open_config(broker.address.to_string())).unwrap();
    let mut page = Client::open(bridge.address()).await;
    let lease = page.lease();
    let stream = page.open_stream(Some(0)).await.unwrap();
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &["x"]))]);
    page.write(stream, &request).await;
    while broker.produced().is_empty() {
        tokio::task::yield_now().await;
    }
    let producer_id = lease.identity.producer_id;
    assert_eq!(page.ask_lease(LeaseRequest::Release { producer_id }).await, Ok(None));
    let greeting = with_ticket(lease.ticket);
    let body = one_shot_body(&greeting, &request);
    assert_eq!(post(bridge.address(), OTTLA, &body).await.status, 403);
    let again = Client::connect(bridge.address(), &greeting).await.unwrap();
    assert_eq!(again.leases, [Err(LeaseRefusal::Expired)]);
    assert_eq!(broker.produced().len(), 1);
}

#[tokio::test]
async fn t28_a_lease_that_goes_while_leaders_are_asked_for_is_of_no_use() {
    for released in [true, false] {
        let manners = Manners { slow_topic: Some("slow"), ..Manners::default() };
        let broker = FakeBroker::start(manners).await;
        let bridge = ottla_bridge::Running::start(open_config(broker.address.to_string())).unwrap();
        let address = bridge.address();
        let (mut page, mut other) = (Client::open(address).await, Client::open(address).await);
        let lease = page.lease();
        let request = kafka::produce(&[("slow", 0, kafka::batch(lease.identity, 0, &["x"]))]);
        let body = one_shot_body(&with_ticket(lease.ticket.clone()), &request);
        let sent = tokio::spawn(async move { post(address, OTTLA, &body).await });
        let names_it = |frame: &[u8]| frame.windows(4).any(|part| part == b"slow");
        while !broker.seen().iter().any(|(key, _, frame)| *key == 3 && names_it(frame)) {
            tokio::task::yield_now().await;
        }
        let producer_id = lease.identity.producer_id;
        if released {
            assert_eq!(page.ask_lease(LeaseRequest::Release { producer_id }).await, Ok(None));
        } else {
            let resume = LeaseRequest::Resume { ticket: &lease.ticket };
            assert!(other.ask_lease(resume).await.is_ok());
        }
        let reply = sent.await.unwrap().reply();
        const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
        let refused = ("slow".to_owned(), 0, INVALID_PRODUCER_ID_MAPPING, -1);
        assert_eq!(kafka::outcomes(&reply.responses[0]), [refused], "released: {released}");
        assert!(broker.produced().is_empty());
    }
}

#[tokio::test]
async fn t15_a_body_counts_while_it_is_read() {
    let bench = Bench::new(1, |config| config.limits.total_bytes = 1000);
    let address = bench.bridge.address();
    let head =
        format!("POST /v1/produce HTTP/1.1\r\nHost: x\r\n{OTTLA}Content-Length: 1001\r\n\r\n");
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&[head.as_bytes(), &[0; 1000]].concat()).await.unwrap();
    let hello = one_shot_body(&Greeting::default(), &[]);
    let full = async { while post(address, OTTLA, &hello).await.status != 503 {} };
    assert!(timeout(Duration::from_secs(5), full).await.is_ok(), "there is always room");
    drop(slow);
    let room = async { while post(address, OTTLA, &hello).await.status != 200 {} };
    assert!(timeout(Duration::from_secs(5), room).await.is_ok(), "there is never room again");
}

#[tokio::test]
async fn t28_a_ticket_is_its_subjects() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| with_tokens(config, &issuer, &folder));
    let address = bench.bridge.address();
    let alice = Greeting::token(&issuer.page("alice"));
    let lease = Client::connect(address, &alice).await.unwrap().lease();
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &["x"]))]);
    for (subject, status) in [("mallory", 403), ("alice", 200)] {
        let token = issuer.page(subject);
        let greeting = Greeting {
            tickets: vec![lease.ticket.clone()],
            wants_lease: false,
            ..Greeting::token(&token)
        };
        let headers = format!("{OTTLA}Origin: {SHOP}\r\n");
        let answer = post(address, &headers, &one_shot_body(&greeting, &request)).await;
        assert_eq!(answer.status, status, "{subject}");
    }
}

#[tokio::test]
async fn t8_without_a_ticket_nothing_is_written() {
    let bench = Bench::new(1, |_| {});
    let address = bench.bridge.address();
    let victim = Client::open(address).await.lease();
    let thief = Client::open(address).await.lease();
    let request = kafka::produce(&[("clicks", 0, kafka::batch(victim.identity, 0, &["x"]))]);
    for greeting in [with_ticket(thief.ticket.clone()), Greeting::default()] {
        let answer = post(address, OTTLA, &one_shot_body(&greeting, &request)).await;
        assert_eq!((answer.status, answer.body.len()), (403, 0));
    }
    let mut forged = victim.ticket.clone();
    forged[5] ^= 1;
    let answer = post(address, OTTLA, &one_shot_body(&with_ticket(forged), &request)).await;
    assert_eq!(answer.status, 403);
    let no_id = kafka::batch(Identity { producer_id: -1, epoch: -1 }, 0, &["x"]);
    let request = kafka::produce(&[("clicks", 0, no_id)]);
    let body = one_shot_body(&with_ticket(victim.ticket.clone()), &request);
    assert_eq!(post(address, OTTLA, &body).await.status, 403);
    let Identity { producer_id, epoch } = victim.identity;
    let later = kafka::batch(Identity { producer_id, epoch: epoch + 1 }, 0, &["x"]);
    let body = one_shot_body(&with_ticket(victim.ticket), &kafka::produce(&[("clicks", 0, later)]));
    assert_eq!(post(address, OTTLA, &body).await.status, 403);
    assert!(bench.log("clicks", 0).is_empty());
}

#[tokio::test]
async fn t29_other_sites_pages_cannot_send_it() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| with_tokens(config, &issuer, &folder));
    let address = bench.bridge.address();
    let token = issuer.page("alice");
    let greeting = Greeting::token(&token);
    let body = one_shot_body(&greeting, &[]);
    let send = |headers: String| {
        let body = body.clone();
        async move { post(address, &headers, &body).await }
    };
    let text = "Content-Type: text/plain;charset=UTF-8\r\n";
    for content_type in [OTTLA, text] {
        for fetch in ["", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
            let answer = send(format!("{content_type}Origin: {SHOP}\r\n{fetch}")).await;
            answer.reply();
            assert!(answer.head.contains(&format!("access-control-allow-origin: {SHOP}\r\n")));
            assert!(!answer.head.contains("access-control-allow-credentials"));
        }
    }
    let refused = [
        (403, format!("{text}Origin: https://evil.example\r\n")),
        (403, format!("{text}Origin: null\r\n")),
        (403, format!("{text}Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n")),
        (403, format!("{text}Sec-Fetch-Site: none\r\n")),
        (403, format!("{text}Sec-Fetch-Site: cross-site\r\n")),
        (401, text.to_owned()),
        (400, format!("Content-Type: application/x-www-form-urlencoded\r\nOrigin: {SHOP}\r\n")),
        (400, format!("Content-Type: multipart/form-data\r\nOrigin: {SHOP}\r\n")),
        (400, format!("Content-Type: application/json\r\nOrigin: {SHOP}\r\n")),
        (400, format!("Origin: {SHOP}\r\n")),
    ];
    for (status, headers) in refused {
        let answer = send(headers.clone()).await;
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{headers}");
        assert!(!answer.head.contains("https://evil.example"), "{headers}");
    }
    // A cookie is nobody's word.
    let nobody = one_shot_body(&Greeting { token: String::new(), ..greeting.clone() }, &[]);
    let headers = format!(
        "{OTTLA}Origin: {SHOP}\r\nCookie: token={token}\r\nAuthorization: Bearer {token}\r\n"
    );
    assert_eq!(post(address, &headers, &nobody).await.status, 401);
    let preflight = |origin: &str| {
        let request = format!(
            "OPTIONS /v1/produce HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\
             Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
        );
        async move { exchange(address, request.as_bytes()).await }
    };
    let leave = preflight(SHOP).await;
    assert_eq!(leave.status, 204);
    let head = leave.head.to_ascii_lowercase();
    for header in [
        format!("access-control-allow-origin: {SHOP}\r\n"),
        "access-control-allow-methods: post\r\n".to_owned(),
        "access-control-allow-headers: content-type\r\n".to_owned(),
        "vary: origin\r\n".to_owned(),
    ] {
        assert!(head.contains(&header), "{header} in {head}");
    }
    assert!(!head.contains("credentials"), "{head}");
    let refused = preflight("https://evil.example").await;
    assert_eq!(refused.status, 403);
    assert!(!refused.head.to_ascii_lowercase().contains("access-control"), "{}", refused.head);
}

#[tokio::test]
async fn bodies_that_are_none_and_too_large_ones_are_refused() {
    let bench = Bench::new(1, |config| config.limits.one_shot_bytes = 8 << 10);
    let address = bench.bridge.address();
    let lease = Client::open(address).await.lease();
    let greeting = with_ticket(lease.ticket);
    let hello = greeting.frame();
    let fetch = [0, 0, 0, 8, 0, 1, 0, 12, 0, 0, 0, 1];
    let value = "x".repeat(9 << 10);
    let large = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &[&value]))]);
    let bad = [
        (400, Vec::new()),
        (400, vec![0xff; 100]),
        (400, hello[..hello.len() - 1].to_vec()),
        (400, [&hello[..], &hello[..]].concat()),
        (400, [&hello[..], &[15, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]].concat()),
        (400, one_shot_body(&greeting, &[0, 0, 0, 9, 1])),
        (400, one_shot_body(&greeting, &[0xff; 40])),
        (400, one_shot_body(&greeting, &fetch)),
        (400, one_shot_body(&greeting, &kafka::metadata(None))),
        (413, one_shot_body(&greeting, &large)),
    ];
    for (place, (status, body)) in bad.into_iter().enumerate() {
        assert_eq!(post(address, OTTLA, &body).await.status, status, "{place}");
    }
    assert!(bench.log("clicks", 0).is_empty());
}

#[tokio::test]
async fn a_lost_broker_cuts_the_reply() {
    let manners = Manners { wrong_correlation_id: true, ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let bridge = ottla_bridge::Running::start(open_config(broker.address.to_string())).unwrap();
    let lease = Client::open(bridge.address()).await.lease();
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &["x"]))]);
    let body = one_shot_body(&with_ticket(lease.ticket), &request);
    let reply = post(bridge.address(), OTTLA, &body).await.reply();
    assert_eq!((reply.responses.len(), reply.end), (0, Some(StreamEnd::BrokerLost)));
    let over = Greeting { tickets: vec![vec![1; 80]], wants_lease: false, ..Greeting::default() };
    let reply = post(bridge.address(), OTTLA, &one_shot_body(&over, &[])).await.reply();
    assert_eq!(reply.leases, [Err(LeaseRefusal::BadTicket)]);
}
