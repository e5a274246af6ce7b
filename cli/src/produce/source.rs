//! The files and streams that records come from, in the order they were named.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::listen::Connections;
use crate::failure::Failure;
use crate::gateway::ListenAt;
use crate::plain::reason;

/// Where records come from. Opened only when its turn comes.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// `-`, and what is read when nothing is named.
    Stdin,
    /// A file, a named pipe, a device.
    File(PathBuf),
    /// Whoever connects.
    Listen(ListenAt),
}

impl Source {
    /// The sources that `files` name; those that obviously can't be read are errors before anything
    /// is sent.
    pub(crate) fn all(files: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        if files.is_empty() {
            return Ok(vec![Self::Stdin]);
        }
        files.iter().map(|path| Self::named(path)).collect()
    }

    fn named(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdin);
        }
        let name = path.display();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::new(format!("{name} is a folder; name the files in it")))
            }
            Ok(_) => Ok(Self::File(path.to_owned())),
            Err(error) => Err(cannot_read(&name.to_string(), &error)),
        }
    }

    /// How people call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".into(),
            Self::File(path) => path.display().to_string(),
            Self::Listen(address) => address.to_string(),
        }
    }

    /// Its length in bytes where that is known beforehand.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin | Self::Listen(_) => None,
            Self::File(path) => {
                let metadata = fs::metadata(path).ok()?;
                metadata.is_file().then_some(metadata.len())
            }
        }
    }

    /// Opens it for reading from the beginning. Of those who connect, each line is kept together.
    pub(crate) fn open(&self, delimiter: &[u8], limit: usize) -> Result<Box<dyn Read>, Failure> {
        match self {
            Self::Listen(address) => match Connections::listen(address, delimiter, limit) {
                Ok(connections) => Ok(Box::new(connections)),
                Err(error) => {
                    Err(Failure::new(format!("cannot listen on {address}: {}", reason(&error))))
                }
            },
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(cannot_read(&self.name(), &error)),
            },
        }
    }
}

/// Why a source could not be opened or read further.
pub(crate) fn cannot_read(name: &str, error: &io::Error) -> Failure {
    Failure::new(format!("cannot read {name}: {}", reason(error)))
}
