//! The folder that `ottla dev` keeps topics in, which belongs to one at a time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::failure::Failure;
use crate::plain::reason;

/// The folder is another's to use when this is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    #[cfg(unix)]
    _file: nix::fcntl::Flock<File>,
    #[cfg(not(unix))]
    _file: File,
}

/// Makes the folder if it isn't there, and takes it. Two brokers would tear each other's logs.
pub(crate) fn lock(folder: &Path) -> Result<Lock, Failure> {
    let locked = fs::create_dir_all(folder).and_then(|()| lock_file(&folder.join(".lock")));
    locked.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::WouldBlock => "another dev broker does".to_owned(),
            _ => reason(&error),
        };
        Failure::new(format!("cannot keep topics in {}: {why}", folder.display()))
    })
}

#[cfg(unix)]
fn lock_file(path: &Path) -> io::Result<Lock> {
    use nix::fcntl::{Flock, FlockArg};
    let file = options().open(path)?;
    // `File::try_lock` is younger than the oldest Rust this compiles with.
    let locked = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    Ok(Lock { _file: locked.map_err(|(_, error)| error)? })
}

#[cfg(windows)]
fn lock_file(path: &Path) -> io::Result<Lock> {
    use std::os::windows::fs::OpenOptionsExt;
    const SHARING_VIOLATION: i32 = 32;
    let file = options().share_mode(0).open(path).map_err(|error| match error.raw_os_error() {
        Some(SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })?;
    Ok(Lock { _file: file })
}

#[cfg(not(any(unix, windows)))]
fn lock_file(path: &Path) -> io::Result<Lock> {
    Ok(Lock { _file: options().open(path)? })
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    options
}
