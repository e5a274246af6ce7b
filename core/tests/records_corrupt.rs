//! Batches of any bytes: reading one gives an error or records, within bounds, and never panics.

use ottla_core::records::batch::{BATCH_OVERHEAD, write_header};
use ottla_core::records::compression::{CompressionError, decompress};
use ottla_core::records::crc32c::crc32c;
use ottla_core::records::{
    BatchBuilder, Codec, Compression, Compressor, Header, RecordBatchError, RecordBatchView,
    RecordFields,
};
use proptest::prelude::*;

const MAX_LEN: usize = 1 << 16;

fn available() -> Vec<Codec> {
    Codec::ALL.into_iter().filter(|codec| codec.is_available()).collect()
}

fn sample(codec: Codec) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::new());
    let headers = [Header { key: "trace", value: Some(b"0af7651916cd43dd") }];
    for i in 0..40u8 {
        let text = format!("line {i} of a text that repeats itself, itself, itself");
        let fields =
            RecordFields { key: Some(&[i]), value: Some(text.as_bytes()), headers: &headers };
        batch.append(&fields, 1_700_000_000_000 + i64::from(i)).expect("there is room");
    }
    let mut compressor = Compressor::new(Compression::from(codec)).expect("compiled in");
    batch.seal(&mut compressor).expect("records compress");
    batch.into_bytes()
}

/// Reads everything that a batch offers; returns how many records were valid.
fn read(batch: &[u8], max_len: usize) -> Result<usize, RecordBatchError> {
    let view = RecordBatchView::parse(batch)?;
    let mut scratch = Vec::new();
    let records = view.records(&mut scratch, max_len)?;
    let mut count = 0;
    for record in records {
        let record = record?;
        count += 1 + record.headers.filter(|header| header.key.is_empty()).count();
    }
    assert!(scratch.len() <= max_len);
    Ok(count)
}

/// Makes the checksum fit whatever was changed.
fn correct_checksum(batch: &mut [u8]) {
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn a_batch_cut_anywhere_is_truncated() {
    for codec in available() {
        let batch = sample(codec);
        assert_eq!(read(&batch, MAX_LEN), Ok(40));
        for len in 0..batch.len() {
            let error = RecordBatchView::parse(&batch[..len]).map(|_| ());
            assert!(
                matches!(error, Err(RecordBatchError::Truncated { available, .. }) if available == len)
            );
        }
    }
}

#[test]
fn a_flipped_byte_is_found() {
    for codec in available() {
        let batch = sample(codec);
        for at in 0..batch.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = batch.clone();
                broken[at] ^= flip;
                let read = read(&broken, MAX_LEN);
                // The base offset and the leader epoch are the broker's, outside of the checksum.
                assert_eq!(read.is_err(), !(0..8).contains(&at) && !(12..16).contains(&at), "{at}");
            }
        }
    }
}

#[test]
fn a_flipped_byte_under_a_right_checksum_does_no_harm() {
    for codec in available() {
        let batch = sample(codec);
        for at in 21..batch.len() {
            for bit in 0..8 {
                let mut broken = batch.clone();
                broken[at] ^= 1 << bit;
                correct_checksum(&mut broken);
                let _ = read(&broken, MAX_LEN);
            }
        }
    }
}

#[test]
fn compressed_records_cut_anywhere_are_an_error() {
    for codec in &available()[1..] {
        let batch = sample(*codec);
        let records = &batch[BATCH_OVERHEAD..];
        let mut out = Vec::new();
        assert_eq!(decompress(*codec, records, &mut out, MAX_LEN), Ok(()));
        for len in 1..records.len() {
            let cut = decompress(*codec, &records[..len], &mut out, MAX_LEN);
            // Snappy's framing has no end mark, so a cut between blocks is no error to it; the
            // header alone is the only such place here.
            assert_eq!(cut.is_ok(), *codec == Codec::Snappy && len == 16, "{codec} {len}");
        }
    }
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let value = vec![0; 8 << 20];
    for codec in &available()[1..] {
        let mut batch = BatchBuilder::new(Vec::new());
        let fields = RecordFields { key: None, value: Some(&value), headers: &[] };
        batch.append(&fields, 0).expect("there is room");
        let mut compressor = Compressor::new(Compression::from(*codec)).expect("compiled in");
        batch.seal(&mut compressor).expect("records compress");
        let too_large = CompressionError::TooLarge { max_len: MAX_LEN };
        assert_eq!(read(batch.bytes(), MAX_LEN), Err(RecordBatchError::Compression(too_large)));
        assert_eq!(read(batch.bytes(), value.len() + 20), Ok(1), "{codec}");
    }
}

#[test]
#[cfg(feature = "snappy")]
fn snappy_without_framing_is_read_too() {
    let text = b"text that repeats itself, itself, itself and text again ".repeat(2000);
    let raw = snap::raw::Encoder::new().compress_vec(&text).expect("it compresses");
    let mut out = Vec::new();
    assert_eq!(decompress(Codec::Snappy, &raw, &mut out, text.len()), Ok(()));
    assert_eq!(out, text);
    let too_large = CompressionError::TooLarge { max_len: text.len() - 1 };
    assert_eq!(decompress(Codec::Snappy, &raw, &mut out, text.len() - 1), Err(too_large));
}

#[test]
fn messages_of_older_formats_are_named() {
    // A v1 message: offset, size, crc, magic 1, attributes, timestamp, key, value.
    let mut message = [0u8; 40];
    message[11] = 28;
    message[16] = 1;
    assert_eq!(read(&message, MAX_LEN), Err(RecordBatchError::UnsupportedMagic(1)));
}

#[test]
fn a_batch_that_lies_about_its_records_is_refused() {
    let mut batch = sample(Codec::None);
    let mut header = *RecordBatchView::parse(&batch).expect("a batch").header();
    for (count, error) in [
        (-1, RecordBatchError::InvalidCount(-1)),
        (0, RecordBatchError::TrailingBytes { len: batch.len() - BATCH_OVERHEAD }),
        (
            i32::MAX,
            RecordBatchError::InvalidRecord { index: 40, reason: "it ends inside a number" },
        ),
    ] {
        header.record_count = count;
        write_header(&mut batch, &header).expect("it is long enough");
        assert_eq!(read(&batch, MAX_LEN), Err(error));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_decompress_or_dont(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        codec in proptest::sample::select(available()),
        kept in 0..40usize,
    ) {
        let mut out = Vec::new();
        let _ = decompress(codec, &bytes, &mut out, MAX_LEN);
        // Behind a valid beginning, so that more than the magic is tried.
        let mut mixed = sample(codec)[BATCH_OVERHEAD..].to_vec();
        mixed.truncate(kept);
        mixed.extend_from_slice(&bytes);
        let _ = decompress(codec, &mixed, &mut out, MAX_LEN);
        prop_assert!(out.len() <= MAX_LEN);
        prop_assert!(out.capacity() <= 2 * MAX_LEN);
    }

    #[test]
    fn any_records_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        count in 0..50i32,
    ) {
        let mut batch = vec![0; BATCH_OVERHEAD];
        batch.extend_from_slice(&bytes);
        let header = ottla_core::records::BatchHeader { record_count: count, ..Default::default() };
        write_header(&mut batch, &header).expect("it is long enough");
        let _ = read(&batch, MAX_LEN);
    }
}
