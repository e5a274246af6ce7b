//! Whether a WebSocket message that has begun goes on: the frames' headers are followed as the
//! bytes come in, beneath the WebSocket library, which tells of whole messages only.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the reader of a socket has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    bytes: AtomicU64,
    amid_message: AtomicBool,
}

impl Progress {
    /// Bytes that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_amid_message(&self) -> bool {
        self.0.amid_message.load(Relaxed)
    }
}

/// A byte stream whose reading is followed.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    follower: Follower,
    progress: Progress,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T) -> (Self, Progress) {
        let progress = Progress::default();
        (Self { inner, follower: Follower::default(), progress: progress.clone() }, progress)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.follower.follow(read);
            self.progress.0.bytes.fetch_add(read.len() as u64, Relaxed);
            self.progress.0.amid_message.store(self.follower.is_amid_message(), Relaxed);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Follows frames (RFC 6455 §5.2): their first 2 to 14 bytes, and how many come after.
#[derive(Debug, Default)]
struct Follower {
    header: [u8; 10],
    filled: usize,
    /// Bytes of the frame at hand that are still to come.
    left: u64,
    /// A data frame without FIN has come.
    fragmented: bool,
}

impl Follower {
    fn is_amid_message(&self) -> bool {
        self.filled > 0 || self.left > 0 || self.fragmented
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = (bytes.len() as u64).min(self.left);
                self.left -= skipped;
                bytes = &bytes[skipped as usize..];
                continue;
            }
            self.header[self.filled] = *first;
            self.filled += 1;
            bytes = rest;
            self.end_header();
        }
    }

    fn end_header(&mut self) {
        let [flags, length, extended @ ..] = self.header;
        let needed = match length & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if self.filled < needed.max(2) {
            return;
        }
        let size = match length & 0x7f {
            126 => u64::from(u16::from_be_bytes([extended[0], extended[1]])),
            127 => u64::from_be_bytes(extended),
            short => short.into(),
        };
        let mask = if length & 0x80 == 0 { 0 } else { 4 };
        self.left = size.saturating_add(mask);
        self.filled = 0;
        let is_control = flags & 0x08 != 0;
        if !is_control {
            self.fragmented = flags & 0x80 == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;

    /// A masked frame.
    fn frame(flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![flags];
        match length {
            0..126 => bytes.push(0x80 | length as u8),
            126..65536 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(vec![0; 4 + length]);
        bytes
    }

    #[test]
    fn a_message_has_begun_until_its_last_byte() {
        for length in [0, 1, 125, 126, 65535, 65536, 70_000] {
            let bytes = frame(0x82, length);
            let mut follower = Follower::default();
            for (index, byte) in bytes.iter().enumerate() {
                follower.follow(&[*byte]);
                assert_eq!(
                    follower.is_amid_message(),
                    index + 1 < bytes.len(),
                    "{length}, {index}"
                );
            }
            let mut follower = Follower::default();
            follower.follow(&[bytes.clone(), bytes[..1].to_vec()].concat());
            assert!(follower.is_amid_message());
            follower.follow(&bytes[1..]);
            assert!(!follower.is_amid_message());
        }
    }

    #[test]
    fn a_fragmented_message_goes_on_until_its_last_fragment() {
        let mut follower = Follower::default();
        follower.follow(&frame(0x02, 3));
        assert!(follower.is_amid_message());
        follower.follow(&frame(0x89, 2));
        assert!(follower.is_amid_message(), "a ping between fragments ends nothing");
        follower.follow(&frame(0x80, 3));
        assert!(!follower.is_amid_message());
    }
}
