//! Logins that wait for a token which is still being fetched.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::sasl::{Secret, TokenProvider, TokenSource};
use ottla_core::time::Clock;
use ottla_core::{ProducerConfig, Record};

use crate::door::{Keeper, keep};
use crate::world::World;

/// Gives each token once, when it has come.
#[derive(Default)]
struct Fetched(Mutex<(Option<&'static str>, Option<Waker>)>);

impl Fetched {
    fn arrive(&self, token: &'static str) {
        let mut state = self.0.lock().unwrap();
        state.0 = Some(token);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    fn is_wanted(&self) -> bool {
        self.0.lock().unwrap().1.is_some()
    }
}

impl TokenProvider for Fetched {
    fn poll_token(&self, cx: &mut Context<'_>) -> Poll<Result<Secret, String>> {
        let mut state = self.0.lock().unwrap();
        if let Some(token) = state.0.take() {
            return Poll::Ready(Ok(token.into()));
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn world(tokens: &Arc<Fetched>) -> World {
    let settings = [
        ("bootstrap.servers", "node-1:9092"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token", "replaced"),
        ("request.timeout.ms", "3000"),
        ("linger.ms", "0"),
        ("retries", "1"),
    ];
    let mut config = ProducerConfig::from_properties(settings).unwrap();
    config.security.sasl.token = Some(TokenSource::Provider(tokens.clone()));
    World::configured(1, &[("t", 1)], config)
}

fn keeper(session: Duration) -> Keeper {
    let password = b"n,,\x01auth=Bearer one\x01\x01".to_vec();
    Keeper { mechanism: "OAUTHBEARER", password, session, ..Keeper::default() }
}

/// Hands out a token as soon as one is wanted, some time after that.
fn serve(world: &mut World, tokens: &Fetched, span: Duration) {
    for _ in 0..span.as_millis() / 50 {
        let wanted = tokens.is_wanted();
        world.pass(Duration::from_millis(50));
        if wanted {
            tokens.arrive("one");
        }
    }
}

#[test]
fn a_login_waits_for_its_token() {
    let tokens = Arc::new(Fetched::default());
    let mut world = world(&tokens);
    let keeper = keep(&world, keeper(Duration::ZERO));
    let _ = world.producer.try_send("t", Record::new(b"x"));
    world.pass(Duration::from_millis(500));
    assert!(tokens.is_wanted() && keeper.borrow().accepted.is_empty());
    serve(&mut world, &tokens, Duration::from_secs(1));
    let delivery = world.send_to(0, "x");
    serve(&mut world, &tokens, Duration::from_secs(1));
    assert!(world.wait(delivery).0.is_ok());
    assert_eq!(keeper.borrow().refused, 0);
    assert_eq!(world.connections() as usize, keeper.borrow().accepted.len());
}

#[test]
fn a_token_that_never_comes_costs_the_connection() {
    let tokens = Arc::new(Fetched::default());
    let mut world = world(&tokens);
    keep(&world, keeper(Duration::ZERO));
    let _ = world.producer.try_send("t", Record::new(b"x"));
    world.pass(Duration::from_secs(2));
    assert_eq!(world.producer.last_error(), None);
    world.pass(Duration::from_secs(2));
    let error = world.producer.last_error().unwrap();
    assert!(error.contains("nothing to log in with within request.timeout.ms"), "{error}");
}

#[test]
fn a_session_is_renewed_with_a_token_fetched_for_that() {
    let tokens = Arc::new(Fetched::default());
    let mut world = world(&tokens);
    let keeper = keep(&world, keeper(Duration::from_secs(10)));
    let _ = world.producer.try_send("t", Record::new(b"x"));
    serve(&mut world, &tokens, Duration::from_secs(1));
    let mut deliveries = Vec::new();
    for _ in 0..60 {
        deliveries.push(world.send_to(0, "x"));
        serve(&mut world, &tokens, Duration::from_secs(1));
    }
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    let keeper = keeper.borrow();
    assert!(keeper.accepted.len() > 8, "{:?}", keeper.accepted);
    assert_eq!((keeper.refused, keeper.early), (0, 0));
    assert_eq!(world.connections(), 2, "at {:?}", world.clock.now());
}
