//! A13: the keys, their defaults, and what they mean today.

use std::time::Duration;

use ottla_core::partitioner::PartitionerKind;
use ottla_core::producer_0_8::{Config, Mode, WhenFull};
use ottla_core::{Acks, Codec};

fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
    let brokers = [("metadata.broker.list", "h:1")];
    Config::from_properties(brokers.iter().chain(settings).copied()).map_err(|e| e.to_string())
}

#[test]
fn the_defaults_are_those_of_0_8_2() {
    let config = config(&[]).unwrap();
    assert_eq!((config.mode, config.when_full), (Mode::Sync, WhenFull::Wait));
    assert_eq!(config.queue_messages, 10_000);
    let producer = config.producer;
    assert_eq!((producer.acks, producer.retries), (Acks::None, 3));
    assert_eq!(producer.request_timeout, Duration::from_secs(10));
    assert_eq!(producer.retry_backoff, Duration::from_millis(100));
    assert_eq!(producer.metadata_max_age, Duration::from_secs(600));
    assert_eq!(producer.send_buffer_bytes, Some(102_400));
    assert!(producer.linger.is_zero() && !producer.enable_idempotence);
    assert!(matches!(producer.partitioner, PartitionerKind::StickyTime { .. }));
}

/// A11: `compression.codec` × `compressed.topics`.
#[test]
fn compressed_topics_choose_among_topics_only_with_a_codec() {
    let codec_of = |codec: &str, topics: &str, topic: &str| {
        let settings = [("compression.codec", codec), ("compressed.topics", topics)];
        let producer = config(&settings).unwrap().producer;
        let overrides = producer.topics.get(topic).and_then(|topic| topic.compression);
        overrides.unwrap_or(producer.compression).codec()
    };
    for (codec, topics, topic, expected) in [
        ("none", "", "a", Codec::None),
        ("0", "a,b", "a", Codec::None),
        ("gzip", "", "a", Codec::Gzip),
        ("1", "a, b", "b", Codec::Gzip),
        ("snappy", "a,b", "c", Codec::None),
        ("2", "a,b", "a", Codec::Snappy),
    ] {
        assert_eq!(codec_of(codec, topics, topic), expected, "{codec} {topics:?} {topic}");
    }
}

#[test]
fn what_0_8_refused_is_refused() {
    for (settings, why) in [
        (&[("producer.type", "fast")][..], "sync or async"),
        (&[("request.timeout.ms", "0")], "from 1 to"),
        (&[("request.required.acks", "2")], "all, -1"),
        (&[("client.id", "a b")], "ASCII letters"),
        (
            &[("producer.type", "async"), ("queue.buffering.max.messages", "100")],
            "batch.num.messages: 200 can't be larger than queue.buffering.max.messages = 100",
        ),
        (&[("queue.enqueue.timeout", "1")], "did you mean queue.enqueue.timeout.ms?"),
        (&[("linger.ms", "1")], "unknown configuration linger.ms"),
        (&[("serializer.class", "my.Encoder")], "serialize before you send"),
    ] {
        let error = config(settings).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let error = Config::from_properties([]).unwrap_err().to_string();
    assert!(error.contains("metadata.broker.list"), "{error}");
}

/// A13: −1 of `topic.metadata.refresh.interval.ms` is never.
#[test]
fn a_negative_refresh_interval_is_never() {
    let config = config(&[("topic.metadata.refresh.interval.ms", "-1")]).unwrap();
    assert!(config.producer.metadata_max_age > Duration::from_secs(1 << 40));
}
