//! `--listen`: records from whoever connects, as one stream in which no record is torn.

use std::io::{self, Read};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::fs::FileTypeExt;
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::{fs, thread};

use memchr::memmem;

use crate::gateway::ListenAt;

/// At most so many at a time; others are turned away.
const CONNECTIONS_MAX: usize = 32;
/// How much is read at once.
const READ: usize = 4096;
/// Reads that wait for their turn.
const READS_WAITING: usize = 16;
/// A reading thread needs little.
const STACK: usize = 64 * 1024;

/// What those who are connected send: whole records, in the order in which they came.
pub(super) struct Connections {
    received: Receiver<Vec<u8>>,
    records: Vec<u8>,
    taken: usize,
}

impl Connections {
    /// Listens from now on. Records end with `delimiter`; who sends one of more than `limit` bytes
    /// is cut off.
    pub(super) fn listen(address: &ListenAt, delimiter: &[u8], limit: usize) -> io::Result<Self> {
        let mut accept = bind(address)?;
        let (records, received) = mpsc::sync_channel(READS_WAITING);
        let delimiter: Arc<[u8]> = delimiter.into();
        thread::Builder::new().stack_size(STACK).spawn(move || {
            // Each connection holds one.
            let places = Arc::new(());
            loop {
                let Ok(stream) = accept() else { continue };
                if Arc::strong_count(&places) > CONNECTIONS_MAX {
                    continue;
                }
                let (records, delimiter, place) =
                    (records.clone(), delimiter.clone(), places.clone());
                // Without a thread for it, the connection ends.
                let _ = thread::Builder::new().stack_size(STACK).spawn(move || {
                    forward(stream, &delimiter, limit, &records);
                    drop(place);
                });
            }
        })?;
        Ok(Self { received, records: Vec::new(), taken: 0 })
    }
}

impl Read for Connections {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.records.len() {
            let Ok(records) = self.received.recv() else { return Ok(0) };
            (self.records, self.taken) = (records, 0);
        }
        let count = into.len().min(self.records.len() - self.taken);
        into[..count].copy_from_slice(&self.records[self.taken..][..count]);
        self.taken += count;
        Ok(count)
    }
}

/// Accepts the next who connects.
type Accept = Box<dyn FnMut() -> io::Result<Box<dyn Read + Send>> + Send>;

fn bind(address: &ListenAt) -> io::Result<Accept> {
    match address {
        ListenAt::Tcp(address) => {
            let listener = TcpListener::bind(address)?;
            Ok(Box::new(move || Ok(Box::new(listener.accept()?.0))))
        }
        ListenAt::Unix(path) => bind_unix(path),
    }
}

/// A socket that a program left behind which is gone is taken over. Anything else is somebody's,
/// and refuses a connection just as such a socket does.
#[cfg(unix)]
fn bind_unix(path: &Path) -> io::Result<Accept> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket()) {
        return Err(io::Error::other("it exists and is no socket"));
    }
    let left_behind = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if UnixStream::connect(path).is_err_and(|error| left_behind(&error)) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    Ok(Box::new(move || Ok(Box::new(listener.accept()?.0))))
}

#[cfg(not(unix))]
fn bind_unix(_: &Path) -> io::Result<Accept> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}

/// Passes whole records on until the connection ends; what is left then is a record too.
fn forward(mut stream: impl Read, delimiter: &[u8], limit: usize, records: &SyncSender<Vec<u8>>) {
    let mut rest = Vec::new();
    let mut buffer = vec![0; READ];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        if count == 0 && !rest.is_empty() {
            rest.extend_from_slice(delimiter);
        }
        rest.extend_from_slice(&buffer[..count]);
        if let Some(at) = memmem::rfind(&rest, delimiter) {
            let torn = rest.split_off(at + delimiter.len());
            if records.send(std::mem::replace(&mut rest, torn)).is_err() {
                return;
            }
        }
        if count == 0 || rest.len() > limit {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_whole_and_the_last_one_is_ended() {
        let (records, received) = mpsc::sync_channel(READS_WAITING);
        forward(&b"one\r\ntwo\r\nthree"[..], b"\r\n", 100, &records);
        drop(records);
        let text = String::from_utf8(received.iter().flatten().collect()).unwrap();
        assert_eq!(text, "one\r\ntwo\r\nthree\r\n");
    }

    #[test]
    fn whoever_sends_an_endless_record_is_cut_off() {
        let (records, received) = mpsc::sync_channel(READS_WAITING);
        forward(io::repeat(b'x'), b"\n", 10_000, &records);
        drop(records);
        assert_eq!(received.iter().count(), 0);
    }
}
