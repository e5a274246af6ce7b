//! A producer of a program's own types, through serializers.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::mem;

use futures_lite::future::block_on;
use ottla_core::serializer::Serializer;

use crate::{Delivery, Header, Producer, Record, SendError};

/// Sends keys of type `K` and values of type `V`, written by the serializers `KS` and `VS`.
///
/// ```
/// use ottla::serializer::{IntegerSerializer, StringSerializer};
/// use ottla::{Producer, TypedProducer, TypedRecord};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
/// # let address = broker.address().to_string();
/// # let brokers = address.as_str();
/// # let producer = Producer::from_properties([("bootstrap.servers", brokers)])?;
/// let names = TypedProducer::new(producer, IntegerSerializer, StringSerializer);
/// names.send_blocking("names", TypedRecord::new("Ada").key(&1815))?.wait()?;
/// # Ok(())
/// # }
/// ```
pub struct TypedProducer<K: ?Sized, V: ?Sized, KS, VS> {
    producer: Producer,
    key_serializer: KS,
    value_serializer: VS,
    types: PhantomData<fn(&K, &V)>,
}

/// A record whose key and value are not bytes yet; see [`Record`] for the meaning of its parts.
pub struct TypedRecord<'a, K: ?Sized, V: ?Sized> {
    /// The key, if any.
    pub key: Option<&'a K>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a V>,
    /// Headers in order.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970-01-01 UTC; `None` takes the clock's.
    pub timestamp: Option<i64>,
    /// The partition; `None` lets the partitioner choose.
    pub partition: Option<i32>,
}

impl<K, V, KS, VS> TypedProducer<K, V, KS, VS>
where
    K: ?Sized,
    V: ?Sized,
    KS: Serializer<K>,
    VS: Serializer<V>,
{
    /// Sends with `producer`, which may have other users too.
    pub fn new(producer: Producer, key_serializer: KS, value_serializer: VS) -> Self {
        Self { producer, key_serializer, value_serializer, types: PhantomData }
    }

    /// The producer that it sends with.
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// [`SendError::Serialization`], and as [`Producer::try_send`].
    pub fn try_send(
        &self,
        topic: &str,
        record: TypedRecord<'_, K, V>,
    ) -> Result<Delivery, SendError> {
        let bytes = self.serialize(topic, &record)?;
        self.producer.try_send(topic, bytes.record(&record))
    }

    /// As [`Producer::send`].
    ///
    /// # Errors
    /// [`SendError::Serialization`], and as [`Producer::send`].
    pub async fn send(
        &self,
        topic: &str,
        record: TypedRecord<'_, K, V>,
    ) -> Result<Delivery, SendError> {
        let bytes = self.serialize(topic, &record)?;
        self.producer.send(topic, bytes.record(&record)).await
    }

    /// As [`Producer::send_blocking`].
    ///
    /// # Errors
    /// [`SendError::Serialization`], and as [`Producer::send_blocking`].
    pub fn send_blocking(
        &self,
        topic: &str,
        record: TypedRecord<'_, K, V>,
    ) -> Result<Delivery, SendError> {
        block_on(self.send(topic, record))
    }

    fn serialize(&self, topic: &str, record: &TypedRecord<'_, K, V>) -> Result<Bytes, SendError> {
        let mut bytes = Bytes::take();
        if let Some(key) = record.key {
            let written = self.key_serializer.serialize(topic, record.headers, key, &mut bytes.key);
            written.map_err(|error| refused("key", error))?;
        }
        if let Some(value) = record.value {
            let out = &mut bytes.value;
            let written = self.value_serializer.serialize(topic, record.headers, value, out);
            written.map_err(|error| refused("value", error))?;
        }
        Ok(bytes)
    }
}

fn refused(part: &str, error: impl Display) -> SendError {
    SendError::Serialization(format!("{part}: {error}"))
}

impl<'a, K: ?Sized, V: ?Sized> TypedRecord<'a, K, V> {
    const EMPTY: Self =
        Self { key: None, value: None, headers: &[], timestamp: None, partition: None };

    /// A record with a value and nothing else.
    pub fn new(value: &'a V) -> Self {
        Self { value: Some(value), ..Self::EMPTY }
    }

    /// A record without a value: deletes its key from a compacted topic.
    pub fn tombstone(key: &'a K) -> Self {
        Self { key: Some(key), ..Self::EMPTY }
    }

    /// With this key.
    #[must_use]
    pub fn key(self, key: &'a K) -> Self {
        Self { key: Some(key), ..self }
    }

    /// With these headers.
    #[must_use]
    pub fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// With this timestamp, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn timestamp(self, millis: i64) -> Self {
        Self { timestamp: Some(millis), ..self }
    }

    /// To this partition.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }
}

impl<K: ?Sized, V: ?Sized, KS: fmt::Debug, VS: fmt::Debug> fmt::Debug
    for TypedProducer<K, V, KS, VS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedProducer")
            .field("producer", &self.producer)
            .field("key_serializer", &self.key_serializer)
            .field("value_serializer", &self.value_serializer)
            .finish_non_exhaustive()
    }
}

impl<K: ?Sized + fmt::Debug, V: ?Sized + fmt::Debug> fmt::Debug for TypedRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedRecord")
            .field("key", &self.key)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// A serialized key and value, in the thread's spare vectors: sending a record allocates nothing
/// once they are large enough.
struct Bytes {
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What a thread keeps of a vector that a large record has grown.
const SPARE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<[Vec<u8>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

impl Bytes {
    /// Empty vectors: the thread's spare ones, or new ones while another record has those.
    fn take() -> Self {
        // A thread that is ending has none any more.
        let [key, value] = SPARE.try_with(Cell::take).unwrap_or_default();
        Self { key, value }
    }

    fn record<'a, K: ?Sized, V: ?Sized>(&'a self, record: &TypedRecord<'a, K, V>) -> Record<'a> {
        let mut bytes = Record::default().headers(record.headers);
        bytes.key = record.key.map(|_| &self.key[..]);
        bytes.value = record.value.map(|_| &self.value[..]);
        bytes.timestamp = record.timestamp;
        bytes.partition = record.partition;
        bytes
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let spare = [&mut self.key, &mut self.value].map(|bytes| {
            bytes.clear();
            bytes.shrink_to(SPARE_BYTES_MAX);
            mem::take(bytes)
        });
        let _ = SPARE.try_with(|cell| cell.set(spare));
    }
}
