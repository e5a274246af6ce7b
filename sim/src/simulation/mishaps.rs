//! Faults as they happen, and how each comes to its end.

use super::faults::{Fault, Heal, Place};
use super::link::Link;
use super::network::{Event, World};

impl World {
    pub(crate) fn inflict(&mut self, fault: Fault) {
        self.trace.note("fault", format_args!("{fault:?}"));
        let wall = self.clock.since_unix_epoch();
        let now = self.now();
        match fault {
            Fault::Break { pick, notice } => {
                self.on_link(pick, |world, id| world.break_link(id, notice))
            }
            Fault::Stall { pick, up, down, time } => self.on_link(pick, |world, id| {
                let link = &mut world.links[id];
                if up {
                    link.up.stall(now + time);
                }
                if down {
                    link.down.stall(now + time);
                }
            }),
            Fault::Refuse { node, time } => self.condition_mut(node).refusing_until = now + time,
            Fault::Unreachable { node, time } => {
                self.condition_mut(node).unreachable_until = now + time;
            }
            Fault::NoRoute { node, time } => {
                self.condition_mut(node).refuses_at_once = true;
                self.schedule(now + time, Event::Heal(Heal::Route(node)));
            }
            Fault::Crash { node, silent, detection, downtime } => {
                self.crash(node, silent);
                self.schedule(now + detection, Event::Heal(Heal::Elect));
                self.schedule(now + downtime, Event::Heal(Heal::Restart(node)));
            }
            Fault::Freeze { node, detection, time } => {
                self.condition_mut(node).frozen = true;
                if let Some(detection) = detection {
                    self.schedule(now + detection, Event::Heal(Heal::Depose(node)));
                }
                self.schedule(now + time, Event::Heal(Heal::Thaw(node)));
            }
            Fault::MoveLeader { place } => self.move_leader(&place),
            Fault::Leaderless { place, time } => {
                self.lead(&place, None);
                self.schedule(now + time, Event::Heal(Heal::Lead(place)));
            }
            Fault::ShrinkInSync { place, time } => {
                self.shrink_in_sync(&place);
                self.schedule(now + time, Event::Heal(Heal::InSync(place)));
            }
            Fault::ForgetProducers { place } => self.to_be_forgotten.push(place),
            Fault::AddPartitions { topic } => {
                let more = 1 + self.dice.below(2) as i32;
                self.cluster.add_partitions(&topic, more, wall).expect("no I/O in memory");
            }
            Fault::RecreateTopic { topic } => {
                let partitions = self.dice.between(1, 3) as i32;
                if self.cluster.topics().any(|(name, _, _)| name == topic) {
                    self.history.recreate(&mut self.cluster, &topic, partitions, wall);
                }
            }
            Fault::StaleMetadata { count } => self.stale_answers += count,
            Fault::Nonsense { count } => self.nonsense_answers += count,
            Fault::Request { node, api, fault } => {
                self.cluster.faults().next_request(node, api, fault);
            }
            Fault::Produce { place, fault } => {
                self.cluster.faults().next_produce(&place.0, place.1, fault);
            }
        }
        self.resume_all();
    }

    pub(crate) fn heal(&mut self, heal: Heal) {
        self.trace.note("heal", format_args!("{heal:?}"));
        let wall = self.clock.since_unix_epoch();
        match heal {
            Heal::Elect => self.history.observe(&mut self.cluster, |cluster| {
                cluster.elect_leaders(wall).expect("no I/O in memory");
            }),
            Heal::Restart(node) => {
                self.condition_mut(node).silent = false;
                self.history.observe(&mut self.cluster, |cluster| {
                    cluster.start_node(node, wall).expect("no I/O in memory");
                });
            }
            Heal::Depose(node) => self.depose(node),
            Heal::Thaw(node) => self.thaw(node),
            Heal::Route(node) => self.condition_mut(node).refuses_at_once = false,
            Heal::Lead(place) => {
                if self.is_leaderless(&place) {
                    let up = self.cluster.nodes().iter().find(|node| node.up).map(|node| node.id);
                    self.lead(&place, up);
                }
            }
            Heal::InSync(place) => {
                // Without a leader nobody leaves the set: the last one of it has yet to come back.
                let leaderless = self.is_leaderless(&place);
                let caught_up = self.cluster.nodes().iter().filter(|node| node.up || leaderless);
                let all: Vec<i32> = caught_up.map(|node| node.id).collect();
                self.cluster.set_in_sync(&place.0, place.1, &all);
            }
        }
        self.resume_all();
    }

    /// Lets brokers forget producers as soon as nothing is on its way to them.
    pub(crate) fn forget_if_quiet(&mut self) {
        if self.links.iter().all(Link::is_quiet) {
            for (topic, partition) in std::mem::take(&mut self.to_be_forgotten) {
                self.trace.note("fault", format_args!("{topic}-{partition} forgets its producers"));
                self.cluster.forget_producers(&topic, partition);
            }
        }
    }

    /// Does something to one of the connections that are open.
    fn on_link(&mut self, pick: usize, act: impl FnOnce(&mut Self, usize)) {
        let open = self.links.iter().enumerate().filter(|(_, link)| link.is_open());
        let open: Vec<usize> = open.map(|(id, _)| id).collect();
        if !open.is_empty() {
            act(self, open[pick % open.len()]);
        }
    }

    fn is_leaderless(&self, (topic, partition): &Place) -> bool {
        self.cluster.leader(topic, *partition).is_some_and(|(leader, _)| leader.is_none())
    }

    fn move_leader(&mut self, place: &Place) {
        let nodes: Vec<i32> = self.cluster.nodes().iter().map(|node| node.id).collect();
        let to = self.dice.choose(&nodes);
        if self.is_up(to) {
            self.lead(place, Some(to));
        }
    }

    fn shrink_in_sync(&mut self, place: &Place) {
        let leader = self.cluster.leader(&place.0, place.1).and_then(|(leader, _)| leader);
        let only: Vec<i32> = leader.into_iter().collect();
        self.cluster.set_in_sync(&place.0, place.1, &only);
    }

    fn lead(&mut self, place: &Place, to: Option<i32>) {
        let wall = self.clock.since_unix_epoch();
        self.history.observe(&mut self.cluster, |cluster| {
            cluster.move_leader(&place.0, place.1, to, wall).expect("no I/O in memory");
        });
    }

    fn crash(&mut self, node: i32, silent: bool) {
        self.cluster.stop_node(node);
        let condition = self.condition_mut(node);
        condition.silent = silent;
        condition.frozen = false;
        self.held_answers.retain(|(_, of, _)| *of != node);
        for id in 0..self.links.len() {
            if self.links[id].node == Some(node) {
                let notice = (!silent).then(|| self.latency());
                self.break_link(id, notice);
                self.links[id].die();
                if let Some(token) = self.links[id].waiting.take() {
                    self.cluster.cancel(token);
                }
            }
        }
    }

    /// Others take over what a broker leads that is not heard of any more.
    fn depose(&mut self, node: i32) {
        let nodes = self.cluster.nodes().iter().filter(|it| it.up && it.id != node);
        let Some(to) = nodes.map(|it| it.id).find(|id| !self.condition(*id).frozen) else { return };
        let topics: Vec<(String, usize)> =
            self.cluster.topics().map(|(name, _, count)| (name.to_owned(), count)).collect();
        for (topic, count) in topics {
            for partition in 0..count as i32 {
                if self.cluster.leader(&topic, partition).is_some_and(|it| it.0 == Some(node)) {
                    self.lead(&(topic.clone(), partition), Some(to));
                }
            }
        }
    }

    fn thaw(&mut self, node: i32) {
        self.condition_mut(node).frozen = false;
        for (id, of, frame) in std::mem::take(&mut self.held_answers) {
            if of == node {
                self.answer(id, frame);
            } else {
                self.held_answers.push((id, of, frame));
            }
        }
        for id in 0..self.links.len() {
            if self.links[id].node == Some(node) {
                self.serve(id);
            }
        }
    }
}
