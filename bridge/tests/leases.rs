//! Producer ids belong to one session at a time: T8, T10, T11 of `SECURITY.md`.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use ottla_bridge_protocol::{LeaseRefusal, LeaseRequest};
use support::bench::Bench;
use support::client::{Client, Greeting, Said};
use support::fake_broker::{FakeBroker, Manners};
use support::http::{one_shot_body, post};
use support::kafka::{self, Identity};
use support::tokens::{Folder, Issuer, with_tokens};

/// Sends one batch and says what became of it: the error, and the code with which the session ends,
/// if it does.
async fn send(page: &mut Client, batch: Bytes) -> (i16, Option<u16>) {
    let stream = page.open_stream(Some(0)).await.unwrap();
    page.write(stream, &kafka::produce(&[("clicks", 0, batch)])).await;
    let answer = page.response(stream).await.unwrap();
    let error = kafka::outcomes(&answer)[0].2;
    if error != 49 {
        return (error, None);
    }
    (error, Some(page.gone().await))
}

#[tokio::test]
async fn t8_nobody_writes_with_anothers_producer_id() {
    let bench = Bench::new(1, |_| {});
    let mut victim = Client::open(bench.bridge.address()).await;
    let identity = victim.identity();
    assert_eq!(send(&mut victim, kafka::batch(identity, 0, &["first"])).await, (0, None));
    let Identity { producer_id, epoch } = identity;
    let forged = [
        ("the next sequence", kafka::batch(identity, 1, &["forged"])),
        (
            "the next epoch",
            kafka::batch(Identity { producer_id, epoch: epoch + 1 }, 0, &["forged"]),
        ),
        ("the last epoch", kafka::batch(Identity { producer_id, epoch: i16::MAX }, 0, &["forged"])),
        ("an id that nobody has", {
            kafka::batch(Identity { producer_id: producer_id + 1000, epoch: 0 }, 0, &["forged"])
        }),
        ("no id", kafka::batch(Identity { producer_id: -1, epoch: -1 }, 0, &["forged"])),
    ];
    for (what, batch) in forged {
        let mut thief = Client::open(bench.bridge.address()).await;
        assert_eq!(send(&mut thief, batch).await, (49, Some(4403)), "{what}");
    }
    // One that is among good ones: none of them passes.
    let mut thief = Client::open(bench.bridge.address()).await;
    let stream = thief.open_stream(Some(0)).await.unwrap();
    let (own, stolen) =
        (kafka::batch(thief.identity(), 0, &["own"]), kafka::batch(identity, 1, &["x"]));
    thief.write(stream, &kafka::produce(&[("clicks", 1, own), ("clicks", 0, stolen)])).await;
    let answer = thief.response(stream).await.unwrap();
    assert!(kafka::outcomes(&answer).iter().all(|outcome| outcome.2 == 49));
    assert_eq!(thief.gone().await, 4403);
    assert!(bench.log("clicks", 1).is_empty());
    assert_eq!(send(&mut victim, kafka::batch(identity, 1, &["second"])).await, (0, None));
    assert_eq!(bench.log("clicks", 0), ["first", "second"]);
}

#[tokio::test]
async fn t8_an_epoch_that_was_not_asked_for_is_refused() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let Identity { producer_id, epoch } = page.identity();
    let next = Identity { producer_id, epoch: epoch + 1 };
    let any = page.open_stream(None).await.unwrap();
    let answer = page.ask(any, &kafka::init_producer_id(Some(page.identity()))).await.unwrap();
    assert_eq!(kafka::read_identity(&answer), Ok(next));
    // Partitions follow to the new epoch one by one, so both are the session's.
    assert_eq!(
        send(&mut page, kafka::batch(Identity { producer_id, epoch }, 0, &["old"])).await,
        (0, None)
    );
    assert_eq!(send(&mut page, kafka::batch(next, 0, &["new"])).await, (0, None));
    let wrong = kafka::init_producer_id(Some(Identity { producer_id, epoch: 7 }));
    assert_eq!(kafka::read_identity(&page.ask(any, &wrong).await.unwrap()), Err(47));
    let stranger = Identity { producer_id: producer_id + 1, epoch: 0 };
    let answer = page.ask(any, &kafka::init_producer_id(Some(stranger))).await.unwrap();
    assert_eq!(kafka::read_identity(&answer), Err(49));
    let later = kafka::batch(Identity { producer_id, epoch: epoch + 2 }, 0, &["forged"]);
    assert_eq!(send(&mut page, later).await, (49, Some(4403)));
    // An epoch that was lent to another before.
    let mut leaving = Client::open(bench.bridge.address()).await;
    let former = leaving.identity();
    let release = LeaseRequest::Release { producer_id: former.producer_id };
    assert_eq!(leaving.ask_lease(release).await, Ok(None));
    let mut next = Client::open(bench.bridge.address()).await;
    assert_eq!(next.identity(), Identity { epoch: former.epoch + 1, ..former });
    let earlier = kafka::batch(former, 0, &["forged"]);
    assert_eq!(send(&mut next, earlier).await, (49, Some(4403)));
}

#[tokio::test]
async fn the_ticket_of_a_new_epoch_comes_before_the_epoch() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let any = page.open_stream(None).await.unwrap();
    page.write(any, &kafka::init_producer_id(Some(page.identity()))).await;
    let Said::Ticket(lease) = page.next().await else { panic!("no TICKET") };
    assert_eq!(page.next().await, Said::Data(any));
    let answer = page.response(any).await.unwrap();
    assert_eq!(kafka::read_identity(&answer), Ok(lease.identity));
    assert_eq!(lease.identity.epoch, page.identity().epoch + 1);
    page.leave().await;
    let tickets = vec![lease.ticket];
    let greeting = Greeting { tickets, wants_lease: false, ..Greeting::default() };
    let again = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    assert_eq!(again.identity(), lease.identity);
}

#[tokio::test]
async fn t10_a_ticket_is_of_use_only_as_it_was_issued_and_to_its_subject() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| with_tokens(config, &issuer, &folder));
    let alice = Greeting::token(&issuer.page("alice"));
    let first = Client::connect(bench.bridge.address(), &alice).await.unwrap();
    let ticket = first.lease().ticket;
    let resume = |token: &str, ticket: &[u8]| Greeting {
        tickets: vec![ticket.to_vec()],
        wants_lease: false,
        ..Greeting::token(token)
    };
    let mallory = issuer.page("mallory");
    let other = Client::connect(bench.bridge.address(), &resume(&mallory, &ticket)).await.unwrap();
    assert_eq!(other.leases, [Err(LeaseRefusal::BadTicket)]);
    let token = issuer.page("alice");
    let mut page = Client::connect(bench.bridge.address(), &Greeting::token(&token)).await.unwrap();
    for byte in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[byte] ^= 0x01;
        let answer = page.ask_lease(LeaseRequest::Resume { ticket: &forged }).await;
        assert_eq!(answer, Err(LeaseRefusal::BadTicket), "byte {byte}");
    }
    let answer = page.ask_lease(LeaseRequest::Resume { ticket: &ticket }).await.unwrap().unwrap();
    assert_eq!(answer.identity, first.identity());
}

#[tokio::test]
async fn t10_the_later_session_has_the_lease_and_the_earlier_one_ends() {
    let bench = Bench::new(1, |_| {});
    let mut first = Client::open(bench.bridge.address()).await;
    let lease = first.lease();
    assert_eq!(send(&mut first, kafka::batch(lease.identity, 0, &["first"])).await, (0, None));
    let greeting =
        Greeting { tickets: vec![lease.ticket.clone()], wants_lease: false, ..Greeting::default() };
    let mut second = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    assert_eq!(second.identity(), lease.identity);
    let late = kafka::batch(lease.identity, 1, &["late"]);
    first.raw_produce(late).await;
    assert_eq!(first.gone().await, 4409);
    // One that says nothing learns of it too.
    let mut silent = Client::open(bench.bridge.address()).await;
    let tickets = vec![silent.lease().ticket];
    let resumed = Greeting { tickets, wants_lease: false, ..Greeting::default() };
    let _later = Client::connect(bench.bridge.address(), &resumed).await.unwrap();
    assert_eq!(silent.gone_within(Duration::from_secs(20)).await, Some(4409));
    assert_eq!(send(&mut second, kafka::batch(lease.identity, 0, &["first"])).await, (0, None));
    assert_eq!(send(&mut second, kafka::batch(lease.identity, 1, &["second"])).await, (0, None));
    assert_eq!(
        bench.log("clicks", 0),
        ["first", "second"],
        "what was repeated is not stored twice"
    );
}

#[tokio::test]
async fn t10_resuming_at_once_many_times_leaves_one_holder() {
    let bench = Bench::new(1, |_| {});
    let lease = Client::open(bench.bridge.address()).await.lease();
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let address = bench.bridge.address();
    let racers = (0..16).map(|_| {
        let greeting = greeting.clone();
        tokio::spawn(async move {
            let mut page = Client::connect(address, &greeting).await.ok()?;
            let identity = page.leases[0].clone().ok()??.identity;
            let stream = page.open_stream_if_open(Some(0)).await?;
            let batch = kafka::batch(identity, 0, &["once"]);
            page.raw_data(stream, &kafka::produce(&[("clicks", 0, batch)])).await;
            Some(page.gone_within(Duration::from_secs(5)).await)
        })
    });
    let racers: Vec<_> = racers.collect();
    let mut held = 0;
    for racer in racers {
        match racer.await.unwrap() {
            None | Some(Some(4409)) => {}
            Some(None) => held += 1,
            Some(Some(code)) => panic!("closed with {code}"),
        }
    }
    assert_eq!(held, 1);
    assert_eq!(bench.log("clicks", 0), ["once"]);
}

#[tokio::test]
async fn t10_a_resumed_lease_waits_for_the_former_holders_answers() {
    let manners = Manners { delay: |_| Duration::from_millis(600), ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let config = support::bench::open_config(broker.address.to_string());
    let bridge = ottla_bridge::Running::start(config).unwrap();
    let mut first = Client::open(bridge.address()).await;
    let lease = first.lease();
    let stream = first.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(lease.identity, 0, &["x"]);
    first.write(stream, &kafka::produce(&[("clicks", 0, batch)])).await;
    while broker.produced().is_empty() {
        tokio::task::yield_now().await;
    }
    let begun = std::time::Instant::now();
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let second = Client::connect(bridge.address(), &greeting).await.unwrap();
    assert_eq!(second.identity(), lease.identity);
    assert!(begun.elapsed() > Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn t10_t28_a_ticket_ends() {
    let bench = Bench::new(1, |config| config.leases.durable_ttl_s = 1);
    let address = bench.bridge.address();
    let page = Client::open(address).await;
    let lease = page.lease();
    page.leave().await;
    // A third longer than the lease.
    tokio::time::sleep(Duration::from_millis(1400)).await;
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let again = Client::connect(address, &greeting).await.unwrap();
    assert_eq!(again.leases, [Err(LeaseRefusal::Expired)]);
    let request = kafka::produce(&[("clicks", 0, kafka::batch(lease.identity, 0, &["late"]))]);
    let body = one_shot_body(&greeting, &request);
    let answer = post(address, "Content-Type: text/plain\r\n", &body).await;
    assert_eq!(answer.status, 403);
    assert!(bench.log("clicks", 0).is_empty());
}

#[tokio::test]
async fn a_lease_is_renewed_released_and_lent_again_with_the_next_epoch() {
    let bench = Bench::new(1, |_| {});
    let mut page = Client::open(bench.bridge.address()).await;
    let Identity { producer_id, epoch } = page.identity();
    assert_eq!(
        send(&mut page, kafka::batch(Identity { producer_id, epoch }, 0, &["x"])).await,
        (0, None)
    );
    let renewed = page.ask_lease(LeaseRequest::Renew { producer_id }).await.unwrap().unwrap();
    assert_eq!(renewed.identity, page.identity());
    assert_eq!(page.ask_lease(LeaseRequest::Release { producer_id }).await, Ok(None));
    let again = page.ask_lease(LeaseRequest::Release { producer_id }).await;
    assert_eq!(again, Err(LeaseRefusal::NotHeld));
    let resumed = page.ask_lease(LeaseRequest::Resume { ticket: &renewed.ticket }).await;
    assert_eq!(resumed, Err(LeaseRefusal::Expired), "what is released is over");
    let mut next = Client::open(bench.bridge.address()).await;
    assert_eq!(next.identity(), Identity { producer_id, epoch: epoch + 1 });
    let stale = page.ask_lease(LeaseRequest::Resume { ticket: &renewed.ticket }).await;
    assert_eq!(stale, Err(LeaseRefusal::Expired), "now it is another's");
    // The fence stands on each partition from the next holder's first batch on, but the bridge
    // refuses the former holder's everywhere, at once.
    let late = kafka::batch(Identity { producer_id, epoch }, 1, &["late"]);
    assert_eq!(send(&mut page, late).await, (49, Some(4403)));
    let batch = kafka::batch(next.identity(), 0, &["y"]);
    assert_eq!(send(&mut next, batch).await, (0, None));
    assert_eq!(bench.log("clicks", 0), ["x", "y"]);
}

#[tokio::test]
async fn t11_pages_that_come_and_go_use_few_producer_ids() {
    let bench = Bench::new(1, |_| {});
    let mut ids = BTreeSet::new();
    for _ in 0..200 {
        let mut page = Client::open(bench.bridge.address()).await;
        let producer_id = page.identity().producer_id;
        ids.insert(producer_id);
        page.ask_lease(LeaseRequest::Release { producer_id }).await.unwrap();
        page.leave().await;
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn t11_no_subject_has_more_than_its_share_and_all_together_have_an_end() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.leases.max_per_subject = 3;
        config.leases.max = 5;
    });
    let mut open = Vec::new();
    let mut counts = Vec::new();
    for subject in ["alice", "bob"] {
        let greeting = Greeting::token(&issuer.page(subject));
        let mut count = 0;
        for _ in 0..6 {
            let page = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
            match &page.leases[0] {
                Ok(_) => count += 1,
                Err(refusal) => assert_eq!(*refusal, LeaseRefusal::Exhausted),
            }
            open.push(page);
        }
        counts.push(count);
    }
    assert_eq!(counts, [3, 2]);
}

#[tokio::test]
async fn t11_who_asks_for_many_at_once_gets_no_more() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.leases.max_per_subject = 3;
    });
    let greeting = Greeting::token(&issuer.page("alice"));
    let pages = (0..12).map(|_| Client::connect(bench.bridge.address(), &greeting));
    let pages = futures_util::future::join_all(pages).await;
    let granted = pages.iter().filter(|page| page.as_ref().unwrap().leases[0].is_ok());
    assert_eq!(granted.count(), 3);
}

#[tokio::test]
async fn another_instance_takes_a_ticket_but_not_the_epoch() {
    let folder = Folder::new();
    let key = folder.write("key", "0123456789abcdef0123456789abcdef");
    let bench = Bench::new(1, |config| config.leases.key_file = Some(key.clone()));
    let mut config = support::bench::open_config(bench.broker.address().to_string());
    config.leases.key_file = Some(key);
    let other = ottla_bridge::Running::start(config).unwrap();
    let lease = Client::open(bench.bridge.address()).await.lease();
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let mut page = Client::connect(other.address(), &greeting).await.unwrap();
    assert_eq!(page.identity(), lease.identity);
    assert_eq!(send(&mut page, kafka::batch(lease.identity, 0, &["x"])).await, (0, None));
    // Which epochs are used only the first instance knows, so the next one is another id's.
    let any = page.open_stream(None).await.unwrap();
    let answer = page.ask(any, &kafka::init_producer_id(Some(lease.identity))).await.unwrap();
    let next = kafka::read_identity(&answer).unwrap();
    assert_ne!(next.producer_id, lease.identity.producer_id);
    assert_eq!(send(&mut page, kafka::batch(next, 0, &["y"])).await, (0, None));
}

#[tokio::test]
async fn t10_a_request_that_is_being_checked_is_not_forwarded_after_its_lease_was_taken() {
    let broker = FakeBroker::start(Manners::default()).await;
    let mut config = support::bench::open_config(broker.address.to_string());
    // So that the broker sees first what was sent first.
    config.kafka.connections_per_broker = 1;
    let bridge = ottla_bridge::Running::start(config).unwrap();
    let mut former = Client::open(bridge.address()).await;
    let lease = former.lease();
    let stream = former.open_stream(Some(0)).await.unwrap();
    // To read all of this takes longer than to resume a lease.
    let (value, codec) = ("x".repeat(250 << 10), kafka_protocol::records::Compression::Zstd);
    let batch = kafka::batch_with(lease.identity, 0, &[&value], codec, kafka::now_ms());
    let batches: Vec<_> = (0..40).map(|place| ("clicks", place, batch.clone())).collect();
    former.write(stream, &kafka::produce(&batches)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let mut later = Client::connect(bridge.address(), &greeting).await.unwrap();
    let before = broker.produced().len();
    assert_eq!(former.gone().await, 4409);
    let batch = kafka::batch(lease.identity, 0, &["x"]);
    assert_eq!(send(&mut later, batch).await, (0, None));
    assert_eq!(broker.produced().len(), before + 1);
}
