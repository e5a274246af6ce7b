//! Everything that reads bytes of strangers, given bytes that are nearly right: no panic, no hang,
//! and no more memory than the bytes that are there account for.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use allocation_counter::measure;
use ottla_bridge::judgement;
use ottla_core::config::ProducerConfig;
use ottla_core::records::RecordBatchView;
use ottla_core::sasl::{Login, Occasion, Step};
use ottla_tests::kafka::java_judges;
use ottla_tests::mutate::{Mutator, declare_two_gibibytes};
use ottla_tests::requests::{batches, of_a_page, with_checksum};
use ottla_tests::{Progress, budget};

/// What a reader may have allocated at a time beside four times its input.
const CONSTANT: u64 = 64 << 10;

/// What a few bytes of Zstandard may really be: a block of 128 KiB and a match as long that is one
/// too much, in a ring that grows from 256 to 512 KiB.
const BLOCK: u64 = 768 << 10;

/// Gives `reader` mutations of `seeds`, other ones in each full run. What they hold may take
/// `inside`; what they only declare takes nothing.
fn fuzz(what: &str, seeds: &[Vec<u8>], inside: u64, reader: impl Fn(&[u8])) {
    let inputs = budget::get("fuzz.inputs");
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let number = if budget::is_full() { now } else { 1 };
    let mut mutator = Mutator::new(seeds.to_vec(), number);
    let mut progress = Progress::new(what);
    for done in 0..inputs {
        check(what, &mutator.mutated(), inside, &reader);
        progress.tick(|| format!("{done} of {inputs}"));
    }
    for seed in seeds {
        for input in declare_two_gibibytes(seed) {
            check(what, &input, 0, &reader);
        }
    }
    println!("full: {what}: {inputs} inputs, from number {number}");
}

fn check(what: &str, input: &[u8], inside: u64, reader: impl Fn(&[u8])) {
    let allocated = measure(|| reader(input)).bytes_max;
    let most = 4 * input.len() as u64 + CONSTANT + inside;
    assert!(allocated <= most, "{what} allocates {allocated} bytes for {}", hex(input));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bridge_reads_requests() {
    for request in of_a_page() {
        assert!(judgement::of_request(&request).is_some(), "the seed is no request");
    }
    fuzz("requests", &of_a_page(), 0, |frame| drop(judgement::of_request(frame)));
}

#[test]
fn the_bridge_judges_batches() {
    for batch in batches() {
        assert_eq!(judgement::of_batch(&batch), Ok(()), "the seed is no batch");
    }
    fuzz("batches", &batches(), BLOCK, |bytes| {
        let _ = judgement::of_batch(bytes);
        // Else the checksum stands before all that is behind it.
        let _ = judgement::of_batch(&with_checksum(bytes.to_vec()));
    });
}

#[test]
fn the_core_reads_batches() {
    const MOST: usize = 16 << 10;
    fuzz("record batches", &batches(), BLOCK, |bytes| {
        let bytes = with_checksum(bytes.to_vec());
        let mut scratch = Vec::new();
        if let Ok(batch) = RecordBatchView::parse(&bytes)
            && let Ok(records) = batch.records(&mut scratch, MOST)
        {
            assert!(records.take(MOST).filter(Result::is_ok).count() <= MOST);
        }
    });
}

#[test]
fn the_core_reads_what_a_login_is_answered() {
    let mut config = ProducerConfig::default();
    let settings =
        [("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.username", "u"), ("sasl.password", "p")];
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    let occasion = Occasion { entropy: [1, 2, 3, 4], host: "broker", unix_millis: 0 };
    let begin = || match Login::begin(
        &config.security.sasl,
        &occasion,
        &mut Context::from_waker(Waker::noop()),
    ) {
        Poll::Ready(begun) => begun.unwrap(),
        Poll::Pending => panic!("a password is there"),
    };
    let first = begin().1;
    let nonce = String::from_utf8(first).unwrap().split_once(",r=").unwrap().1.to_owned();
    let challenge = format!("r={nonce}theirs,s=c2FsdHNhbHQ=,i=4096").into_bytes();
    fuzz("logins", &[challenge], 0, |message| {
        let mut login = begin().0;
        if let Ok(Step::Send(_)) = login.step(message) {
            assert!(login.step(message).is_err(), "no broker proves itself like this");
        }
    });
}

#[test]
fn settings_are_read() {
    let seeds = [
        "bootstrap.servers=a:9092,[::1]:9092\nacks=all\nlinger.ms=5\ncompression.type=lz4\n",
        "topic.orders.acks=1\ntopic.orders.compression.type=zstd\ncompression.zstd.level=3\n",
        "sasl.jaas.config=org.example.PlainLoginModule required username=\"a\" password=\"b\";\n",
        "bootstrap.servers=SSL://b:1\nssl.truststore.certificates=-----BEGIN CERTIFICATE-----\n",
    ];
    let seeds = seeds.map(|text| text.as_bytes().to_vec());
    fuzz("settings", &seeds, 0, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let settings = text.lines().filter_map(|line| line.split_once('='));
        let _ = ProducerConfig::from_properties(settings);
    });
}

/// What Java's broker refuses, the bridge refuses before it. It refuses more, and that is printed.
#[test]
fn the_bridge_is_no_more_lenient_than_java() {
    let inputs = budget::get("fuzz.judged");
    let mut mutator = Mutator::new(batches(), 2);
    let mut judged = batches();
    judged.extend((0..inputs).map(|number| match number % 4 {
        0 => mutator.mutated(),
        _ => with_checksum(mutator.mutated()),
    }));
    let mut stricter = BTreeMap::<String, u32>::new();
    let mut refused = 0;
    for (batch, java) in judged.iter().zip(java_judges(&judged)) {
        match (judgement::of_batch(batch), java) {
            (Ok(()), None) => {}
            (Ok(()), Some(why)) => panic!("Java refuses ({why}): {}", hex(batch)),
            (Err(code), None) => *stricter.entry(code.to_string()).or_default() += 1,
            (Err(_), Some(_)) => refused += 1,
        }
    }
    let taken = judged.len() - refused - stricter.values().sum::<u32>() as usize;
    assert!(taken > batches().len() && refused > 0, "{taken} taken, {refused} refused by both");
    println!(
        "full: {taken} batches taken by both, {refused} refused by both, {stricter:?} by the bridge alone"
    );
}
