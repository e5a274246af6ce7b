//! Whether a request is laid out as its schema says, found out before it is decoded.
//!
//! The decoder reserves memory for as many elements as an array claims to have; walking over the
//! bytes first makes sure that they are there. The tables say what stands where, after Kafka's
//! `common/message/*.json`: only sizes matter here, so an id and a number of 16 bytes are the same.

use kafka_protocol::messages::ApiKey;

/// Array elements and tagged fields in one request beyond which it is refused.
const MAX_ELEMENTS: usize = 1_000_000;

/// How a field takes its room.
enum Shape {
    /// So many bytes.
    Fixed(usize),
    /// A string, null or not.
    Text,
    /// Bytes, null or not.
    Blob,
    /// An array of fields without tags of their own.
    List(&'static Self),
    /// An array of structures.
    Structs(&'static [Field]),
}

/// A field and the versions that have it.
struct Field(i16, i16, Shape);

const ALL: i16 = i16::MAX;
const INT: Shape = Shape::Fixed(4);
const LONG: Shape = Shape::Fixed(8);
const SHORT: Shape = Shape::Fixed(2);
const BYTE: Shape = Shape::Fixed(1);
const UUID: Shape = Shape::Fixed(16);

use Shape::{Blob, List, Structs, Text};

const PRODUCE: &[Field] = &[
    Field(3, ALL, Text),
    Field(0, ALL, SHORT),
    Field(0, ALL, INT),
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, 12, Text),
            Field(13, ALL, UUID),
            Field(0, ALL, Structs(&[Field(0, ALL, INT), Field(0, ALL, Blob)])),
        ]),
    ),
];

const FETCH: &[Field] = &[
    Field(0, 14, INT),
    Field(0, ALL, Shape::Fixed(8)),
    Field(3, ALL, INT),
    Field(4, ALL, BYTE),
    Field(7, ALL, Shape::Fixed(8)),
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, 12, Text),
            Field(13, ALL, UUID),
            Field(
                0,
                ALL,
                Structs(&[
                    Field(0, ALL, INT),
                    Field(9, ALL, INT),
                    Field(0, ALL, LONG),
                    Field(12, ALL, INT),
                    Field(5, ALL, LONG),
                    Field(0, ALL, INT),
                ]),
            ),
        ]),
    ),
    Field(7, ALL, Structs(&[Field(7, 12, Text), Field(13, ALL, UUID), Field(7, ALL, List(&INT))])),
    Field(11, ALL, Text),
];

const LIST_OFFSETS: &[Field] = &[
    Field(0, ALL, INT),
    Field(2, ALL, BYTE),
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, ALL, Text),
            Field(0, ALL, Structs(&[Field(0, ALL, INT), Field(4, ALL, INT), Field(0, ALL, LONG)])),
        ]),
    ),
    Field(10, ALL, INT),
];

const METADATA: &[Field] = &[
    Field(0, ALL, Structs(&[Field(10, ALL, UUID), Field(0, ALL, Text)])),
    Field(4, ALL, BYTE),
    Field(8, 10, BYTE),
    Field(8, ALL, BYTE),
];

const OFFSET_COMMIT: &[Field] = &[
    Field(0, ALL, Text),
    Field(1, ALL, INT),
    Field(1, ALL, Text),
    Field(7, ALL, Text),
    Field(2, 4, LONG),
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, ALL, Text),
            Field(
                0,
                ALL,
                Structs(&[
                    Field(0, ALL, INT),
                    Field(0, ALL, LONG),
                    Field(6, ALL, INT),
                    Field(0, ALL, Text),
                ]),
            ),
        ]),
    ),
];

const OFFSET_FETCH_TOPICS: Shape = Structs(&[Field(0, ALL, Text), Field(0, ALL, List(&INT))]);
const OFFSET_FETCH: &[Field] = &[
    Field(0, 7, Text),
    Field(0, 7, OFFSET_FETCH_TOPICS),
    Field(
        8,
        ALL,
        Structs(&[
            Field(8, ALL, Text),
            Field(9, ALL, Text),
            Field(9, ALL, INT),
            Field(8, ALL, OFFSET_FETCH_TOPICS),
        ]),
    ),
    Field(7, ALL, BYTE),
];

const FIND_COORDINATOR: &[Field] =
    &[Field(0, 3, Text), Field(1, ALL, BYTE), Field(4, ALL, List(&Text))];

const JOIN_GROUP: &[Field] = &[
    Field(0, ALL, Text),
    Field(0, ALL, INT),
    Field(1, ALL, INT),
    Field(0, ALL, Text),
    Field(5, ALL, Text),
    Field(0, ALL, Text),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Blob)])),
    Field(8, ALL, Text),
];

const HEARTBEAT: &[Field] =
    &[Field(0, ALL, Text), Field(0, ALL, INT), Field(0, ALL, Text), Field(3, ALL, Text)];

const LEAVE_GROUP: &[Field] = &[
    Field(0, ALL, Text),
    Field(0, 2, Text),
    Field(3, ALL, Structs(&[Field(3, ALL, Text), Field(3, ALL, Text), Field(5, ALL, Text)])),
];

const SYNC_GROUP: &[Field] = &[
    Field(0, ALL, Text),
    Field(0, ALL, INT),
    Field(0, ALL, Text),
    Field(3, ALL, Text),
    Field(5, ALL, Text),
    Field(5, ALL, Text),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Blob)])),
];

const CREATE_TOPICS: &[Field] = &[
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, ALL, Text),
            Field(0, ALL, INT),
            Field(0, ALL, SHORT),
            Field(0, ALL, Structs(&[Field(0, ALL, INT), Field(0, ALL, List(&INT))])),
            Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Text)])),
        ]),
    ),
    Field(0, ALL, INT),
    Field(1, ALL, BYTE),
];

const DELETE_TOPICS: &[Field] = &[
    Field(6, ALL, Structs(&[Field(6, ALL, Text), Field(6, ALL, UUID)])),
    Field(0, 5, List(&Text)),
    Field(0, ALL, INT),
];

const INIT_PRODUCER_ID: &[Field] =
    &[Field(0, ALL, Text), Field(0, ALL, INT), Field(3, ALL, LONG), Field(3, ALL, SHORT)];

const ADD_PARTITIONS_TO_TXN: &[Field] = &[
    Field(0, 3, Text),
    Field(0, 3, LONG),
    Field(0, 3, SHORT),
    Field(0, 3, Structs(&[Field(0, ALL, Text), Field(0, ALL, List(&INT))])),
];

const ADD_OFFSETS_TO_TXN: &[Field] =
    &[Field(0, ALL, Text), Field(0, ALL, LONG), Field(0, ALL, SHORT), Field(0, ALL, Text)];

const END_TXN: &[Field] =
    &[Field(0, ALL, Text), Field(0, ALL, LONG), Field(0, ALL, SHORT), Field(0, ALL, BYTE)];

const TXN_OFFSET_COMMIT: &[Field] = &[
    Field(0, ALL, Text),
    Field(0, ALL, Text),
    Field(0, ALL, LONG),
    Field(0, ALL, SHORT),
    Field(3, ALL, INT),
    Field(3, ALL, Text),
    Field(3, ALL, Text),
    Field(
        0,
        ALL,
        Structs(&[
            Field(0, ALL, Text),
            Field(
                0,
                ALL,
                Structs(&[
                    Field(0, ALL, INT),
                    Field(0, ALL, LONG),
                    Field(2, ALL, INT),
                    Field(0, ALL, Text),
                ]),
            ),
        ]),
    ),
];

const DESCRIBE_CONFIGS: &[Field] = &[
    Field(0, ALL, Structs(&[Field(0, ALL, BYTE), Field(0, ALL, Text), Field(0, ALL, List(&Text))])),
    Field(1, ALL, BYTE),
    Field(3, ALL, BYTE),
];

const DESCRIBE_CLUSTER: &[Field] = &[Field(0, ALL, BYTE), Field(1, ALL, BYTE), Field(2, ALL, BYTE)];
const API_VERSIONS: &[Field] = &[Field(3, ALL, Text), Field(3, ALL, Text)];

/// The fields of a request and its first version with compact lengths and tags.
fn schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    Some(match api {
        ApiKey::Produce => (PRODUCE, 9),
        ApiKey::Fetch => (FETCH, 12),
        ApiKey::ListOffsets => (LIST_OFFSETS, 6),
        ApiKey::Metadata => (METADATA, 9),
        ApiKey::OffsetCommit => (OFFSET_COMMIT, 8),
        ApiKey::OffsetFetch => (OFFSET_FETCH, 6),
        ApiKey::FindCoordinator => (FIND_COORDINATOR, 3),
        ApiKey::JoinGroup => (JOIN_GROUP, 6),
        ApiKey::Heartbeat => (HEARTBEAT, 4),
        ApiKey::LeaveGroup => (LEAVE_GROUP, 4),
        ApiKey::SyncGroup => (SYNC_GROUP, 4),
        ApiKey::CreateTopics => (CREATE_TOPICS, 5),
        ApiKey::DeleteTopics => (DELETE_TOPICS, 4),
        ApiKey::InitProducerId => (INIT_PRODUCER_ID, 2),
        ApiKey::AddPartitionsToTxn => (ADD_PARTITIONS_TO_TXN, 3),
        ApiKey::AddOffsetsToTxn => (ADD_OFFSETS_TO_TXN, 3),
        ApiKey::EndTxn => (END_TXN, 3),
        ApiKey::TxnOffsetCommit => (TXN_OFFSET_COMMIT, 3),
        ApiKey::DescribeConfigs => (DESCRIBE_CONFIGS, 4),
        ApiKey::DescribeCluster => (DESCRIBE_CLUSTER, 0),
        ApiKey::ApiVersions => (API_VERSIONS, 3),
        _ => return None,
    })
}

/// Whether `body`, what follows the header, can be decoded without surprises.
pub(crate) fn fits(api: ApiKey, version: i16, body: &[u8]) -> bool {
    let Some((fields, flexible_from)) = schema(api) else { return false };
    let flexible = version >= flexible_from;
    Walker { rest: body, version, flexible, elements: 0 }.structure(fields).is_some()
}

/// Steps over a request; every step is `None` where the bytes end too early.
struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
}

impl Walker<'_> {
    fn structure(&mut self, fields: &[Field]) -> Option<()> {
        for Field(from, to, shape) in fields {
            if (*from..=*to).contains(&self.version) {
                self.shape(shape)?;
            }
        }
        if self.flexible { self.tags() } else { Some(()) }
    }

    fn shape(&mut self, shape: &Shape) -> Option<()> {
        match shape {
            Shape::Fixed(size) => self.skip(*size),
            Text if self.flexible => self.compact_bytes(),
            Blob if self.flexible => self.compact_bytes(),
            Text => {
                let length = i16::from_be_bytes(self.take()?);
                self.skip(usize::try_from(length).unwrap_or(0))
            }
            Blob => {
                let length = i32::from_be_bytes(self.take()?);
                self.skip(usize::try_from(length).unwrap_or(0))
            }
            List(element) => self.repeat(|walker| walker.shape(element)),
            Structs(fields) => self.repeat(|walker| walker.structure(fields)),
        }
    }

    fn repeat(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let count = if self.flexible {
            self.varint()?.saturating_sub(1)
        } else {
            u32::try_from(i32::from_be_bytes(self.take()?)).unwrap_or(0)
        };
        self.count(count)?;
        (0..count).try_for_each(|_| element(self))
    }

    fn tags(&mut self) -> Option<()> {
        let count = self.varint()?;
        self.count(count)?;
        for _ in 0..count {
            self.varint()?;
            let size = self.varint()?;
            self.skip(size as usize)?;
        }
        Some(())
    }

    fn count(&mut self, elements: u32) -> Option<()> {
        self.elements = self.elements.checked_add(elements as usize)?;
        (self.elements <= MAX_ELEMENTS).then_some(())
    }

    fn compact_bytes(&mut self) -> Option<()> {
        let length = self.varint()?.saturating_sub(1);
        self.skip(length as usize)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, size: usize) -> Option<()> {
        self.rest = self.rest.get(size..)?;
        Some(())
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }
}
