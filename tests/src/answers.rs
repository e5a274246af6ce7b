//! Reads Produce responses without trusting a byte of them: the second opinion on damaged ones.
//!
//! Other decoders allocate what the wire says, and with damaged bytes that is more than there is.

/// What a response says of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The topic's name, or from version 13 on its id.
    pub topic: &'a [u8],
    /// The partition.
    pub partition: i32,
    /// Zero, or what went wrong.
    pub error: i16,
    /// Where the batch begins, or −1.
    pub base_offset: i64,
}

/// All answers of a response frame, header included; `None` if it is none.
#[must_use]
pub fn produce_answers(frame: &[u8], version: i16) -> Option<Vec<Answer<'_>>> {
    let mut reader = Reader { rest: frame, flexible: version >= 9 };
    let _correlation_id = reader.i32()?;
    reader.tags()?;
    let mut answers = Vec::new();
    for _ in 0..reader.count()? {
        let topic = if version >= 13 { reader.take(16)? } else { reader.string()?? };
        for _ in 0..reader.count()? {
            answers.push(reader.answer(topic, version)?);
        }
        reader.tags()?;
    }
    let _throttle_time_ms = reader.i32()?;
    reader.tags()?;
    reader.rest.is_empty().then_some(answers)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Compact sizes and tagged fields (KIP-482).
    flexible: bool,
}

impl<'a> Reader<'a> {
    fn answer(&mut self, topic: &'a [u8], version: i16) -> Option<Answer<'a>> {
        let (partition, error, base_offset) = (self.i32()?, self.i16()?, self.i64()?);
        let _log_append_time_ms = self.i64()?;
        if version >= 5 {
            let _log_start_offset = self.i64()?;
        }
        if version >= 8 {
            for _ in 0..self.count()? {
                let (_index, _message) = (self.i32()?, self.string()?);
                self.tags()?;
            }
            let _error_message = self.string()?;
        }
        self.tags()?;
        Some(Answer { topic, partition, error, base_offset })
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value.try_into().ok();
            }
        }
        None
    }

    /// The number of an array's elements.
    fn count(&mut self) -> Option<u32> {
        if self.flexible { self.varint()?.checked_sub(1) } else { self.i32()?.try_into().ok() }
    }

    /// A string's bytes; the inner `None` is null.
    fn string(&mut self) -> Option<Option<&'a [u8]>> {
        let size = match self.flexible {
            true => i64::from(self.varint()?) - 1,
            false => i64::from(self.i16()?),
        };
        match size {
            -1 => Some(None),
            _ => {
                let text = self.take(size.try_into().ok()?)?;
                str::from_utf8(text).ok().map(|text| Some(text.as_bytes()))
            }
        }
    }

    /// Skips tagged fields.
    fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.varint()? {
                let (_tag, size) = (self.varint()?, self.varint()?);
                self.take(size as usize)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::produce_response::{
        BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
    };
    use kafka_protocol::messages::{ProduceResponse, ResponseHeader, TopicName};
    use kafka_protocol::protocol::{Encodable, StrBytes};

    use super::*;

    #[test]
    fn what_another_encoder_writes_is_read() {
        for version in 3..=12 {
            let mut partition = PartitionProduceResponse::default().with_index(7);
            partition = partition.with_error_code(3).with_base_offset(99);
            if version >= 8 {
                let text = StrBytes::from_static_str("no");
                let record =
                    BatchIndexAndErrorMessage::default().with_batch_index_error_message(Some(text));
                partition = partition.with_record_errors(vec![record]);
            }
            let name = TopicName(StrBytes::from_static_str("topic"));
            let topic = TopicProduceResponse::default()
                .with_name(name)
                .with_partition_responses(vec![partition]);
            let response = ProduceResponse::default().with_responses(vec![topic]);
            let mut frame = BytesMut::new();
            let header = if version >= 9 { 1 } else { 0 };
            ResponseHeader::default().encode(&mut frame, header).unwrap();
            response.encode(&mut frame, version).unwrap();
            let answer = Answer { topic: b"topic", partition: 7, error: 3, base_offset: 99 };
            assert_eq!(produce_answers(&frame, version), Some(vec![answer]), "{version}");
            assert_eq!(produce_answers(&frame[..frame.len() - 1], version), None);
        }
    }
}
