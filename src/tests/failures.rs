//! What goes wrong is said in one clear line.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::{broker, producer};
use crate::{
    ApiKey, BlockingClient, BlockingError, Producer, ProducerConfig, Record, SendError, StartError,
    TcpError,
};

/// The error of a first record to `bootstrap`, which isn't reached within `max.block.ms`.
fn first_send_error(bootstrap: impl ToString) -> SendError {
    let producer = producer(bootstrap, &[("max.block.ms", "700")]);
    producer.send_blocking("unreachable", Record::new(b"x")).unwrap_err()
}

#[test]
fn a_refused_connection() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = first_send_error(address).to_string();
    assert!(error.starts_with("topic unreachable not present in metadata after "), "{error}");
    assert!(error.contains(&format!("{address}: connection refused")), "{error}");
}

#[test]
fn a_name_that_does_not_resolve() {
    let error = first_send_error("nowhere.invalid:9092").to_string();
    assert!(error.contains("cannot resolve nowhere.invalid: "), "{error}");
}

#[test]
fn a_server_that_is_no_kafka() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = first_send_error(address);
    let SendError::NotInMetadata { cause: Some(cause), .. } = &error else { panic!("{error}") };
    assert!(cause.contains(&address.to_string()), "{cause}");
}

#[test]
fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = first_send_error(listener.local_addr().unwrap());
    assert!(matches!(error, SendError::NotInMetadata { .. }), "{error}");
}

#[test]
fn the_second_bootstrap_server_serves_when_the_first_is_down() {
    let broker = broker();
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let producer = producer(format!("{down},{}", broker.address()), &[]);
    for _ in 0..3 {
        producer.send_blocking("second", Record::new(b"x")).unwrap().wait().unwrap();
    }
}

#[test]
fn a_partition_that_the_topic_does_not_have() {
    let broker = broker();
    let producer = producer(broker.address(), &[("max.block.ms", "300")]);
    let error = producer.send_blocking("few", Record::new(b"x").partition(6)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("partition 6 of topic few with partition count 6 is not"), "{text}");
}

#[test]
fn a_record_that_is_too_large() {
    let broker = broker();
    let producer = producer(broker.address(), &[("max.request.size", "1000")]);
    let error = producer.send_blocking("large", Record::new(&[0; 1000])).unwrap_err();
    assert!(matches!(error, SendError::RecordTooLarge { limit: 1000, .. }), "{error}");
}

#[test]
fn a_key_that_kafka_does_not_have() {
    let properties = [("bootstrap.servers", "127.0.0.1:9092"), ("linger.sm", "5")];
    let error = Producer::from_properties(properties).unwrap_err();
    assert!(matches!(error, StartError::Config(_)));
    let text = error.to_string();
    assert!(text.contains("linger.sm") && text.contains("linger.ms"), "{text}");
}

/// What is inside of the errors has a name here, too.
#[cfg(feature = "oidc")]
#[test]
fn a_token_server_that_is_not_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Producer::from_properties([
        ("bootstrap.servers", "127.0.0.1:9092"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", &format!("http://{address}/")),
        ("sasl.oauthbearer.client.credentials.client.id", "id"),
        ("sasl.oauthbearer.client.credentials.client.secret", "secret"),
    ])
    .unwrap_err();
    use crate::TokenError;
    assert!(matches!(error, StartError::Token(TokenError::Unavailable(_))), "{error}");
}

/// So has what a single question is asked with.
#[test]
fn a_question_to_nobody() {
    let mut config = ProducerConfig::default();
    config.bootstrap_servers.push("127.0.0.1:1".parse().unwrap());
    let connection = BlockingClient::new(config).unwrap().bootstrap();
    let error = connection.and_then(|mut it| it.call(ApiKey::Metadata, |_, _| {})).unwrap_err();
    assert!(matches!(error, BlockingError::Connection(TcpError::Unreachable { .. })), "{error}");
}

#[test]
fn more_memory_than_there_is_is_refused() {
    let error = Producer::from_properties([
        ("bootstrap.servers", "127.0.0.1:1"),
        ("buffer.memory", "9223372036854775807"),
        ("buffer.memory.preallocate", "true"),
    ]);
    let error = error.expect_err("no machine has so much").to_string();
    assert!(error.contains("buffer.memory"), "{error}");
}
