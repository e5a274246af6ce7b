//! Cuts a byte stream into pieces at a delimiter, with a buffer that never outgrows the longest
//! piece that may be sent.

use std::io::{self, Read};

use memchr::memmem::Finder;

/// How much is read at once.
const READ: usize = 128 * 1024;

/// A piece of the input.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    /// The bytes between two delimiters; may be empty.
    Whole(&'a [u8]),
    /// More bytes than the limit: they were skipped. How many they were.
    TooLong(u64),
}

/// The state of cutting one stream: fill, take pieces until there is none, fill again.
#[derive(Debug)]
pub(crate) struct Splitter<'d> {
    /// `None` makes the whole stream one piece.
    delimiter: Option<Finder<'d>>,
    limit: usize,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Up to here there is no delimiter.
    searched: usize,
    /// How much of an overlong piece is gone already.
    skipped: Option<u64>,
    ended: bool,
}

impl<'d> Splitter<'d> {
    /// Cuts at `delimiter`; a piece longer than `limit` bytes is skipped and reported.
    pub(crate) fn new(delimiter: Option<&'d [u8]>, limit: usize) -> Self {
        Self {
            delimiter: delimiter.map(Finder::new),
            limit,
            buffer: vec![0; READ.min(limit.max(1))],
            start: 0,
            end: 0,
            searched: 0,
            skipped: None,
            ended: false,
        }
    }

    /// Whether the stream is at its end and every piece was taken.
    pub(crate) fn finished(&self) -> bool {
        self.ended && self.start == self.end && self.skipped.is_none()
    }

    /// Reads once; how many bytes came. Interrupted reads are repeated.
    pub(crate) fn fill(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        self.make_room();
        loop {
            match source.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    self.ended = count == 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next piece, or `None` when more must be read first.
    pub(crate) fn next(&mut self) -> Option<Piece<'_>> {
        if self.finished() {
            return None;
        }
        let found = self.delimiter.as_ref().and_then(|delimiter| {
            let at = delimiter.find(&self.buffer[self.searched..self.end])?;
            Some((self.searched + at, delimiter.needle().len()))
        });
        match found {
            Some((at, length)) => Some(self.take(at, at + length)),
            None if self.ended => Some(self.take(self.end, self.end)),
            None => {
                self.searched = self.end.saturating_sub(self.overlap()).max(self.start);
                self.skip_overlong();
                None
            }
        }
    }

    /// The piece up to `end`; the rest begins at `next`.
    fn take(&mut self, end: usize, next: usize) -> Piece<'_> {
        let start = self.start;
        self.start = next;
        self.searched = next;
        let skipped = self.skipped.take();
        let length = end - start;
        if skipped.is_some() || length > self.limit {
            return Piece::TooLong(skipped.unwrap_or(0) + length as u64);
        }
        Piece::Whole(&self.buffer[start..end])
    }

    /// How many bytes at the end may be the beginning of a delimiter.
    fn overlap(&self) -> usize {
        self.delimiter.as_ref().map_or(0, |delimiter| delimiter.needle().len() - 1)
    }

    /// Gives up the bytes of a piece that is too long already, up to what may begin a delimiter.
    fn skip_overlong(&mut self) {
        let length = self.searched - self.start;
        if self.skipped.is_some() || length > self.limit {
            self.skipped = Some(self.skipped.unwrap_or(0) + length as u64);
            self.start = self.searched;
        }
    }

    /// Makes the free end of the buffer worth a read: moves the rest to the front, or grows.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end, self.searched) = (0, 0, 0);
        }
        if self.buffer.len() - self.end >= READ / 2 {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < READ / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `chunk` bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn split(input: &[u8], delimiter: Option<&[u8]>, limit: usize, chunk: usize) -> Vec<String> {
        let mut splitter = Splitter::new(delimiter, limit);
        let mut source = Trickle(input, chunk);
        let mut pieces = Vec::new();
        while !splitter.finished() {
            splitter.fill(&mut source).unwrap();
            while let Some(piece) = splitter.next() {
                pieces.push(match piece {
                    Piece::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    Piece::TooLong(length) => format!("<{length}>"),
                });
            }
        }
        pieces
    }

    #[test]
    fn pieces_are_the_same_however_the_bytes_arrive() {
        for chunk in [1, 2, 3, 7, 1000] {
            assert_eq!(split(b"a\nbc\n\nd", Some(b"\n"), 10, chunk), ["a", "bc", "", "d"]);
            assert_eq!(split(b"a\n", Some(b"\n"), 10, chunk), ["a"]);
            assert_eq!(split(b"", Some(b"\n"), 10, chunk), [""; 0]);
            assert_eq!(split(b"a--b-c--", Some(b"--"), 10, chunk), ["a", "b-c"]);
            assert_eq!(split(b"a---b", Some(b"--"), 10, chunk), ["a", "-b"]);
            assert_eq!(split(b"a\nb", None, 10, chunk), ["a\nb"]);
        }
    }

    #[test]
    fn overlong_pieces_are_counted_and_skipped() {
        for chunk in [1, 2, 3, 7, 1000] {
            let pieces = split(b"ok\n123456\nalso\n12345", Some(b"\n"), 4, chunk);
            assert_eq!(pieces, ["ok", "<6>", "also", "<5>"]);
            assert_eq!(split(b"12345--x", Some(b"--"), 4, chunk), ["<5>", "x"]);
            assert_eq!(split(b"12345", None, 4, chunk), ["<5>"]);
            assert_eq!(split(b"12345\n", Some(b"\n"), 4, chunk), ["<5>"]);
        }
    }

    #[test]
    fn the_buffer_stays_in_proportion_to_the_limit() {
        let input = vec![b'x'; 50 * READ];
        let mut splitter = Splitter::new(Some(b"\n"), 2 * READ);
        let mut source = &input[..];
        while !splitter.finished() {
            splitter.fill(&mut source).unwrap();
            while let Some(piece) = splitter.next() {
                assert_eq!(piece, Piece::TooLong(input.len() as u64));
            }
        }
        assert!(splitter.buffer.len() <= 8 * READ, "{}", splitter.buffer.len());
    }
}
