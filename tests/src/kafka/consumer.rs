//! Reads topics back with Kafka's own console consumer.

use super::cluster::Cluster;
use crate::progress::Progress;

/// Kafka's `BytesDeserializer` prints every byte that is not printable ASCII, and the backslash,
/// as `\xHH`. So a tab and a newline are never part of a key or a value.
const DESERIALIZER: &str = "org.apache.kafka.common.serialization.BytesDeserializer";

/// Stands for a null key, value or header value: no test has these bytes in a record.
const NULL: &str = "<ottla:null>";

/// Parts the headers: below the bytes that a header's key may sensibly have.
const HEADER_SEPARATOR: char = '\u{1f}';

const NO_HEADERS: &[u8] = b"NO_HEADERS";

/// How long the console consumer waits for one more record before it gives up.
const TIMEOUT_MS: &str = "60000";

/// A record as Kafka's consumer returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, the producer's or the broker's, or -1.
    pub timestamp: i64,
    /// The key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The value, if it has one.
    pub value: Option<Vec<u8>>,
    /// The headers in order. Their keys may not hold a colon or the byte 0x1f.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Cluster {
    /// Gives every record that the topic holds now to `record`, in order per partition.
    /// Returns their number.
    ///
    /// # Panics
    /// If the consumer fails, or returns fewer records than the offsets promise.
    #[track_caller]
    pub fn consume(&self, topic: &str, record: impl FnMut(ConsumedRecord)) -> u64 {
        self.consume_committed(topic, self.record_count(topic), record)
    }

    /// The same for a topic with transactions, whose offsets don't tell how many records are
    /// committed: the first `expected` of them.
    ///
    /// # Panics
    /// If the consumer fails, or returns fewer records.
    #[track_caller]
    pub fn consume_committed(
        &self,
        topic: &str,
        expected: u64,
        mut record: impl FnMut(ConsumedRecord),
    ) -> u64 {
        let mut count = 0;
        if expected == 0 {
            return count;
        }
        let mut progress = Progress::new(format!("consuming {topic}"));
        self.console_consumer(topic, expected).for_each_line(|line| {
            record(parse(line).unwrap_or_else(|| {
                panic!("not a record of the console consumer: {}", String::from_utf8_lossy(line))
            }));
            count += 1;
            progress.tick(|| format!("{count} of {expected} records"));
        });
        assert_eq!(count, expected, "the console consumer did not return all of {topic}");
        count
    }

    /// The same as a list, for small topics; sorted by partition, then by offset.
    ///
    /// # Panics
    /// As [`Cluster::consume`].
    #[must_use]
    #[track_caller]
    pub fn consume_all(&self, topic: &str) -> Vec<ConsumedRecord> {
        let mut records = Vec::new();
        self.consume(topic, |record| records.push(record));
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    fn console_consumer(&self, topic: &str, count: u64) -> super::tool::Tool<'_> {
        let property =
            if self.has_tools_before_4() { "--property" } else { "--formatter-property" };
        let separator = HEADER_SEPARATOR.to_string();
        let format = [
            ("print.timestamp", "true"),
            ("print.partition", "true"),
            ("print.offset", "true"),
            ("print.headers", "true"),
            ("print.key", "true"),
            ("headers.separator", &separator),
            ("null.literal", NULL),
            ("key.deserializer", DESERIALIZER),
            ("value.deserializer", DESERIALIZER),
            ("headers.deserializer", DESERIALIZER),
        ];
        self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer")
            .args(["--bootstrap-server", &self.bootstrap(), "--topic", topic, "--from-beginning"])
            .args(["--max-messages", &count.to_string(), "--timeout-ms", TIMEOUT_MS])
            .args(["--isolation-level", "read_committed"])
            .properties(property, &format)
    }
}

/// Parses `CreateTime:T ⇥ Partition:P ⇥ Offset:O ⇥ headers ⇥ key ⇥ value`.
fn parse(line: &[u8]) -> Option<ConsumedRecord> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let timestamp = match fields.next()? {
        b"NO_TIMESTAMP" => -1,
        field => number(field)?,
    };
    let record = ConsumedRecord {
        timestamp,
        partition: number(fields.next()?)?.try_into().ok()?,
        offset: number(fields.next()?)?,
        headers: headers(fields.next()?)?,
        key: bytes(fields.next()?)?,
        value: bytes(fields.next()?)?,
    };
    fields.next().is_none().then_some(record)
}

/// The number after the colon of `Name:123`.
fn number(field: &[u8]) -> Option<i64> {
    str::from_utf8(field).ok()?.split_once(':')?.1.parse().ok()
}

fn headers(field: &[u8]) -> Option<Vec<(String, Option<Vec<u8>>)>> {
    if field == NO_HEADERS {
        return Some(Vec::new());
    }
    let header = |text: &str| {
        let (key, value) = text.split_once(':')?;
        Some((key.to_owned(), bytes(value.as_bytes())?))
    };
    str::from_utf8(field).ok()?.split(HEADER_SEPARATOR).map(header).collect()
}

/// Undoes the escapes; the outer `None` is a bad escape, the inner one a null.
fn bytes(text: &[u8]) -> Option<Option<Vec<u8>>> {
    if text == NULL.as_bytes() {
        return Some(None);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\' {
            let digits = str::from_utf8(tail.strip_prefix(b"x")?.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[3..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_consumer_is_a_record() {
        let line =
            b"CreateTime:17\tPartition:2\tOffset:5\ta:1\x1fb:<ottla:null>\tk\\x09\t\\xFF\\x5C";
        let record = parse(line).unwrap();
        assert_eq!((record.timestamp, record.partition, record.offset), (17, 2, 5));
        assert_eq!(record.headers, [("a".into(), Some(b"1".to_vec())), ("b".into(), None)]);
        assert_eq!(record.key.as_deref(), Some(&b"k\t"[..]));
        assert_eq!(record.value.as_deref(), Some(&b"\xff\\"[..]));
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"CreateTime:1\tPartition:0\tOffset:0\tNO_HEADERS\tkey"), None);
        assert_eq!(parse(b"CreateTime:1\tPartition:0\tOffset:0\tNO_HEADERS\t\\x\tvalue"), None);
    }
}
