//! Request frames off a socket: a four-byte size, then as many bytes.

use std::io::{self, Read};

/// `socket.request.max.bytes`: the largest request.
pub(super) const MAX_FRAME_BYTES: usize = 100 << 20;

/// Reads the next frame into `frame`, without its size; false if the connection ended between two.
///
/// # Errors
/// `InvalidData` for a size below 0 or above [`MAX_FRAME_BYTES`]; what the socket says.
pub(super) fn read(from: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<bool> {
    frame.clear();
    let mut size = [0; 4];
    if from.read(&mut size[..1])? == 0 {
        return Ok(false);
    }
    from.read_exact(&mut size[1..])?;
    let size = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if size > MAX_FRAME_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // Memory grows with what arrives, not with what the size promises.
    if from.take(size as u64).read_to_end(frame)? < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_split_by_their_sizes() {
        let mut bytes: &[u8] = &[0, 0, 0, 2, 7, 8, 0, 0, 0, 0];
        let mut frame = Vec::new();
        assert!(read(&mut bytes, &mut frame).unwrap());
        assert_eq!(frame, [7, 8]);
        assert!(read(&mut bytes, &mut frame).unwrap());
        assert!(frame.is_empty());
        assert!(!read(&mut bytes, &mut frame).unwrap());
    }

    #[test]
    fn a_size_that_is_too_large_or_negative_or_not_fulfilled_is_an_error() {
        for bytes in [&[0x7f, 0xff, 0xff, 0xff, 1][..], &[0xff; 8], &[0, 0, 0, 9, 1, 2], &[0, 0]] {
            let mut frame = Vec::new();
            assert!(read(&mut &bytes[..], &mut frame).is_err());
            assert!(frame.capacity() < 1024);
        }
    }
}
