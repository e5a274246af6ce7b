//! Tokens from a server over HTTP.
#![cfg(feature = "oidc")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ottla_core::config::{OidcConfig, TlsConfig};
use ottla_core::sasl::{Secret, TokenProvider};
use ottla_transport_std::{TokenError, Tokens};

/// Answers one request after the other, and passes on what they said.
fn serve(answers: &'static [(&str, &str)]) -> (OidcConfig, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, seen) = mpsc::channel();
    thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            while reader.read_line(&mut request).unwrap() > 2 {}
            let size = |line: &str| line.strip_prefix("content-length: ")?.trim().parse().ok();
            let size = request.to_lowercase().lines().find_map(size).unwrap_or(0_usize);
            let mut form = vec![0; size];
            reader.read_exact(&mut form).unwrap();
            let _ = requests.send(request + &String::from_utf8(form).unwrap());
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            write!(stream, "{head}Connection: close\r\n\r\n{body}").unwrap();
        }
    });
    let mut oidc = OidcConfig::default();
    oidc.token_endpoint_url = Some(format!("http://{address}/token"));
    oidc.client_id = Some("a client".into());
    oidc.client_secret = Some("hunter:2".into());
    oidc.scope = Some("kafka write".into());
    (oidc, seen)
}

fn fetch(oidc: &OidcConfig) -> Result<Tokens, TokenError> {
    Tokens::fetch(oidc, &TlsConfig::default())
}

fn newest(tokens: &Tokens) -> Result<Secret, String> {
    let Poll::Ready(token) = tokens.poll_token(&mut Context::from_waker(Waker::noop())) else {
        panic!("tokens are fetched before they are asked for")
    };
    token
}

#[test]
fn the_request_is_that_of_the_rfc() {
    let (oidc, seen) = serve(&[("200 OK", r#"{"access_token":"one","expires_in":3600}"#)]);
    let tokens = fetch(&oidc).unwrap();
    assert_eq!(newest(&tokens).unwrap().reveal(), "one");
    let request = seen.recv().unwrap();
    assert!(request.starts_with("POST /token HTTP/1.1"), "{request}");
    assert!(request.ends_with("grant_type=client_credentials&scope=kafka+write"), "{request}");
    // base64 of `a%20client:hunter%3A2`.
    assert!(request.contains("Basic YSUyMGNsaWVudDpodW50ZXIlM0Ey"), "{request}");
}

#[test]
fn a_token_is_followed_by_the_next_before_it_ends() {
    let (oidc, seen) = serve(&[
        ("200 OK", r#"{"access_token":"one","expires_in":1}"#),
        ("503 Service Unavailable", ""),
        ("200 OK", r#"{"access_token":"two"}"#),
    ]);
    let tokens = fetch(&oidc).unwrap();
    let start = Instant::now();
    (0..3).for_each(|_| drop(seen.recv_timeout(Duration::from_secs(10)).unwrap()));
    let next = || newest(&tokens).is_ok_and(|token| token.reveal() == "two");
    while !next() {
        assert!(start.elapsed() < Duration::from_secs(10), "the next token never came");
        thread::yield_now();
    }
}

#[test]
fn a_refusal_is_told_at_once_and_without_the_secret() {
    const REFUSAL: &str = r#"{"error":"invalid_client","error_description":"who?"}"#;
    let (oidc, _seen) = serve(&[("401 Unauthorized", REFUSAL)]);
    let error = fetch(&oidc).unwrap_err();
    assert!(matches!(error, TokenError::Refused(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.ends_with("/token: 401 Unauthorized invalid_client: who?"), "{text}");
    assert!(!format!("{error:?} {oidc:?}").contains("hunter"));
}

#[test]
fn a_server_that_gives_none_is_asked_three_times() {
    let answers = &[("500 Oops", ""), ("200 OK", "<html>"), ("200 OK", r#"{"token":"x"}"#)];
    let (oidc, seen) = serve(answers);
    let error = fetch(&oidc).unwrap_err();
    assert!(error.to_string().ends_with("the answer has no access_token"), "{error}");
    assert_eq!(seen.iter().count(), 3);
}

#[test]
fn a_token_without_a_life_is_none() {
    let (oidc, seen) = serve(&[("200 OK", r#"{"access_token":"x","expires_in":0}"#); 3]);
    let error = fetch(&oidc).unwrap_err();
    assert!(error.to_string().ends_with("the token is over when it comes"), "{error}");
    assert_eq!(seen.iter().count(), 3);
}
