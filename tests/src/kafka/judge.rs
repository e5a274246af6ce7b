//! What Kafka's own code says of record batches.

use std::fs;

use super::NEWEST;
use super::jars::Jars;
use super::tool::Tool;
use crate::scratch::Scratch;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/java/Judge.java");

/// What a broker would say of each partition's bytes: `None` where it would take them, else the
/// name of Java's exception.
///
/// # Panics
/// If Java can't be run.
#[must_use]
pub fn java_judges(batches: &[Vec<u8>]) -> Vec<Option<String>> {
    let scratch = Scratch::new("judge");
    let length = |bytes: usize| u32::try_from(bytes).expect("it is short").to_be_bytes();
    let mut input = length(batches.len()).to_vec();
    for batch in batches {
        input.extend(length(batch.len()));
        input.extend(batch);
    }
    let file = scratch.path().join("batches");
    fs::write(&file, input).expect("scratch is writable");
    let mut judgements = Vec::new();
    Tool::new(&Jars::fetch(NEWEST), SOURCE, scratch.path()).arg(file).for_each_line(|line| {
        let line = String::from_utf8_lossy(line);
        judgements.push(line.strip_prefix("refused: ").map(str::to_owned));
        assert!(line == "taken" || line.starts_with("refused: "), "Java said {line}");
    });
    assert_eq!(judgements.len(), batches.len(), "Java judged them all");
    judgements
}
