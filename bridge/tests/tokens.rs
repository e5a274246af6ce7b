//! Who may come: T1, T2, T3, T4 of `SECURITY.md`.

mod support;

use ottla_bridge_protocol::Frame;
use serde_json::{Value, json};
use support::bench::Bench;
use support::client::{Client, Greeting, Said, upgrade};
use support::kafka;
use support::tokens::{Folder, Issuer, SHOP, claims, encode, now_s, with_tokens};

fn bench(issuer: &Issuer, folder: &Folder) -> Bench {
    Bench::new(1, |config| with_tokens(config, issuer, folder))
}

/// The code or status with which a token is refused, or 0.
async fn refused(bench: &Bench, token: &str, early: bool) -> u16 {
    let greeting = Greeting { early, ..Greeting::token(token) };
    match Client::connect(bench.bridge.address(), &greeting).await {
        Ok(client) => {
            client.leave().await;
            0
        }
        Err(code) => code,
    }
}

#[tokio::test]
async fn t1_good_tokens_of_all_kinds_are_taken() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = bench(&issuer, &folder);
    for kind in ["HS256", "ES256", "RS256"] {
        let mut claims = claims("alice");
        for early in [false, true] {
            assert_eq!(refused(&bench, &issuer.token(kind, &claims), early).await, 0, "{kind}");
        }
        claims["aud"] = json!(["other", "bridge"]);
        assert_eq!(refused(&bench, &issuer.token(kind, &claims), false).await, 0, "{kind}");
    }
}

/// A token for each thing that can be wrong.
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_tokens(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let good = claims("alice");
    let header = json!({"alg": "ES256", "kid": "es"});
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        issuer.token("ES256", &claims)
    };
    let without = |key: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(key);
        issuer.token("ES256", &claims)
    };
    let headed = |header: Value| issuer.sign("ES256", &header, &good);
    let token = issuer.token("ES256", &good);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!() };
    let none = encode(r#"{"alg":"none"}"#);
    let mut flipped = token.clone().into_bytes();
    let last = flipped.len() - 4;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    vec![
        ("nothing", String::new()),
        ("no token", "x".to_owned()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{token}.{signature}")),
        ("five parts, as encrypted ones have", format!("{head}.{body}.{body}.{body}.{body}")),
        ("empty parts", "..".to_owned()),
        ("alg none", format!("{none}.{body}.")),
        ("alg none with a signature", format!("{none}.{body}.{signature}")),
        ("alg None", format!("{}.{body}.", encode(r#"{"alg":"None"}"#))),
        ("no signature", format!("{head}.{body}.")),
        ("half a signature", format!("{head}.{body}.{}", &signature[..43])),
        ("another signature", String::from_utf8(flipped).unwrap()),
        ("a zero signature", format!("{head}.{body}.{}", encode([0; 64]))),
        ("other claims under the signature", {
            let mut other = good.clone();
            other["sub"] = json!("mallory");
            format!("{head}.{}.{signature}", encode(other.to_string()))
        }),
        ("another algorithm of the key's", headed(json!({"alg": "ES384", "kid": "es"}))),
        ("EdDSA", headed(json!({"alg": "EdDSA", "kid": "es"}))),
        ("the public key as a secret", {
            // The classic: an RSA key's bytes as the secret of HS256.
            issuer.sign("HS256", &json!({"alg": "HS256", "kid": "rs"}), &good)
        }),
        ("a secret's signature under another key", {
            issuer.sign("HS256", &json!({"alg": "ES256", "kid": "es"}), &good)
        }),
        (
            "a key for encryption",
            issuer.sign("RS256", &json!({"alg": "RS256", "kid": "enc"}), &good),
        ),
        ("an unknown key", headed(json!({"alg": "ES256", "kid": "nobody"}))),
        (
            "the first key's under another name",
            issuer.sign("HS256", &json!({"alg": "HS256", "kid": "nobody"}), &good),
        ),
        ("no key named where there are several", headed(json!({"alg": "ES256"}))),
        ("another issuer's key", Issuer::new().token("ES256", &good)),
        ("critical extensions", headed(json!({"alg": "ES256", "kid": "es", "crit": ["b64"]}))),
        ("a key in the header", headed(json!({"alg": "ES256", "jwk": issuer.jwks()["keys"][1]}))),
        ("a header that is no JSON", format!("{}.{body}.{signature}", encode("alg"))),
        ("a header in plain text", format!("{header}.{body}.{signature}")),
        ("blanks", format!(" {token}")),
        ("padding", format!("{head}=.{body}.{signature}")),
        ("expired", with("exp", json!(now_s() - 60))),
        ("valid for too long", with("exp", json!(now_s() + 3600))),
        ("valid for ever", with("exp", json!(u64::MAX))),
        ("exp as text", with("exp", json!("9999999999"))),
        ("exp negative", with("exp", json!(-1))),
        ("no exp", without("exp")),
        ("not yet valid", with("nbf", json!(now_s() + 600))),
        ("nbf as text", with("nbf", json!("soon"))),
        ("from the future", with("iat", json!(now_s() + 600))),
        ("another audience", with("aud", json!("shop"))),
        ("an empty list of audiences", with("aud", json!([]))),
        ("no audience", without("aud")),
        ("another issuer", with("iss", json!("mallory"))),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("an empty subject", with("sub", json!(""))),
        ("a subject that is a number", with("sub", json!(7))),
        ("a long subject", with("sub", json!("x".repeat(257)))),
        ("no grant", without("ottla")),
        ("a grant with unknown words", with("ottla", json!({"topics": ["*"], "admin": true}))),
        (
            "a grant for another page",
            with("ottla", json!({"topics": [], "origin": "https://a.example"})),
        ),
    ]
}

#[tokio::test]
async fn t1_bad_tokens_are_refused_before_anything_else() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = bench(&issuer, &folder);
    for (what, token) in bad_tokens(&issuer) {
        assert_eq!(refused(&bench, &token, false).await, 4401, "{what}");
        assert_eq!(refused(&bench, &token, true).await, 401, "{what}, with the upgrade");
    }
}

#[tokio::test]
async fn t1_hello_must_come_soon_and_first() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.times.hello_ms = 200;
    });
    let mut silent = socket(&bench).await;
    assert_eq!(silent.gone().await, 4408);
    let mut hasty = socket(&bench).await;
    hasty.say(&Frame::Ping(1)).await;
    assert_eq!(hasty.gone().await, 1002);
}

/// A client that has not greeted.
async fn socket(bench: &Bench) -> Client {
    Client::ungreeted(upgrade(bench.bridge.address(), "ottla.v1", Some(SHOP)).await.unwrap())
}

#[tokio::test]
async fn t2_a_token_ends_with_its_session_and_its_subject_stays() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.auth.leeway_s = 0;
    });
    let mut short = claims("alice");
    short["exp"] = json!(now_s() + 2);
    let short = issuer.token("ES256", &short);
    let greeting = Greeting::token(&short);
    let mut left = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    let mut refreshed = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    refreshed.say(&Frame::Auth { token: &issuer.page("alice") }).await;
    assert_eq!(refreshed.next().await, Said::AuthOk);
    assert_eq!(left.gone().await, 4401, "nobody brought a fresh token");
    assert!(refreshed.open_stream(Some(0)).await.is_ok());
    refreshed.say(&Frame::Auth { token: &issuer.page("mallory") }).await;
    assert_eq!(refreshed.gone().await, 4401, "another subject's token");
}

#[tokio::test]
async fn t2_revoked_subjects_and_tokens_are_refused() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        config.auth.revoked_subjects = vec!["mallory".to_owned()];
        config.auth.revoked_tokens = vec!["id of eve".to_owned()];
    });
    for subject in ["mallory", "eve"] {
        assert_eq!(refused(&bench, &issuer.page(subject), false).await, 4401);
        assert_eq!(refused(&bench, &issuer.page(subject), true).await, 401, "before the upgrade");
    }
    assert_eq!(refused(&bench, &issuer.page("alice"), true).await, 0);
}

#[tokio::test]
async fn t2_a_revocation_ends_the_sessions_that_are_there() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    folder.write("jwks.json", issuer.jwks().to_string());
    let broker = support::fake_broker::FakeBroker::start(Default::default()).await;
    let write = |more: &str| {
        let text = format!(
            "listen.address = \"127.0.0.1:0\"\nadmin.enabled = false\n\
             kafka.bootstrap = [\"{}\"]\nauth.jwks = \"jwks.json\"\nauth.audience = \"bridge\"\n\
             auth.origins = [\"{SHOP}\"]\n{more}",
            broker.address
        );
        folder.write("bridge.toml", text)
    };
    let bridge = ottla_bridge::Running::start_from(&write("")).unwrap();
    let connect = async |kind: &str, subject: &str| {
        let greeting = Greeting::token(&issuer.token(kind, &claims(subject)));
        Client::connect(bridge.address(), &greeting).await.unwrap()
    };
    let mut mallory = connect("ES256", "mallory").await;
    let mut eve = connect("ES256", "eve").await;
    let mut signed_otherwise = connect("HS256", "bob").await;
    let mut alice = connect("ES256", "alice").await;
    write("auth.revoked_subjects = [\"mallory\"]\n");
    bridge.reload();
    assert_eq!(mallory.gone().await, 4401);
    write("auth.revoked_tokens = [\"id of eve\"]\n");
    bridge.reload();
    assert_eq!(eve.gone().await, 4401);
    let mut keys = issuer.jwks();
    keys["keys"].as_array_mut().unwrap().retain(|key| key["kid"] != "hs");
    folder.write("jwks.json", keys.to_string());
    bridge.reload();
    assert_eq!(signed_otherwise.gone().await, 4401, "its key is gone");
    assert!(alice.open_stream(None).await.is_ok(), "who was not meant stays");
}

#[tokio::test]
async fn t3_only_the_protocol_is_selected_and_it_must_be_offered() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = bench(&issuer, &folder);
    let greeting = Greeting::token(&issuer.page("alice"));
    let hello = format!("ottla.hello.{}", encode(&greeting.frame()[5..]));
    // `upgrade` itself checks that nothing but `ottla.v1` is selected.
    let early = format!("{hello}, ottla.v1");
    assert!(upgrade(bench.bridge.address(), &early, Some(SHOP)).await.is_ok());
    for protocols in [&hello[..], "ottla.v2", "", "chat", "ottla.v1, ottla.hello.!"] {
        let answer = upgrade(bench.bridge.address(), protocols, Some(SHOP)).await;
        assert_eq!(answer.err(), Some(400), "{protocols}");
    }
}

#[tokio::test]
async fn t4_other_sites_pages_do_not_get_in() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = bench(&issuer, &folder);
    let token = issuer.page("alice");
    let tricks = [
        "null",
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:444",
        "https://SHOP.example",
    ];
    for origin in tricks {
        for early in [false, true] {
            let origin = Some(origin.to_owned());
            let greeting = Greeting { origin, early, ..Greeting::token(&token) };
            let answer = Client::connect(bench.bridge.address(), &greeting).await.err();
            assert_eq!(answer, Some(403), "{greeting:?}");
        }
    }
    let greeting = Greeting { origin: None, ..Greeting::token(&token) };
    let answer = Client::connect(bench.bridge.address(), &greeting).await.err();
    assert_eq!(answer, Some(4401), "no origin, and the token is a page's");
    let mut native = claims("a program");
    native["ottla"]["native"] = json!(true);
    let greeting = Greeting { origin: None, ..Greeting::token(&issuer.token("ES256", &native)) };
    assert!(Client::connect(bench.bridge.address(), &greeting).await.is_ok());
}

#[tokio::test]
async fn what_a_token_grants_is_what_its_bearer_may_do() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = bench(&issuer, &folder);
    let mut none = claims("alice");
    none["ottla"]["lease"] = json!("none");
    let greeting = Greeting::token(&issuer.token("ES256", &none));
    let client = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    assert_eq!(client.leases, [Err(ottla_bridge_protocol::LeaseRefusal::NotGranted)]);
    let greeting = Greeting::token(&issuer.page("alice"));
    let mut client = Client::connect(bench.bridge.address(), &greeting).await.unwrap();
    let stream = client.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(client.identity(), 0, &["x"]);
    let answer = client.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
    assert_eq!(kafka::outcomes(&answer)[0].2, 0);
}

#[tokio::test]
async fn t2_a_key_without_a_name_that_is_replaced_ends_its_sessions() {
    let (issuer, another, folder) = (Issuer::new(), Issuer::new(), Folder::new());
    let nameless = |issuer: &Issuer| {
        let mut key = issuer.jwks()["keys"][1].clone();
        key.as_object_mut().unwrap().remove("kid");
        serde_json::json!({ "keys": [key] }).to_string()
    };
    let bench = Bench::new(1, |config| {
        with_tokens(config, &issuer, &folder);
        folder.write("jwks.json", nameless(&issuer));
    });
    let header = serde_json::json!({"alg": "ES256"});
    let token = issuer.sign("ES256", &header, &claims("alice"));
    let mut page = Client::connect(bench.bridge.address(), &Greeting::token(&token)).await.unwrap();
    folder.write("jwks.json", nameless(&another));
    bench.bridge.reload();
    assert_eq!(page.gone_within(std::time::Duration::from_secs(20)).await, Some(4401));
}
