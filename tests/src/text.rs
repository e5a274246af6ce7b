//! A real text file with a key in every line, and the check that a topic holds it unchanged.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::kafka::ConsumedRecord;

/// Stands between a line's key and its value.
pub const SEPARATOR: char = '\t';

/// Keyed lines in a file. The text is this project's own, repeated as often as it takes; a line's
/// key is its first word, which may be empty, its value a number and the whole line.
#[derive(Debug)]
pub struct Text {
    path: PathBuf,
    lines: Vec<Line>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What stands before the separator.
    pub key: String,
    /// What stands behind it.
    pub value: String,
}

impl Text {
    /// Writes `count` lines to a file in `dir`.
    ///
    /// # Panics
    /// If the project's sources can't be read or the file can't be written.
    #[must_use]
    pub fn write(dir: &Path, count: usize) -> Self {
        let sources = source_lines();
        let lines = sources.iter().cycle().take(count).enumerate().map(Line::numbered).collect();
        Self::save(dir.join(format!("text-{count}.txt")), lines)
    }

    /// The first line of every key, as a file beside this one.
    ///
    /// # Panics
    /// If it can't be written.
    #[must_use]
    pub fn one_line_per_key(&self) -> Self {
        let mut first = BTreeMap::new();
        for line in &self.lines {
            first.entry(&line.key).or_insert(line);
        }
        let lines = first.into_values().cloned().collect();
        Self::save(self.path.with_extension("keys.txt"), lines)
    }

    fn save(path: PathBuf, lines: Vec<Line>) -> Self {
        let mut file = BufWriter::new(File::create(&path).expect("cannot create the text"));
        for Line { key, value } in &lines {
            writeln!(file, "{key}{SEPARATOR}{value}").expect("cannot write the text");
        }
        file.flush().expect("cannot write the text");
        Self { path, lines }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its lines in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

impl Line {
    fn numbered((index, text): (usize, &String)) -> Self {
        let key = text.split_whitespace().next().unwrap_or_default().to_owned();
        Self { key, value: format!("{index} {text}") }
    }
}

/// All lines of the sources and documents of this project, in the order of their paths.
fn source_lines() -> Vec<String> {
    let mut files = Vec::new();
    list(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    files.sort();
    let text = files.iter().map(|file| fs::read_to_string(file).expect("cannot read a source"));
    let lines: Vec<_> =
        text.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(lines.len() > 10_000, "the sources are not where they should be");
    lines
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("cannot list the sources").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let is_source = path.extension().is_some_and(|e| e == "rs" || e == "md" || e == "toml");
        if path.is_dir() && name != "target" && name != "node_modules" && !is_hidden(&path) {
            list(&path, files);
        } else if path.is_file() && is_source {
            files.push(path);
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Compares records with the text they were made of, while they are read.
#[derive(Debug)]
pub struct ReadBack<'a> {
    keys: HashMap<&'a str, Progress<'a>>,
}

/// The values of one key that are still to come, and where its records are.
#[derive(Debug, Default)]
struct Progress<'a> {
    values: Vec<&'a str>,
    read: usize,
    partition: Option<i32>,
}

impl<'a> ReadBack<'a> {
    /// Nothing is read yet.
    #[must_use]
    pub fn of(text: &'a Text) -> Self {
        let mut keys: HashMap<&str, Progress<'_>> = HashMap::new();
        for line in text.lines() {
            keys.entry(&line.key).or_default().values.push(&line.value);
        }
        Self { keys }
    }

    /// Takes the next record of its partition.
    ///
    /// # Panics
    /// If it isn't the next line with its key, or in another partition than the key's others.
    #[track_caller]
    pub fn take(&mut self, record: &ConsumedRecord) {
        let at = format!("partition {}, offset {}", record.partition, record.offset);
        let key = record.key.as_deref().and_then(|key| str::from_utf8(key).ok());
        let key = key.unwrap_or_else(|| panic!("no key at {at}"));
        let progress = self.keys.get_mut(key).unwrap_or_else(|| panic!("key {key:?} at {at}"));
        let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
        let expected = progress.values.get(progress.read).copied();
        assert_eq!(Some(&*value), expected, "record {} of key {key:?} at {at}", progress.read);
        let partition = *progress.partition.get_or_insert(record.partition);
        assert_eq!(partition, record.partition, "key {key:?} at {at}");
        progress.read += 1;
    }

    /// Ends the comparison: which partition holds each key.
    ///
    /// # Panics
    /// If a line has not come.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> BTreeMap<&'a str, i32> {
        let partition = |(key, progress): (&'a str, Progress<'_>)| {
            let missing = progress.values.get(progress.read);
            assert_eq!(missing, None, "key {key:?} ended early");
            (key, progress.partition.expect("every key has a value"))
        };
        self.keys.into_iter().map(partition).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    fn record(line: &Line, partition: i32) -> ConsumedRecord {
        ConsumedRecord {
            partition,
            offset: 0,
            timestamp: 0,
            key: Some(line.key.clone().into_bytes()),
            value: Some(line.value.clone().into_bytes()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_same_lines_pass() {
        let dir = Scratch::new("text");
        let text = Text::write(dir.path(), 1000);
        let mut back = ReadBack::of(&text);
        text.lines().iter().for_each(|line| back.take(&record(line, 0)));
        assert_eq!(back.finish().len(), text.one_line_per_key().lines().len());
    }

    #[test]
    #[should_panic(expected = "ended early")]
    fn a_lost_line_is_noticed() {
        let dir = Scratch::new("text");
        let text = Text::write(dir.path(), 10);
        let mut back = ReadBack::of(&text);
        text.lines()[..9].iter().for_each(|line| back.take(&record(line, 0)));
        let _ = back.finish();
    }

    #[test]
    #[should_panic(expected = "record 1 of key")]
    fn a_repeated_line_is_noticed() {
        let dir = Scratch::new("text");
        let text = Text::write(dir.path(), 10);
        let mut back = ReadBack::of(&text);
        back.take(&record(&text.lines()[0], 0));
        back.take(&record(&text.lines()[0], 0));
    }
}
