//! What `ottla perf` sends: random letters, lines of a file, or counting numbers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use memchr::memmem;

use crate::args::PerfArgs;
use crate::failure::Failure;
use crate::plain::reason;
use crate::random::Random;
use crate::stdout;

/// Random letters made beforehand. No batch or compression window sees the same stretch twice.
const POOL: usize = 1024 * 1024;

/// Where payloads come from; clones continue on their own.
#[derive(Clone, Debug)]
pub(crate) enum Payloads {
    /// Stretches of a pool of letters A to Z, as random as Kafka's at a fraction of the cost.
    Random { pool: Arc<[u8]>, size: usize, at: usize },
    /// Any of these.
    File { payloads: Arc<[Vec<u8>]>, random: Random },
    /// The record's number in decimal.
    Monotonic { text: Vec<u8> },
}

impl Payloads {
    /// What the flags ask for; a file is read here.
    pub(crate) fn new(args: &PerfArgs) -> Result<Self, Failure> {
        let mut random = Random::new(0);
        if let Some(path) = &args.payload_file {
            let payloads = read(path, args.payload_delimiter.bytes(), args.json)?;
            return Ok(Self::File { payloads, random });
        }
        let Some(size) = args.record_size else {
            return Ok(Self::Monotonic { text: Vec::new() });
        };
        let size = size as usize;
        let letters = (0..POOL.max(size + 1)).map(|_| b'A' + random.below(26) as u8);
        Ok(Self::Random { pool: letters.collect(), size, at: 0 })
    }

    /// A clone whose random choices differ from those of every other `lane`.
    pub(crate) fn for_lane(&self, lane: u32) -> Self {
        let mut clone = self.clone();
        match &mut clone {
            Self::Random { pool, at, size } => {
                *at = Random::new(u64::from(lane)).below(pool.len() - *size);
            }
            Self::File { random, .. } => *random = Random::new(u64::from(lane)),
            Self::Monotonic { .. } => {}
        }
        clone
    }

    /// The payload of record `number`.
    pub(crate) fn next(&mut self, number: u64) -> &[u8] {
        match self {
            Self::Random { pool, size, at } => {
                let start = *at;
                *at += *size;
                if *at + *size > pool.len() {
                    *at = (*at + *size) % (pool.len() - *size + 1);
                }
                &pool[start..start + *size]
            }
            Self::File { payloads, random } => &payloads[random.below(payloads.len())],
            Self::Monotonic { text } => {
                text.clear();
                write!(text, "{number}").expect("a vector takes every byte");
                text
            }
        }
    }
}

fn read(path: &Path, delimiter: &[u8], quiet: bool) -> Result<Arc<[Vec<u8>]>, Failure> {
    let name = path.display();
    if !quiet {
        let folder = env::current_dir().unwrap_or_default();
        stdout::line(&format!("Reading payloads from: {}", folder.join(path).display()));
    }
    let bytes = fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {name}: {}", reason(&error))))?;
    let payloads = split(&bytes, delimiter);
    if payloads.is_empty() {
        return Err(Failure::usage(format!("{name} has no payloads: it is empty")));
    }
    if !quiet {
        stdout::line(&format!("Number of messages read: {}", payloads.len()));
    }
    Ok(payloads)
}

fn split(bytes: &[u8], delimiter: &[u8]) -> Arc<[Vec<u8>]> {
    let mut payloads = Vec::new();
    let mut start = 0;
    for end in memmem::find_iter(bytes, delimiter) {
        payloads.push(bytes[start..end].to_vec());
        start = end + delimiter.len();
    }
    if start < bytes.len() {
        payloads.push(bytes[start..].to_vec());
    }
    payloads.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_payloads_are_letters_and_differ() {
        let pool: Arc<[u8]> = (0..1000).map(|index| b'A' + (index % 26) as u8).collect();
        let mut payloads = Payloads::Random { pool, size: 300, at: 0 };
        let mut starts = Vec::new();
        for number in 0..10 {
            let payload = payloads.next(number);
            assert_eq!(payload.len(), 300);
            starts.push(payload[0]);
        }
        assert!(starts.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn files_split_at_the_delimiter() {
        let texts = |bytes: &[u8], delimiter: &[u8]| -> Vec<String> {
            let payloads = split(bytes, delimiter);
            payloads.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
        };
        assert_eq!(texts(b"a\nb\n", b"\n"), ["a", "b"]);
        assert_eq!(texts(b"a||b|c", b"||"), ["a", "b|c"]);
        assert_eq!(texts(b"", b"\n"), [""; 0]);
    }

    #[test]
    fn monotonic_payloads_count() {
        let mut payloads = Payloads::Monotonic { text: Vec::new() };
        assert_eq!(payloads.next(9), b"9");
        assert_eq!(payloads.next(10), b"10");
    }
}
