//! The known key that a mistyped one looks most like.

use alloc::vec::Vec;

use super::keys::keys;

/// The key that `name` most likely means, if any is near enough.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let topic = "topic.NAME.acks or topic.NAME.compression.type";
    nearest_of(name, keys().iter().map(|key| key.name))
        .or_else(|| (name.len() <= MOST && name.starts_with("topic.")).then_some(topic))
}

/// Longer than any key by half: no typo, and the work below is bounded.
const MOST: usize = 64;

/// The key of `known` that `name` most likely means, if any is near enough.
pub(super) fn nearest_of(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    if name.len() > MOST {
        return None;
    }
    let nearest = known.map(|key| (distance(name, key), key));
    let (distance, nearest) = nearest.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1.max(name.len() / 3)).then_some(nearest)
}

/// How far `name` is from `key`; to leave out the unit is one mistake.
fn distance(name: &str, key: &str) -> usize {
    let without_unit = key.strip_suffix(".ms").map(|key| 1 + edit_distance(name, key));
    edit_distance(name, key).min(without_unit.unwrap_or(usize::MAX))
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`
/// (optimal string alignment). Case and the choice of `.`, `_` and `-` count for nothing.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().map(folded).collect();
    let b: Vec<u8> = b.bytes().map(folded).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

fn folded(byte: u8) -> u8 {
    match byte {
        b'_' | b'-' => b'.',
        _ => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        let cases = [
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("lingr.ms", "linger.ms", 1),
            ("linegr.ms", "linger.ms", 1),
            ("LINGER_MS", "linger.ms", 0),
            ("flaw", "lawn", 2),
        ];
        for (a, b, distance) in cases {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn typos_find_their_key() {
        let typos = [
            ("lingr.ms", "linger.ms"),
            ("linger_ms", "linger.ms"),
            ("lingerMs", "linger.ms"),
            ("linger", "linger.ms"),
            ("ack", "acks"),
            ("batchsize", "batch.size"),
            ("bootstrap.server", "bootstrap.servers"),
            ("bootstrap-server", "bootstrap.servers"),
            ("enable.idempotent", "enable.idempotence"),
            ("max.inflight.requests.per.connection", "max.in.flight.requests.per.connection"),
        ];
        for (typo, key) in typos {
            assert_eq!(nearest(typo), Some(key), "{typo}");
        }
    }

    #[test]
    fn what_looks_like_nothing_gets_no_suggestion() {
        for name in ["", "x", "foo.bar.baz", "log.retention.hours", &"a".repeat(100_000)] {
            assert_eq!(nearest(name), None, "{}", name.len());
        }
        assert!(nearest("topic.orders.retention").unwrap().contains("topic.NAME.acks"));
    }
}
