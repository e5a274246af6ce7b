//! ottla without an I/O thread: the sending thread does the I/O, in turns.

use std::time::Duration;

use contract::{Payload, Task};
use ottla::one_thread::{self, Deliveries, IoLoop, Producer, Topic};
use ottla::{ProducerConfig, Record, SendError};

use crate::lane::LOOK_INTERVAL;

/// What a program has at hand that reads records from a file or a socket.
const AT_HAND: usize = 64;
const NOW: Option<Duration> = Some(Duration::ZERO);

pub(crate) struct OneThread {
    producer: Producer,
    io: IoLoop,
    topic: Topic,
    sent: Deliveries,
    acknowledged: u64,
}

impl OneThread {
    pub(crate) fn start(task: &Task, config: ProducerConfig) -> Self {
        let (producer, io) = one_thread::start(config).expect("the configuration is good");
        let topic = producer.topic(&task.topic);
        Self { producer, io, topic, sent: Deliveries::new(), acknowledged: 0 }
    }

    /// Sends so many one by one and awaits their outcomes.
    pub(crate) fn send_each(&mut self, payload: &mut Payload, records: u64) -> u64 {
        for index in 0..records {
            let value = payload.next_record();
            match self.topic.try_send_into(Record::new(value), &mut self.sent) {
                Err(SendError::BufferFull | SendError::MetadataPending) => {
                    self.wait(Record::new(value));
                }
                outcome => outcome.expect("it is accepted"),
            }
            self.take_turn();
            if index % LOOK_INTERVAL == 0 {
                self.look();
            }
        }
        self.finish()
    }

    /// Sends so many, those at hand at once, and awaits their outcomes.
    pub(crate) fn send_together(&mut self, payload: &Payload, records: u64) -> u64 {
        let mut at_hand = [Record::new(&[]); AT_HAND];
        let mut places = (0..payload.records()).cycle();
        let mut left = records;
        while left > 0 {
            let count = left.min(AT_HAND as u64);
            let at_hand = &mut at_hand[..count as usize];
            for (record, place) in at_hand.iter_mut().zip(&mut places) {
                record.value = Some(payload.record(place));
            }
            self.send_all(at_hand);
            left -= count;
            self.take_turn();
            self.look();
        }
        self.finish()
    }

    fn send_all(&mut self, mut records: &[Record<'_>]) {
        match self.topic.try_send_all(&mut records, &mut self.sent) {
            Err(SendError::BufferFull | SendError::MetadataPending) => {
                let sending = self.topic.send_all(&mut records, &mut self.sent);
                let sent = self.io.block_on(sending).expect("the poller works");
                sent.expect("they are accepted");
            }
            outcome => outcome.expect("they are accepted"),
        }
    }

    /// Sends a record when there is memory for it.
    fn wait(&mut self, record: Record<'_>) {
        let sending = self.io.block_on(self.topic.send(record)).expect("the poller works");
        self.sent.push(sending.expect("it is accepted"));
    }

    fn take_turn(&mut self) {
        if self.io.wants_turn() {
            self.io.turn(NOW).expect("the poller works");
        }
    }

    fn finish(&mut self) -> u64 {
        self.io.block_on(self.producer.flush()).expect("the poller works");
        self.look();
        assert!(self.sent.is_empty(), "a flush waits for every outcome");
        std::mem::take(&mut self.acknowledged)
    }

    fn look(&mut self) {
        while let Some((records, outcome)) = self.sent.try_next() {
            outcome.expect("they are acknowledged");
            self.acknowledged += u64::from(records);
        }
    }
}
