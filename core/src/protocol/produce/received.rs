//! The request as who answers it reads it: a bridge, a broker.

use crate::protocol::api_key::ApiKey;
use crate::protocol::array::{Array, Decode};
use crate::protocol::codec::Decoder;
use crate::protocol::decode_error::DecodeError;
use crate::protocol::produce::TopicRef;

/// Record batches to be written. Tagged fields, of which no version knows any, are refused.
#[derive(Clone, Copy, Debug)]
pub struct ProduceRequest<'a> {
    /// The transaction's id, where there is one.
    pub transactional_id: Option<&'a str>,
    /// −1 (all in-sync replicas), 1 (the leader) or 0 (none, and no response); not checked.
    pub acks: i16,
    /// How long the broker may wait for the replicas, in ms; not checked.
    pub timeout_ms: i32,
    /// The topics; the same one may come twice.
    pub topics: Array<'a, TopicProduceRequest<'a>>,
}

impl<'a> ProduceRequest<'a> {
    /// Reads the body of a request of `version`, all of it. Batches are not looked at.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::Produce.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, ApiKey::Produce.is_flexible(version));
        let request = Self {
            transactional_id: decoder.nullable_string(),
            acks: decoder.i16(),
            timeout_ms: decoder.i32(),
            topics: decoder.array(),
        };
        decoder.no_tags();
        decoder.finish()?;
        Ok(request)
    }
}

/// The partitions of one topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicProduceRequest<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    /// Its partitions; the same one may come twice.
    pub partitions: Array<'a, PartitionProduceRequest<'a>>,
}

impl<'a> Decode<'a> for TopicProduceRequest<'a> {
    const MIN_SIZE: usize = 3;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let topic = if decoder.version() >= 13 {
            TopicRef::Id(decoder.uuid())
        } else {
            TopicRef::Name(decoder.string())
        };
        let partitions = decoder.array();
        decoder.no_tags();
        Self { topic, partitions }
    }
}

/// The batch of one partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionProduceRequest<'a> {
    /// The partition; any number.
    pub partition: i32,
    /// The batch, not checked; none where the request has a null.
    pub records: &'a [u8],
}

impl<'a> Decode<'a> for PartitionProduceRequest<'a> {
    const MIN_SIZE: usize = 5;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let partition = Self { partition: decoder.i32(), records: decoder.bytes() };
        decoder.no_tags();
        partition
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{ProduceRequest, TopicRef};
    use crate::protocol::api_key::ApiKey;
    use crate::protocol::decode_error::DecodeError;
    use crate::protocol::header::RequestHeader;
    use crate::protocol::produce::ProduceRequestBuilder;
    use crate::protocol::uuid::Uuid;

    fn request(version: i16) -> Vec<u8> {
        let mut head = Vec::new();
        let mut request =
            ProduceRequestBuilder::begin(&mut head, version, 77, "page", None, -1, 1500, 1);
        request.topic("clicks", Uuid([9; 16]), 1);
        let splice = request.partition(3, 4);
        request.end_partition();
        request.end_topic();
        request.finish(4);
        head.splice(splice..splice, *b"BTCH");
        head
    }

    #[test]
    fn what_a_producer_writes_is_read_back() {
        for version in 3..=13 {
            let frame = &request(version)[4..];
            let header_version = ApiKey::Produce.request_header_version(version);
            let (header, body) = RequestHeader::parse(frame, header_version).unwrap();
            assert_eq!((header.api_key, header.version), (0, version));
            assert_eq!((header.correlation_id, header.client_id), (77, Some("page")));
            let request = ProduceRequest::parse(body, version).unwrap();
            assert_eq!((request.acks, request.timeout_ms), (-1, 1500));
            let topic = request.topics.iter().next().unwrap();
            let by_id = TopicRef::Id(Uuid([9; 16]));
            assert_eq!(topic.topic, if version == 13 { by_id } else { TopicRef::Name("clicks") });
            let partition = topic.partitions.iter().next().unwrap();
            assert_eq!((partition.partition, partition.records), (3, &b"BTCH"[..]));
        }
    }

    #[test]
    fn tagged_fields_are_refused_wherever_they_could_stand() {
        let clean = request(12);
        // After the client id, the partition, the topic and the request.
        let places = [4 + 8 + 6, clean.len() - 3, clean.len() - 2, clean.len() - 1];
        for place in places {
            let mut frame = clean.clone();
            assert_eq!(frame[place], 0);
            frame.splice(place..=place, [1, 5, 1, 0xee]);
            let read = RequestHeader::parse(&frame[4..], 2)
                .and_then(|(_, body)| ProduceRequest::parse(body, 12).map(drop));
            assert!(matches!(read, Err(DecodeError::UnexpectedTags { .. })), "{place}: {read:?}");
        }
    }

    #[test]
    fn a_request_that_is_cut_is_an_error_at_every_length() {
        let frame = &request(12)[4..];
        for length in 0..frame.len() {
            let read = RequestHeader::parse(&frame[..length], 2)
                .and_then(|(_, body)| ProduceRequest::parse(body, 12).map(drop));
            assert!(read.is_err(), "{length} bytes");
        }
    }
}
