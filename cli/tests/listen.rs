//! `ottla produce --listen`: what becomes of the path of a socket.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Broker, Folder, finish, ottla, spawn};

fn connect(path: &str) -> UnixStream {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let (file, link) = (folder.file("precious", "data"), folder.path("link"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [&file, &link] {
        let at = format!("unix:{path}");
        let ran = ottla(&["produce", "-b", &broker.address, "-t", "t", "--listen", &at]);
        let expected = format!("cannot listen on {at}: it exists and is no socket");
        assert_eq!(ran.error(1), expected);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_socket_that_was_left_behind_is_taken_over() {
    let broker = Broker::start(1);
    let folder = Folder::new();
    let path = folder.path("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(Path::new(&path).exists());
    let at = format!("unix:{path}");
    let child = spawn(&["produce", "-b", &broker.address, "-t", "t", "--listen", &at, "-c", "1"]);
    connect(&path).write_all(b"one\n").unwrap();
    assert_eq!(finish(child).status, 0);
    assert_eq!(broker.values("t", 0), ["one"]);
}
