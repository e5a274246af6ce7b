//! When the sender logs in, and what it makes of a refusal.

use std::time::Duration;

use ottla_core::time::Clock;
use ottla_core::{Reason, Record, SendError, Written};

use crate::door::{Keeper, keep};
use crate::world::World;

const PLAIN: [(&str, &str); 4] = [
    ("security.protocol", "SASL_PLAINTEXT"),
    ("sasl.mechanism", "PLAIN"),
    ("sasl.username", "alice"),
    ("sasl.password", "hunter2"),
];

fn alice() -> Keeper {
    Keeper { mechanism: "PLAIN", password: b"\0alice\0hunter2".to_vec(), ..Keeper::default() }
}

fn world(nodes: i32, more: &[(&str, &str)]) -> World {
    World::new(nodes, &[("t", 3)], &[&PLAIN[..], more].concat())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_connection_begins_with_a_login() {
    let mut world = world(3, &[]);
    let keeper = keep(&world, alice());
    world.know("t");
    for delivery in (0..3).map(|p| world.send_to(p, "x")).collect::<Vec<_>>() {
        world.wait(delivery).0.unwrap();
    }
    let keeper = keeper.borrow();
    assert_eq!((keeper.accepted.len(), keeper.early), (world.connections() as usize, 0));
}

#[test]
fn a_wrong_password_is_told_to_whoever_waits_at_once() {
    let mut world = world(1, &[]);
    let keeper = keep(&world, Keeper { password: b"\0alice\0other".to_vec(), ..alice() });
    let producer = world.producer.clone();
    let (refused, waited) = world.wait(Box::pin(producer.send("t", Record::new(b"x"))));
    let Err(error @ SendError::Authentication { .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(
        error.to_string(),
        "authentication failed: node-1:9092: refused the PLAIN login of \"alice\": \
         SASL_AUTHENTICATION_FAILED (58) (invalid credentials)"
    );
    assert!(waited < seconds(1), "{waited:?}");
    assert!(!error.is_retriable());
    assert!(!format!("{error:?} {:?}", world.producer.config()).contains("hunter2"));

    world.pass(seconds(600));
    // Once for the record, and once so that the next one finds the state of today.
    assert_eq!(keeper.borrow().refused, 2, "nobody sends, so nobody tries");
}

#[test]
fn sending_on_tries_again_no_faster_than_the_backoff() {
    let mut world = world(1, &[("reconnect.backoff.max.ms", "1000")]);
    let keeper = keep(&world, Keeper { password: b"\0alice\0other".to_vec(), ..alice() });
    for _ in 0..600 {
        let _ = world.producer.try_send("t", Record::new(b"x"));
        world.pass(Duration::from_millis(100));
    }
    let refused = keeper.borrow().refused;
    assert!((40..=110).contains(&refused), "{refused} logins in a minute");

    keeper.borrow_mut().password = b"\0alice\0hunter2".to_vec();
    let _ = world.producer.try_send("t", Record::new(b"x"));
    world.pass(seconds(2));
    let delivery = world.send_to(0, "after the password was put right");
    assert!(world.wait(delivery).0.is_ok());
}

#[test]
fn what_was_accepted_fails_when_the_leader_refuses_the_login() {
    let mut world = world(1, &[("linger.ms", "0"), ("connections.max.idle.ms", "1000")]);
    let keeper = keep(&world, alice());
    world.know("t");
    world.pass(seconds(5)); // the connection is idle, and closed
    keeper.borrow_mut().password = b"\0alice\0other".to_vec();
    let delivery = world.send_to(0, "x");
    let (outcome, waited) = world.wait(delivery);
    let error = outcome.unwrap_err();
    assert_eq!((&error.reason, error.written), (&Reason::Authentication, Written::No));
    assert!(error.to_string().contains("invalid credentials"), "{error}");
    assert!(waited < seconds(1), "{waited:?}");
    world.assert_memory_is_back();
}

#[test]
fn another_mechanism_names_those_that_there_are() {
    let mut world = world(1, &[]);
    keep(&world, Keeper { mechanism: "SCRAM-SHA-512", ..alice() });
    let producer = world.producer.clone();
    let (refused, _) = world.wait(Box::pin(producer.send("t", Record::new(b"x"))));
    let error = refused.err().unwrap().to_string();
    assert!(error.ends_with("UNSUPPORTED_SASL_MECHANISM (33) (it takes SCRAM-SHA-512)"), "{error}");
}

#[test]
fn a_refused_token_is_answered_before_the_error_comes() {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token", "hunter2"),
    ];
    let mut world = World::new(1, &[("t", 1)], &settings);
    let challenge = br#"{"status":"invalid_token"}"#.to_vec();
    let keeper = keep(&world, Keeper { mechanism: "OAUTHBEARER", challenge, ..alice() });
    let producer = world.producer.clone();
    let (refused, _) = world.wait(Box::pin(producer.send("t", Record::new(b"x"))));
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("refused the OAUTHBEARER login: SASL_AUTHENTICATION_FAILED"), "{error}");
    assert_eq!(keeper.borrow().refused, 1);
}

/// KIP-368: sessions of 10 s under load for two minutes.
#[test]
fn a_session_is_renewed_under_load_without_failing_a_batch() {
    let mut world = world(1, &[("linger.ms", "0"), ("retries", "1")]);
    let keeper = keep(&world, Keeper { session: seconds(10), ..alice() });
    world.know("t");
    let (mut sent, mut deliveries) = (0, Vec::new());
    for round in 0..1_200 {
        // Every now and then an answer takes long enough for the login to wait for it.
        world.hold(1, round % 80 == 79);
        for partition in 0..3 {
            deliveries.push(world.send_to(partition, "x"));
            sent += 1;
        }
        world.pass(Duration::from_millis(100));
    }
    world.hold(1, false);
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    let stored: usize = (0..3).map(|partition| world.log("t", partition).len()).sum();
    assert_eq!(stored, sent);
    let keeper = keeper.borrow();
    assert_eq!((keeper.early, keeper.refused), (0, 0));
    assert_eq!(world.producer.metrics().records_retried, 0, "no connection was lost");
    let between = keeper.accepted.windows(2).map(|pair| pair[1].since(pair[0]));
    let gaps: Vec<Duration> = between.filter(|gap| *gap > seconds(1)).collect();
    assert!(gaps.len() >= 13, "{gaps:?}");
    assert!(gaps.iter().all(|gap| (seconds(8)..seconds(9)).contains(gap)), "{gaps:?}");
}

/// With answers always on their way, only a sender that holds back finds the time for a login.
#[test]
fn a_session_is_renewed_although_answers_are_always_awaited() {
    let mut world = world(1, &[("linger.ms", "0"), ("retries", "1")]);
    let keeper = keep(&world, Keeper { session: seconds(10), ..alice() });
    world.delay(Duration::from_millis(300));
    world.know("t");
    let mut deliveries = Vec::new();
    for round in 0..600 {
        deliveries.push(world.send_to(round % 3, "x"));
        world.pass(Duration::from_millis(100));
    }
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    assert_eq!((keeper.borrow().early, world.producer.metrics().records_retried), (0, 0));
    assert_eq!(world.connections(), 2, "the bootstrap address, and the broker");
}

#[test]
fn an_idle_connection_does_not_live_on_its_logins() {
    let mut world = world(1, &[("connections.max.idle.ms", "60000")]);
    let keeper = keep(&world, Keeper { session: seconds(10), ..alice() });
    world.know("t");
    world.pass(seconds(240));
    let last = *keeper.borrow().accepted.last().unwrap();
    assert!(world.clock.now().since(last) > seconds(170), "{:?}", keeper.borrow().accepted);
}

/// What is said depends on the broker's name and the time, and the log of a failure on neither key.
#[test]
fn a_signed_login_bears_the_brokers_name_and_the_time() {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "AWS_MSK_IAM"),
        ("sasl.aws.access.key.id", "AKIDEXAMPLE"),
        ("sasl.aws.secret.access.key", "hunter2"),
        ("sasl.aws.region", "eu-west-1"),
    ];
    let mut world = World::new(1, &[("t", 1)], &settings);
    let keeper = keep(&world, Keeper { mechanism: "AWS_MSK_IAM", ..alice() });
    let producer = world.producer.clone();
    let (refused, _) = world.wait(Box::pin(producer.send("t", Record::new(b"x"))));
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("refused the AWS_MSK_IAM login of \"AKIDEXAMPLE\""), "{error}");
    let said = String::from_utf8(keeper.borrow().last_refused.clone()).unwrap();
    assert!(said.contains("\"host\":\"node-1\""), "{said}");
    // 2027-01-15 is when virtual time begins.
    assert!(said.contains("\"x-amz-date\":\"20270115T"), "{said}");
    assert!(!said.contains("hunter2"));
}
