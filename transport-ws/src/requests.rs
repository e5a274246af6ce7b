//! Where Kafka's requests and responses begin and end in a stream: each is an `int32` size and so
//! many bytes.

/// Counts the messages in one direction of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Messages {
    /// The size, as far as it is there.
    size: u32,
    size_bytes: u8,
    /// Bytes of the message that are still to come, once its size is there.
    left: u32,
    /// Messages that are complete.
    complete: u64,
}

impl Messages {
    /// Counts bytes that went by.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.size_bytes < 4 {
                self.size = self.size << 8 | u32::from(*first);
                self.size_bytes += 1;
                self.left = self.size;
                bytes = rest;
            } else {
                let passed = bytes.len().min(self.left as usize);
                self.left -= passed as u32;
                bytes = &bytes[passed..];
            }
            if self.size_bytes == 4 && self.left == 0 {
                *self = Self { complete: self.complete + 1, ..Self::default() };
            }
        }
    }

    /// Messages that have gone by.
    pub(crate) fn complete(&self) -> u64 {
        self.complete
    }

    /// Whether a message is not complete yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.size_bytes > 0
    }

    /// How much of `bytes` belongs to the message that has begun; all of it where its size is not
    /// known yet.
    pub(crate) fn rest_of_message(&self, bytes: usize) -> usize {
        match self.size_bytes {
            0 => 0,
            1..4 => bytes.min(4 - usize::from(self.size_bytes)),
            _ => bytes.min(self.left as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let bytes = [0, 0, 0, 2, 7, 7, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
        for cut in 0..bytes.len() {
            let mut messages = Messages::default();
            messages.feed(&bytes[..cut]);
            messages.feed(&bytes[cut..]);
            assert_eq!(messages.complete(), 3);
            assert_eq!(messages.rest_of_message(100), 2, "two bytes of the next size");
        }
    }

    #[test]
    fn what_has_begun_may_end() {
        let mut messages = Messages::default();
        assert_eq!(messages.rest_of_message(100), 0);
        messages.feed(&[0, 0, 0, 9, 1]);
        assert_eq!(messages.rest_of_message(100), 8);
        assert_eq!(messages.rest_of_message(3), 3);
    }
}
