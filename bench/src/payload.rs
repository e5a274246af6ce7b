//! The records that all clients send: lines of a log as services write them, all of one length.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::{Outcome, kept};

/// Large enough that no batch and no codec's window sees a line twice, small enough to hold.
const FILE_BYTES: usize = 2 << 20;

const LEVELS: [&str; 4] = ["INFO", "INFO", "WARN", "DEBUG"];
const SERVICES: [&str; 6] = ["checkout", "search", "cart", "login", "stock", "mail"];
const WORDS: [&str; 24] = [
    "request", "finished", "after", "retry", "of", "order", "user", "timeout", "cache", "miss",
    "session", "opened", "closed", "payment", "accepted", "queue", "length", "item", "stored",
    "index", "updated", "from", "replica", "lag",
];

/// The file of records of so many bytes, written if it isn't there as it is to be.
pub(crate) fn file(record_bytes: u64) -> Outcome<PathBuf> {
    let path = kept().join(format!("payload-{record_bytes}"));
    let text = lines(record_bytes as usize);
    if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
        fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(path)
}

fn lines(record_bytes: usize) -> String {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut text = String::with_capacity(FILE_BYTES);
    while text.len() + record_bytes <= FILE_BYTES {
        let end = text.len() + record_bytes;
        put_line(&mut text, end, &mut random);
    }
    text
}

/// `{"ts":…,"lvl":…,"svc":…,"id":…,"ms":…,"msg":"words"}`, cut to length within the message.
fn put_line(text: &mut String, end: usize, random: &mut Random) {
    let (level, service) = (random.pick(&LEVELS), random.pick(&SERVICES));
    let (millis, id, took) = (random.below(1_000_000), random.next() as u32, random.below(2_000));
    let line = format!(
        r#"{{"ts":1795774{millis:06},"lvl":"{level}","svc":"{service}","id":"{id:08x}","ms":{took},"msg":""#
    );
    text.push_str(&line);
    while text.len() < end {
        let word = random.pick(&WORDS);
        write!(text, "{word} {} ", random.below(100)).expect("a string takes any text");
    }
    text.truncate(end - 2);
    text.push_str("\"}");
}

/// Xorshift: the same records on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_a_line_of_its_own() {
        for size in [100, 1000] {
            let text = lines(size);
            assert_eq!(text.len() % size, 0);
            for line in text.as_bytes().chunks(size).take(500) {
                let line = str::from_utf8(line).unwrap();
                assert!(line.starts_with("{\"ts\":") && line.ends_with("\"}"), "{line}");
            }
        }
    }
}
