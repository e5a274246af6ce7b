//! What is wrong with a record, a topic, a broker or a name is said in one line, in time, and does
//! no harm to what is right.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ottla::{Producer, Reason, Record, SendError, Written};
use ottla_tests::kafka::{Cluster, NEWEST};

const MAX_BLOCK: Duration = Duration::from_millis(1500);

fn producer(bootstrap: &str, more: &[(&str, &str)]) -> Producer {
    let max_block = MAX_BLOCK.as_millis().to_string();
    let base = [("bootstrap.servers", bootstrap), ("max.block.ms", &max_block)];
    Producer::from_properties(base.iter().chain(more).copied()).unwrap()
}

/// The error of a send that must fail, on one line and about when `max.block.ms` is over.
#[track_caller]
fn refusal(producer: &Producer, topic: &str, record: Record<'_>) -> (SendError, String) {
    let begun = Instant::now();
    let error = producer.send_blocking(topic, record).unwrap_err();
    let elapsed = begun.elapsed();
    assert!(elapsed < MAX_BLOCK + Duration::from_secs(20), "{error} after {elapsed:?}");
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 400, "{text}");
    (error, text)
}

#[test]
fn what_kafka_refuses_is_refused_in_words() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("small", 2, 1, &[("max.message.bytes", "10000")]);
    let producer = producer(&kafka.bootstrap(), &[("max.request.size", "100000")]);

    let (error, text) = refusal(&producer, "small", Record::new(&[0; 200_000]));
    let SendError::RecordTooLarge { size, limit: 100_000, key: "max.request.size" } = error else {
        panic!("{error:?}")
    };
    let expected = format!(
        "the record is {size} bytes when serialized, more than max.request.size = 100000: raise max.request.size or send less"
    );
    assert!(size > 200_000 && text == expected, "{text}");

    let (error, text) = refusal(&producer, "small", Record::new(b"x").partition(2));
    let SendError::NotInMetadata { partition: Some((2, 2)), .. } = error else {
        panic!("{error:?}")
    };
    let expected =
        "partition 2 of topic small with partition count 2 is not present in metadata after 15";
    assert!(text.starts_with(expected), "{text}");
    let (error, _) = refusal(&producer, "small", Record::new(b"x").partition(-1));
    assert!(matches!(error, SendError::InvalidRecord(_)), "{error:?}");

    let (error, text) = refusal(&producer, "unheard-of", Record::new(b"x"));
    assert!(matches!(error, SendError::NotInMetadata { partition: None, .. }), "{error:?}");
    assert!(text.starts_with("topic unheard-of not present in metadata after 15"), "{text}");
    assert!(text.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{text}");
    let (error, text) = refusal(&producer, "no/slashes", Record::new(b"x"));
    assert!(matches!(error, SendError::Topic { .. }), "{error:?}");
    assert!(text.starts_with("topic no/slashes: INVALID_TOPIC_EXCEPTION"), "{text}");

    // The broker's own limit: only that record fails, and it tells that it isn't stored.
    let large = producer.send_blocking("small", Record::new(&[0; 50_000]).partition(0)).unwrap();
    let good = producer.send_blocking("small", Record::new(b"good").partition(0)).unwrap();
    let error = large.wait().unwrap_err();
    let Reason::Broker(code) = error.reason else { panic!("{error:?}") };
    assert_eq!((code.name(), error.written), ("MESSAGE_TOO_LARGE", Written::No));
    assert_eq!(good.wait().unwrap().offset, Some(0));
    assert_eq!(kafka.end_offsets("small"), [1, 0]);
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (_, text) = refusal(&producer(&address, &[]), "any", Record::new(b"x"));
    assert!(text.ends_with(&format!("; last error: {address}: connection refused")), "{text}");

    let (_, text) = refusal(&producer("no-such-host.invalid:1", &[]), "any", Record::new(b"x"));
    assert!(text.contains(": cannot resolve no-such-host.invalid: "), "{text}");
}

/// What a server does with a connection.
type Serve = fn(TcpStream);

/// A server that does with every connection as told, and its address.
fn server(serve: Serve) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads a request, answers these bytes, and closes the connection.
fn answer(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(bytes);
}

#[test]
fn a_server_that_is_no_kafka_is_found_out() {
    let cases: [(Serve, &str); 6] = [
        (
            |s| answer(s, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
            "it answers in HTTP",
        ),
        // A TLS alert: handshake failure.
        (|s| answer(s, b"\x15\x03\x03\x00\x02\x02\x28"), "TLS"),
        (|s| answer(s, b"\x7f\xff\xff\xffand so on"), "response size 2147483647"),
        (|s| answer(s, b"\xff\xff\xff\xffand so on"), "response size -1"),
        (|s| answer(s, b"\x00\x00\x00\x10random garbage.."), "corrupt response: "),
        (|s| answer(s, b""), "closed the connection"),
    ];
    let check = |(serve, expected)| {
        let address = server(serve);
        let (error, text) = refusal(&producer(&address, &[]), "any", Record::new(b"x"));
        assert!(matches!(error, SendError::NotInMetadata { .. }), "{error:?}");
        assert!(text.contains(&format!("; last error: {address}: ")), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}

/// Accepts and says nothing: `request.timeout.ms` finds out.
#[test]
fn a_silent_server_is_given_up() {
    let address = server(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    let producer = producer(&address, &[("request.timeout.ms", "500")]);
    let (_, text) = refusal(&producer, "any", Record::new(b"x"));
    let expected = format!("; last error: {address}: no answer within request.timeout.ms");
    assert!(text.ends_with(&expected), "{text}");
}

/// A garbage server among the bootstrap servers keeps nobody from the real one.
#[test]
fn one_wrong_address_of_several_does_no_harm() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("good", 1, 1, &[]);
    let bad = server(|stream| answer(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let bootstrap = format!("{bad},no-such-host.invalid:1,{}", kafka.bootstrap());
    for _ in 0..5 {
        let producer = producer(&bootstrap, &[("max.block.ms", "30000")]);
        producer.send_blocking("good", Record::new(b"x")).unwrap().wait().unwrap();
    }
    assert_eq!(kafka.end_offsets("good"), [5]);
}
