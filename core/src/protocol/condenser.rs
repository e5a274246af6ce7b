//! A Metadata response that is longer than the receive buffer, made shorter while it arrives.
//!
//! A cluster of hundreds of brokers describes all of them, whatever topics were asked about. A
//! client with little memory needs those that lead its partitions.

use alloc::vec::Vec;
use core::fmt;

use super::api_key::ApiKey;
use super::array::Decode;
use super::codec::Decoder;
use super::decode_error::DecodeError;
use super::metadata::MetadataBroker;

/// No part of a response that is looked at as a whole is longer: a host's name has at most 255
/// bytes (RFC 1035), a rack's seldom more.
const LONGEST_PART: usize = 1024;

/// Leaves out brokers, and gives everything else as it came. See the [module](self).
#[derive(Debug)]
pub struct MetadataCondenser {
    version: i16,
    /// The brokers to keep.
    wanted: Vec<i32>,
    /// The most bytes of the shorter response.
    max_size: usize,
    /// Bytes of the response that have not come.
    to_come: usize,
    part: Part,
    shorter: Vec<u8>,
    /// Where in it the number of brokers belongs, and how many there are by now.
    count: (usize, u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Up to the number of brokers.
    Head,
    /// Brokers, and how many are left.
    Brokers(u32),
    /// The topics, and what surrounds them.
    Rest,
}

impl MetadataCondenser {
    /// For a response of `size` bytes to a request of `version`, header included.
    #[must_use]
    pub fn new(size: usize, version: i16, wanted: Vec<i32>, max_size: usize) -> Self {
        Self {
            version,
            wanted,
            max_size,
            to_come: size,
            part: Part::Head,
            shorter: Vec::new(),
            count: (0, 0),
        }
    }

    /// Takes bytes of the response, as many as make whole parts, and returns how many it took.
    ///
    /// # Errors
    /// Where the bytes are not such a response, or even the shorter one is too long.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, CondenseError> {
        let bytes = &bytes[..bytes.len().min(self.to_come)];
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            match self.take_part(rest) {
                Ok(len) => {
                    taken += len;
                    self.to_come -= len;
                }
                Err(_) if rest.len() < LONGEST_PART.min(self.to_come) => break,
                Err(error) => return Err(CondenseError::Decode(error)),
            }
            if self.shorter.len() > self.max_size {
                return Err(CondenseError::TooLong { max: self.max_size });
            }
        }
        Ok(taken)
    }

    /// The shorter response once all of the longer one has come.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        if self.to_come > 0 || self.part != Part::Rest {
            return None;
        }
        let (at, brokers) = self.count;
        let count = self.encode_count(brokers);
        self.shorter.get_mut(at..at + count.len())?.copy_from_slice(&count);
        Some(core::mem::take(&mut self.shorter))
    }

    /// Reads one part; returns its length.
    fn take_part(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        let mut decoder = Decoder::new(bytes, self.version, self.is_flexible());
        match self.part {
            Part::Head => {
                let brokers = skip_head(&mut decoder, self.version);
                decoder.check()?;
                let len = bytes.len() - decoder.remaining().len();
                self.part = if brokers == 0 { Part::Rest } else { Part::Brokers(brokers) };
                self.put_head(&bytes[..len], brokers);
                Ok(len)
            }
            Part::Brokers(left) => {
                let broker = MetadataBroker::decode(&mut decoder);
                decoder.check()?;
                let len = bytes.len() - decoder.remaining().len();
                if self.wanted.contains(&broker.node_id) {
                    self.shorter.extend_from_slice(&bytes[..len]);
                    self.count.1 += 1;
                }
                self.part = if left == 1 { Part::Rest } else { Part::Brokers(left - 1) };
                Ok(len)
            }
            Part::Rest => {
                self.shorter.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Everything before the count, and room for another count.
    fn put_head(&mut self, head: &[u8], brokers: u32) {
        let count_len = match self.is_flexible() {
            true => varint_len(brokers.saturating_add(1)),
            false => size_of::<i32>(),
        };
        self.shorter.extend_from_slice(&head[..head.len() - count_len]);
        self.count.0 = self.shorter.len();
        self.shorter.extend_from_slice(&[0; COUNT_LEN]);
    }

    /// In as many bytes as there is room for; a varint may have leading zeros.
    fn encode_count(&self, count: u32) -> [u8; COUNT_LEN] {
        if !self.is_flexible() {
            return count.to_be_bytes();
        }
        let value = count + 1; // compact arrays say one more
        let group = |index: u32| (value >> (7 * index) & 0x7f) as u8;
        [group(0) | 0x80, group(1) | 0x80, group(2) | 0x80, group(3)]
    }

    fn is_flexible(&self) -> bool {
        ApiKey::Metadata.is_flexible(self.version)
    }
}

/// Bytes of a count as it is written here.
const COUNT_LEN: usize = 4;

/// The response's header, the throttle time, and the number of brokers.
fn skip_head(decoder: &mut Decoder<'_>, version: i16) -> u32 {
    decoder.i32(); // correlation id
    decoder.skip_tags();
    if version >= 3 {
        decoder.i32(); // throttle_time_ms
    }
    if ApiKey::Metadata.is_flexible(version) {
        return decoder.unsigned_varint().saturating_sub(1);
    }
    decoder.i32().max(0) as u32
}

const fn varint_len(value: u32) -> usize {
    let bits = u32::BITS - value.leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(7) as usize }
}

/// Why a long response could not be made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CondenseError {
    /// It is no Metadata response.
    Decode(DecodeError),
    /// Without the brokers that are not needed it is still too long.
    TooLong {
        /// The limit.
        max: usize,
    },
}

impl fmt::Display for CondenseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("the metadata is malformed or too long");
        }
        match self {
            Self::Decode(error) => write!(f, "{error}"),
            Self::TooLong { max } => write!(
                f,
                "the metadata of the topics in use is longer than receive.message.max.bytes ({max})"
            ),
        }
    }
}

impl core::error::Error for CondenseError {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use bytes::{Bytes, BytesMut};
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::messages::{
        BrokerId, MetadataResponse as Reference, ResponseHeader, TopicName,
    };
    use kafka_protocol::protocol::{Encodable, StrBytes};

    use super::*;
    use crate::protocol::header::parse_response_header;
    use crate::protocol::metadata::MetadataResponse;

    /// A response of 300 brokers and one topic, as an independent encoder writes it.
    fn long(version: i16) -> Bytes {
        let broker = |id: i32| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(StrBytes::from_string(format!("broker-{id}.example")))
                .with_port(9000 + id)
        };
        let partition = MetadataResponsePartition::default()
            .with_partition_index(0)
            .with_leader_id(BrokerId(250))
            .with_replica_nodes([BrokerId(250)].into());
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("readings"))))
            .with_partitions([partition].into());
        let response = Reference::default()
            .with_brokers((0..300).map(broker).collect())
            .with_topics([topic].into());
        let mut bytes = BytesMut::new();
        let header = ApiKey::Metadata.response_header_version(version);
        ResponseHeader::default().with_correlation_id(7).encode(&mut bytes, header).unwrap();
        response.encode(&mut bytes, version).unwrap();
        bytes.freeze()
    }

    /// Feeds it in pieces, keeping what was not taken as a receive buffer does.
    fn condense(
        bytes: &[u8],
        version: i16,
        piece: usize,
    ) -> Result<Option<Vec<u8>>, CondenseError> {
        let mut condenser = MetadataCondenser::new(bytes.len(), version, [250, 3].into(), 512);
        let mut buffer = Vec::new();
        for piece in bytes.chunks(piece) {
            buffer.extend_from_slice(piece);
            let taken = condenser.feed(&buffer)?;
            buffer.drain(..taken);
            assert!(buffer.len() < 2 * LONGEST_PART);
        }
        Ok(condenser.finish())
    }

    #[test]
    fn brokers_that_nobody_needs_are_left_out() {
        for version in ApiKey::Metadata.min_version()..=12 {
            let bytes = long(version);
            assert!(bytes.len() > 8_000);
            for piece in [1, 7, 100, bytes.len()] {
                let shorter = condense(&bytes, version, piece).unwrap().unwrap();
                let header = ApiKey::Metadata.response_header_version(version);
                let (id, body) = parse_response_header(&shorter, header).unwrap();
                let response = MetadataResponse::parse(body, version).unwrap();
                let brokers: Vec<_> =
                    response.brokers.iter().map(|b| (b.node_id, b.host, b.port)).collect();
                let expected = [(3, "broker-3.example", 9003), (250, "broker-250.example", 9250)];
                assert_eq!((id, brokers.as_slice()), (7, &expected[..]), "version {version}");
                let topic = response.topics.iter().next().unwrap();
                assert_eq!(topic.name, Some("readings"));
                assert_eq!(topic.partitions.iter().next().unwrap().leader_id, 250);
            }
        }
    }

    #[test]
    fn what_is_long_without_them_is_an_error() {
        let mut condenser = MetadataCondenser::new(long(9).len(), 9, Vec::new(), 20);
        let error = condenser.feed(&long(9)).unwrap_err();
        assert_eq!(error, CondenseError::TooLong { max: 20 });
        assert!(error.to_string().contains("receive.message.max.bytes (20)"));
    }

    #[test]
    fn damage_is_an_error_or_harmless() {
        let bytes = long(12);
        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0xff;
            if let Ok(Some(shorter)) = condense(&damaged, 12, 300) {
                assert!(shorter.len() <= 512);
            }
        }
    }
}
