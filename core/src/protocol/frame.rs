//! Cuts what arrives on a connection into frames: an `int32` size, then that many bytes.

use alloc::vec::Vec;
use core::fmt;

/// A bound for responses that fits every cluster: 100 MB, as librdkafka's
/// `receive.message.max.bytes`.
pub const DEFAULT_MAX_FRAME_SIZE: usize = 100_000_000;

/// Of the size before each frame.
pub(crate) const SIZE_LENGTH: usize = 4;

/// Collects bytes as they come, in pieces of any length, and hands out whole frames.
///
/// The buffer grows only as bytes arrive, never because a size announces them, and is used again
/// for every frame.
#[derive(Debug)]
pub struct FrameReader {
    /// `start..end` is received and not yet handed out; what follows is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes to be consumed of a frame that is read piece by piece; 0 where none is.
    in_pieces: usize,
    max_frame_size: usize,
}

impl FrameReader {
    /// A reader that takes frames of up to `max_frame_size` bytes.
    #[must_use]
    pub fn new(max_frame_size: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, in_pieces: 0, max_frame_size }
    }

    /// Room of at least `min` bytes to receive into, or of what the frame at hand lacks where that
    /// is less. Follow with [`commit`](Self::commit).
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - self.end < min && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < self.lacking().min(min) {
            self.grow(min);
        }
        &mut self.buffer[self.end..]
    }

    /// How many bytes of the frame at hand, as far as it is known, have not come; there always is
    /// one to wait for.
    fn lacking(&self) -> usize {
        let frame = self.size().map_or(SIZE_LENGTH, |size| SIZE_LENGTH.saturating_add(size));
        frame.saturating_sub(self.end - self.start).max(1)
    }

    /// Doubles the room, but not beyond what the frame at hand needs.
    fn grow(&mut self, min: usize) {
        let frame = self.size().map_or(0, |size| SIZE_LENGTH.saturating_add(size));
        let length = match frame {
            0 => self.end + min,
            _ => (2 * self.buffer.len()).max(self.end + min).min(frame.max(self.end + 1)),
        };
        self.buffer.reserve_exact(length - self.buffer.len());
        self.buffer.resize(length, 0);
    }

    /// Says that `count` bytes of the [`spare`](Self::spare) room have been filled.
    pub fn commit(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buffer.len());
    }

    /// The next whole frame without its size, or `None` until more bytes come.
    ///
    /// # Errors
    /// Where the size is impossible. The same error comes again: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some(prefix) = self.prefix() else { return Ok(None) };
        let size = match self.size() {
            Some(size) if size <= self.max_frame_size => size,
            _ => return Err(FrameError::new(prefix, self.max_frame_size)),
        };
        let frame = self.start + SIZE_LENGTH;
        if self.end - frame < size {
            return Ok(None);
        }
        self.start = frame + size;
        Ok(Some(&self.buffer[frame..frame + size]))
    }

    /// The size of the frame at hand, where that is above the limit and may be a Kafka response:
    /// one above [`DEFAULT_MAX_FRAME_SIZE`] is not believed.
    #[must_use]
    pub fn too_long(&self) -> Option<usize> {
        let is_kafka = OtherProtocol::of(self.prefix()?).is_none();
        let possible = self.max_frame_size.saturating_add(1)..=DEFAULT_MAX_FRAME_SIZE;
        self.size().filter(|size| is_kafka && possible.contains(size))
    }

    /// Begins to read a frame that is [too long](Self::too_long) piece by piece, with
    /// [`received`](Self::received) and [`consume`](Self::consume).
    pub fn skip_size(&mut self) {
        let size = self.size().unwrap_or(0);
        self.consume(SIZE_LENGTH);
        self.in_pieces = size;
    }

    /// What was received and not yet handed out.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Says that `count` of the received bytes were read.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.in_pieces = self.in_pieces.saturating_sub(count);
    }

    /// Forgets what was received and gives the buffer back, as there is no connection any more.
    pub fn clear(&mut self) -> Vec<u8> {
        core::mem::replace(self, Self::new(self.max_frame_size)).buffer
    }

    /// Whether there is a buffer; at first there is none.
    #[must_use]
    pub fn has_buffer(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Receives into this buffer from now on, over what is in it.
    pub fn set_buffer(&mut self, buffer: Vec<u8>) {
        (self.start, self.end, self.in_pieces) = (0, 0, 0);
        self.buffer = buffer;
    }

    /// Where the next frame's size stands. What is left of a piece may look like one.
    fn prefix(&self) -> Option<[u8; SIZE_LENGTH]> {
        let received = self.received().first_chunk().copied();
        received.filter(|_| self.in_pieces == 0)
    }

    /// The size of the frame at hand, where it has come and is not negative.
    fn size(&self) -> Option<usize> {
        usize::try_from(i32::from_be_bytes(self.prefix()?)).ok()
    }
}

/// Bytes that cannot be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side speaks another protocol.
    NotKafka(OtherProtocol),
    /// The size is negative.
    Negative {
        /// The size.
        size: i32,
    },
    /// The size is above the limit.
    TooLarge {
        /// The size.
        size: i32,
        /// The limit.
        max: usize,
    },
}

impl FrameError {
    fn new(prefix: [u8; SIZE_LENGTH], max: usize) -> Self {
        let size = i32::from_be_bytes(prefix);
        match OtherProtocol::of(prefix) {
            Some(protocol) => Self::NotKafka(protocol),
            None if size < 0 => Self::Negative { size },
            None => Self::TooLarge { size, max },
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("this is not a Kafka broker");
        }
        match *self {
            Self::NotKafka(OtherProtocol::Http) => {
                f.write_str("this is not a Kafka broker: it answers in HTTP; check the port")
            }
            Self::NotKafka(OtherProtocol::Tls) => f.write_str(
                "this port speaks TLS, the client does not: check the port and security.protocol",
            ),
            Self::NotKafka(OtherProtocol::Ssh) => {
                f.write_str("this is not a Kafka broker: it is an SSH server; check the port")
            }
            Self::Negative { size } => {
                write!(f, "response size {size}: this is probably not a Kafka broker")
            }
            Self::TooLarge { size, max } => write!(
                f,
                "response size {size} is above the limit of {max} bytes: this is probably not a Kafka broker"
            ),
        }
    }
}

impl core::error::Error for FrameError {}

/// A protocol that shows itself in its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// HTTP/1.
    Http,
    /// TLS, which answers plain text with an alert.
    Tls,
    /// SSH.
    Ssh,
}

impl OtherProtocol {
    fn of(prefix: [u8; SIZE_LENGTH]) -> Option<Self> {
        match prefix {
            [b'H', b'T', b'T', b'P'] => Some(Self::Http),
            [b'S', b'S', b'H', b'-'] => Some(Self::Ssh),
            // An alert or a handshake record of SSL 3.0 … TLS 1.3 (RFC 8446 §5.1).
            [0x15 | 0x16, 0x03, 0..=4, _] => Some(Self::Tls),
            _ => None,
        }
    }
}
