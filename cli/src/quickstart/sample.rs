//! The sample input: a web server's log, keyed by visitor.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, process};

use crate::random::Random;

const LINES: usize = 1000;
const VISITORS: usize = 40;
const PATHS: [&str; 6] = ["/", "/search?q=otters", "/item/17", "/cart", "/checkout", "/help"];

/// A file in a folder of its own, both removed with this.
#[derive(Debug)]
pub(crate) struct Sample {
    folder: PathBuf,
    file: PathBuf,
}

impl Sample {
    /// Writes `access.log` to a new folder for temporary files.
    pub(crate) fn write() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("ottla-quickstart-{}", process::id()));
        // Not `create_dir_all`: a folder that is there already belongs to somebody else.
        fs::create_dir(&folder)?;
        let sample = Self { file: folder.join("access.log"), folder };
        fs::write(&sample.file, log())?;
        Ok(sample)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // What can't be removed is the system's to clean up, as is all in that place.
        let _ = fs::remove_file(&self.file);
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Lines like `visitor-07:GET /cart 200 31 ms`.
fn log() -> String {
    let mut random = Random::new(7);
    let mut text = String::new();
    for _ in 0..LINES {
        let path = random.pick(&PATHS);
        let method = if path == "/checkout" { "POST" } else { "GET" };
        let status = if random.below(25) == 0 { 500 } else { 200 };
        let (visitor, millis) = (random.below(VISITORS), 3 + random.below(90));
        writeln!(text, "visitor-{visitor:02}:{method} {path} {status} {millis} ms")
            .expect("a string takes every character");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_has_a_key() {
        let log = super::log();
        assert_eq!(log.lines().count(), super::LINES);
        assert!(log.lines().all(|line| line.starts_with("visitor-") && line.contains(':')));
    }
}
