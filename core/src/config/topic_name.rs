//! Which texts can name a topic.

use super::parse::Parsed;

/// Kafka's rule (`org.apache.kafka.common.internals.Topic.validate`).
#[must_use]
pub fn is_topic_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

pub(super) fn check(name: &str) -> Parsed<()> {
    if is_topic_name(name) {
        Ok(())
    } else {
        Err("a topic's name in the key: 1 to 249 ASCII letters, digits, '.', '_' and '-'".into())
    }
}
