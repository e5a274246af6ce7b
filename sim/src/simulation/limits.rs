//! Rules about the producer's behaviour on the wire, checked while it happens.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use ottla_core::ProducerConfig;

use super::link::LinkId;
use super::network::World;
use super::watch::{self, SentBatch};

/// More often than that no partition gets another leader, or is thought to have one.
const LEADERS_PER_SECOND: u32 = 10;

/// What the producer may do at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// Produce requests of one connection without an answer.
    pub(crate) in_flight: usize,
    /// Batches of one partition without an answer.
    pub(crate) per_partition: usize,
    /// Metadata requests in one second.
    pub(crate) metadata_per_second: u32,
    /// How often a batch may be sent in one second.
    pub(crate) sends_per_second: u32,
    second: u64,
    metadata: u32,
    /// How often each batch was sent in this second, by its partition and checksum.
    sends: BTreeMap<(String, i32, u32), u32>,
}

impl Limits {
    /// Those of a configuration, for a producer that uses so many topics.
    pub(crate) fn new(config: &ProducerConfig, topics: u32) -> Self {
        // A topic that is new is asked about at once; every other request keeps the backoff, which
        // is up to a fifth shorter than configured.
        let backoff = (config.retry_backoff.as_millis() as u32 * 4 / 5).max(1);
        Self {
            in_flight: config.max_in_flight,
            per_partition: if config.enable_idempotence { config.max_in_flight.min(5) } else { 1 },
            metadata_per_second: 1000 / backoff + 2 + topics,
            // A new leader is tried at once.
            sends_per_second: 1000 / backoff + LEADERS_PER_SECOND,
            ..Self::default()
        }
    }

    /// Several producers, of which one takes over from another, may each do as much.
    pub(crate) fn times(mut self, producers: u32) -> Self {
        self.per_partition *= producers as usize;
        self.metadata_per_second *= producers;
        if producers > 1 {
            // While a transaction is being finished, the next one tries every 20 ms.
            self.sends_per_second = self.sends_per_second.max(50 + LEADERS_PER_SECOND);
        }
        self
    }

    fn begin_second(&mut self, second: u64) {
        if self.second != second {
            (self.second, self.metadata) = (second, 0);
            self.sends.clear();
        }
    }
}

impl World {
    /// A request was written: are too many on their way?
    pub(crate) fn check_in_flight(&mut self, id: LinkId) {
        let produce = self.links[id].begun.iter().filter(|request| request.batches.is_some());
        let count = produce.count();
        if count > self.limits.in_flight {
            let limit = self.limits.in_flight;
            self.fail(format!("{count} Produce requests in flight on connection {id}, of {limit}"));
        }
        let mut batches = BTreeMap::<_, usize>::new();
        for link in self.links.iter().filter(|link| link.is_open()) {
            let requests = link.begun.iter().filter_map(|request| request.batches.as_ref());
            requests.flatten().for_each(|batch| *batches.entry(batch).or_default() += 1);
        }
        let worst = batches.into_iter().max_by_key(|(_, count)| *count);
        if let Some(((topic, partition), count)) = worst
            && count > self.limits.per_partition
        {
            let limit = self.limits.per_partition;
            let what = format!("{count} batches of {topic}-{partition} in flight, of {limit}");
            self.fail(what);
        }
    }

    /// A request arrived at a broker: can it be read, and isn't it one too many?
    pub(crate) fn check_request(&mut self, id: LinkId, node: i32, frame: &Bytes) {
        let api = watch::api_of(frame);
        if api == Some(ApiKey::Produce) {
            return self.check_produce(id, node, frame);
        }
        self.trace.note("client", format_args!("connection {id} asks node {node}: {api:?}"));
    }

    /// A client that has read nonsense has no business with the connection any more.
    pub(crate) fn check_nonsense(&mut self) {
        let believes = |(_, link): &(usize, &super::link::Link)| {
            !link.client_gone && link.nonsense_at.is_some_and(|at| at <= link.received)
        };
        if let Some((id, _)) = self.links.iter().enumerate().find(believes) {
            self.fail(format!("connection {id} is still used after a corrupt answer"));
        }
    }

    fn check_produce(&mut self, id: LinkId, node: i32, frame: &Bytes) {
        let Some((_, batches)) = watch::read_produce(frame) else {
            return self.fail(format!("a Produce request to node {node} that can't be read"));
        };
        for batch in batches {
            let (topic, partition, header) = (&batch.topic, batch.partition, batch.header);
            self.trace.note(
                "client",
                format_args!(
                    "connection {id} asks node {node}: Produce {topic}-{partition}, {} records, \
                     id {} epoch {} sequence {}",
                    header.record_count,
                    header.producer_id,
                    header.producer_epoch,
                    header.base_sequence
                ),
            );
            if !batch.intact {
                self.fail(format!(
                    "a batch for {topic}-{partition} arrived damaged at node {node}"
                ));
            }
        }
    }

    /// A batch was written: not too often?
    pub(crate) fn count_sends(&mut self, batches: &[SentBatch]) {
        let second = self.now().as_micros() / 1_000_000;
        let limits = &mut self.limits;
        limits.begin_second(second);
        for SentBatch { topic, partition, header, .. } in batches {
            let count = limits.sends.entry((topic.clone(), *partition, header.crc)).or_default();
            *count += 1;
            if *count > limits.sends_per_second {
                let what =
                    format!("a batch of {topic}-{partition} sent {count} times in one second");
                return self.fail(what);
            }
        }
    }

    pub(crate) fn count_metadata(&mut self) {
        let second = self.now().as_micros() / 1_000_000;
        let limits = &mut self.limits;
        limits.begin_second(second);
        limits.metadata += 1;
        if limits.metadata > limits.metadata_per_second {
            let (count, limit) = (limits.metadata, limits.metadata_per_second);
            self.fail(format!("{count} Metadata requests in one second, of {limit}"));
        }
    }
}
