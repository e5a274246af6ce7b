//! The brokers' end of the network: frames in, the cluster's answers out.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use ottla_core::time::Instant;

use super::link::LinkId;
use super::network::{Event, World};
use super::watch::{self, Begun};
use crate::cluster::Reply;

/// What is wrong with a broker besides being up or down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Condition {
    /// Stopped like a process by SIGSTOP: the kernel still takes connections and bytes.
    pub(crate) frozen: bool,
    /// Connections to it are not answered at all while it is down.
    pub(crate) silent: bool,
    pub(crate) refuses_at_once: bool,
    pub(crate) refusing_until: Instant,
    pub(crate) unreachable_until: Instant,
}

impl World {
    pub(crate) fn condition(&self, node: i32) -> Condition {
        self.conditions.get(&node).copied().unwrap_or_default()
    }

    pub(crate) fn condition_mut(&mut self, node: i32) -> &mut Condition {
        self.conditions.entry(node).or_default()
    }

    pub(crate) fn is_up(&self, node: i32) -> bool {
        self.cluster.node(node).is_some_and(|node| node.up)
    }

    pub(crate) fn arrive_at_broker(&mut self, id: LinkId) {
        let now = self.now();
        if let Some(at) = self.links[id].up.next_arrival().filter(|at| *at > now) {
            self.schedule(at, Event::Up(id));
        }
        self.serve(id);
    }

    /// The broker does what it can for a connection: one request after another.
    pub(crate) fn serve(&mut self, id: LinkId) {
        let Some(node) = self.links[id].node else { return };
        if !self.is_up(node) || self.condition(node).frozen || self.links[id].broker_gone {
            return;
        }
        let now = self.now();
        while !self.links[id].busy {
            let link = &mut self.links[id];
            link.up.advance(now);
            link.up.read_all(&mut link.inbox.bytes);
            if let Some(writer) = link.writer.take() {
                writer.wake();
            }
            let Some(frame) = link.inbox.next_frame() else { return };
            self.handle(id, node, frame);
        }
    }

    fn handle(&mut self, id: LinkId, node: i32, frame: Bytes) {
        self.links[id].served += 1;
        self.links[id].produce_version = watch::produce_version(&frame);
        let frame = match &mut self.saboteur {
            Some(saboteur) => saboteur.spoil_request(frame, &mut self.cluster),
            None => frame,
        };
        self.check_request(id, node, &frame);
        let now = self.clock.since_unix_epoch();
        if let Some(answer) = self.stale_metadata(&frame) {
            self.links[id].busy = true;
            return self.answer(id, answer);
        }
        let reply = self.cluster.handle(node, frame.clone(), now);
        if watch::api_of(&frame) == Some(ApiKey::EndTxn) {
            self.look_as_reader(now);
        }
        if let Some(saboteur) = &mut self.saboteur {
            saboteur.look_at_log(&mut self.cluster);
        }
        if let Reply::Send { frame: answer, .. } = &reply {
            self.remember_metadata(&frame, answer);
        }
        self.links[id].busy = true;
        self.carry_out(id, reply);
    }

    /// Reads what is committed, as a consumer would now and then.
    fn look_as_reader(&mut self, now: Duration) {
        let topics = self.cluster.topics().map(|(name, _, count)| (name.to_owned(), count));
        let topics: Vec<_> = topics.collect();
        for (topic, count) in topics {
            for partition in 0..count as i32 {
                if let Some(seen) = self.cluster.committed_now(&topic, partition, now) {
                    self.seen.insert((topic.clone(), partition), seen);
                }
            }
        }
    }

    fn carry_out(&mut self, id: LinkId, reply: Reply) {
        match reply {
            Reply::Send { frame, delay } if delay.is_zero() => self.answer(id, frame),
            Reply::Send { frame, delay } => {
                self.schedule(self.now() + delay, Event::Answer(id, frame))
            }
            Reply::Nothing => {
                self.trace.note("broker", format_args!("connection {id}: no answer"));
                self.links[id].busy = false;
                self.schedule(self.now(), Event::Up(id));
            }
            Reply::Close => {
                self.trace.note("broker", format_args!("connection {id}: closed"));
                let link = &mut self.links[id];
                link.broker_gone = true;
                link.wake();
            }
            Reply::Later { token, at } => {
                self.links[id].waiting = Some(token);
                let wait = at.saturating_sub(self.clock.since_unix_epoch());
                self.schedule(self.now() + wait, Event::Resume(id, token));
            }
        }
    }

    pub(crate) fn resume(&mut self, id: LinkId, token: u64) {
        let Some(node) = self.links[id].node else { return };
        if self.links[id].waiting != Some(token) {
            return;
        }
        if !self.is_up(node) || self.links[id].broker_gone {
            return self.cluster.cancel(token);
        }
        if self.condition(node).frozen {
            return; // looked at when it thaws
        }
        self.links[id].waiting = None;
        let reply = self.cluster.resume(token, self.clock.since_unix_epoch());
        self.carry_out(id, reply);
    }

    /// Looks again at everything that waits: leaders moved, or a broker goes on.
    pub(crate) fn resume_all(&mut self) {
        for id in 0..self.links.len() {
            if let Some(token) = self.links[id].waiting {
                self.resume(id, token);
            }
        }
    }

    /// The broker's answer goes on its way.
    pub(crate) fn answer(&mut self, id: LinkId, frame: Bytes) {
        let Some(node) = self.links[id].node else { return };
        if !self.is_up(node) {
            return;
        }
        if self.condition(node).frozen {
            return self.held_answers.push((id, node, frame));
        }
        self.note_answer(id, &frame);
        let link = &mut self.links[id];
        link.busy = false;
        if link.is_open() {
            self.send_down(id, frame);
        }
        self.schedule(self.now(), Event::Up(id));
    }

    fn note_answer(&self, id: LinkId, frame: &Bytes) {
        if !self.trace.is_kept() {
            return;
        }
        let version = self.links[id].produce_version;
        let answers = version.and_then(|version| watch::read_produced(version, frame));
        for (partition, error, offset) in answers.unwrap_or_default() {
            self.trace.note(
                "broker",
                format_args!(
                    "connection {id}: partition {partition}: error {error}, offset {offset}"
                ),
            );
        }
    }

    fn send_down(&mut self, id: LinkId, frame: Bytes) {
        let is_nonsense = self.nonsense_answers > 0;
        let frame = if is_nonsense { self.spoil(id, &frame) } else { frame };
        let link = &mut self.links[id];
        let (number, end) = (link.served, link.down.sent() + frame.len() as u64);
        if is_nonsense {
            link.nonsense_at.get_or_insert(end);
        } else if let Some(request) = link.begun.iter_mut().find(|it| it.number == number) {
            request.answered_at = Some(end);
        }
        let now = self.now();
        let cut = self.dice.below(frame.len() as u32 + 1) as usize;
        for part in [&frame[..cut], &frame[cut..]] {
            if !part.is_empty() {
                let at = now + self.latency();
                let arrival = self.links[id].down.send(at, part.to_vec());
                self.schedule(arrival, Event::Down(id));
            }
        }
    }

    /// Makes an answer one that can't be: the client must hang up, whatever it was about.
    fn spoil(&mut self, id: LinkId, frame: &[u8]) -> Bytes {
        self.nonsense_answers -= 1;
        let mut bytes = BytesMut::from(frame);
        match self.dice.below(3) {
            0 => bytes[4 + self.dice.index(4)] ^= 1 << self.dice.below(7),
            1 => {
                // The last bytes are missing.
                let len = self.dice.index(frame.len() - 8).max(8);
                bytes.truncate(len);
                bytes[..4].copy_from_slice(&(len as u32 - 4).to_be_bytes());
            }
            _ => bytes[..4].copy_from_slice(&(i32::MAX - self.dice.below(9) as i32).to_be_bytes()),
        }
        self.trace.note("network", format_args!("connection {id}: a corrupt answer"));
        bytes.freeze()
    }

    /// An answer that was true a while ago, for the same question.
    fn stale_metadata(&mut self, frame: &Bytes) -> Option<Bytes> {
        if self.stale_answers == 0 || watch::api_of(frame) != Some(ApiKey::Metadata) {
            return None;
        }
        let old = self.old_metadata.get(&question(frame))?;
        self.stale_answers -= 1;
        let mut answer = BytesMut::from(&old[..]);
        answer[4..8].copy_from_slice(&frame[4..8]);
        self.trace.note("broker", format_args!("answers with old metadata"));
        Some(answer.freeze())
    }

    /// Keeps the first answer of each kind: what is asked again later may be answered by it.
    fn remember_metadata(&mut self, frame: &Bytes, answer: &Bytes) {
        if watch::api_of(frame) == Some(ApiKey::Metadata) {
            self.old_metadata.entry(question(frame)).or_insert_with(|| answer.clone());
        }
    }

    /// What the client writes, as an observer on its side of the wire sees it.
    pub(crate) fn observe_written(&mut self, id: LinkId, bytes: &[u8]) {
        self.links[id].outbox.bytes.extend_from_slice(bytes);
        while let Some(frame) = self.links[id].outbox.next_frame() {
            let number = self.links[id].begun_count + 1;
            self.links[id].begun_count = number;
            if watch::api_of(&frame) == Some(ApiKey::Metadata) {
                self.count_metadata();
            }
            let produce = watch::read_produce(&frame);
            if let Some((_, batches)) = &produce {
                self.count_sends(batches);
            }
            if produce.as_ref().is_some_and(|(acks, _)| *acks == 0) {
                continue;
            }
            let batches = produce.map(|(_, batches)| {
                batches.into_iter().map(|batch| (batch.topic, batch.partition)).collect()
            });
            self.links[id].begun.push_back(Begun { number, batches, answered_at: None });
            self.check_in_flight(id);
        }
    }
}

/// A request without its correlation id.
fn question(frame: &Bytes) -> Bytes {
    [&frame[..4], &frame[8..]].concat().into()
}
