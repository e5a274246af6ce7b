//! Frames of the sensor bus: `A5`, sensor, sequence number (u32), reading (i32), checksum.

/// What one sensor measured once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// Which sensor; 255 is the bus itself, saying that nothing else will come.
    pub(crate) sensor: u8,
    /// Counts the sensor's frames, so that whoever reads them sees what was dropped.
    pub(crate) sequence: u32,
    pub(crate) reading: i32,
}

const START: u8 = 0xa5;
const LEN: usize = 11;

impl Frame {
    pub(crate) const END: u8 = 255;

    fn decode(bytes: &[u8; LEN]) -> Option<Self> {
        let [START, sensor, s0, s1, s2, s3, r0, r1, r2, r3, checksum] = *bytes else { return None };
        let sum = bytes[..LEN - 1].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        (sum == checksum).then_some(Self {
            sensor,
            sequence: u32::from_le_bytes([s0, s1, s2, s3]),
            reading: i32::from_le_bytes([r0, r1, r2, r3]),
        })
    }
}

/// Finds frames in a stream that may begin in the middle of one, or lose bytes.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    bytes: [u8; LEN],
    len: usize,
}

impl Framer {
    /// Takes one byte; the frame that it completes, if it does.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Frame> {
        self.bytes[self.len] = byte;
        self.len += 1;
        if self.len < LEN {
            if self.bytes[0] != START {
                self.resync();
            }
            return None;
        }
        match Frame::decode(&self.bytes) {
            Some(frame) => {
                self.len = 0;
                Some(frame)
            }
            None => {
                self.resync();
                None
            }
        }
    }

    /// Drops the first byte, and all up to the next that could begin a frame.
    fn resync(&mut self) {
        let received = &self.bytes[1..self.len];
        let skip = received.iter().position(|byte| *byte == START).unwrap_or(received.len());
        self.bytes.copy_within(1 + skip..self.len, 0);
        self.len -= 1 + skip;
    }
}
