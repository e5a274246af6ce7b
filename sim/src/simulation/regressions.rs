//! What the simulation found in the producer, made likely: each test takes the scenarios of some
//! seeds and changes them to what the bug needs.

use std::time::Duration;

use kafka_protocol::ResponseError as Error;
use kafka_protocol::messages::ApiKey;
use ottla_core::Acks;

use super::faults::Fault;
use super::run::{Options, run_scenario};
use super::scenario::{Scenario, TOPICS};
use crate::cluster::{ApiRanges, AutoCreate, ProduceFault, RequestFault};

const SEEDS: u64 = 60;

/// Runs scenarios of calm clusters and idempotent producers, changed by `change`.
fn check(change: impl Fn(&mut Scenario)) {
    for seed in 0..SEEDS {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.brokers.auto_create = AutoCreate::AtOnce;
        scenario.brokers.min_insync_replicas = 1;
        scenario.brokers.max_message_bytes = 1 << 20;
        scenario.config.enable_idempotence = true;
        scenario.config.transactional_id = None;
        scenario.config.acks = Acks::All;
        scenario.config.max_in_flight = 5;
        scenario.config.retries = i32::MAX as u32;
        change(&mut scenario);
        scenario.config.validate().expect("a valid configuration");
        if let Err(failure) = run_scenario(seed, scenario, &Options::default()) {
            panic!("seed {seed}: {}", failure.what);
        }
    }
}

/// Lets the next batches for every partition meet these faults.
fn produce_faults(scenario: &mut Scenario, faults: &[ProduceFault]) {
    for (topic, partitions) in TOPICS.iter().zip(scenario.topics.clone()) {
        for partition in 0..partitions {
            for fault in faults {
                let place = ((*topic).to_owned(), partition);
                let fault = Fault::Produce { place, fault: fault.clone() };
                scenario.faults.push((Duration::ZERO, fault));
            }
        }
    }
}

/// The same now and then.
fn at_intervals(scenario: &mut Scenario, faults: &[ProduceFault]) {
    for step in 1..8 {
        let at = scenario.span / 8 * step;
        let first = scenario.faults.len();
        produce_faults(scenario, faults);
        scenario.faults[first..].iter_mut().for_each(|fault| fault.0 = at);
    }
}

#[test]
fn a_request_without_answer_is_complete_although_one_before_it_waits() {
    check(|scenario| {
        scenario.config.enable_idempotence = false;
        scenario.config.resend_valid_records = false;
        scenario.config.acks = Acks::None;
        for step in 1..8 {
            let fault = RequestFault::Ignore;
            let fault = Fault::Request { node: None, api: ApiKey::Metadata, fault };
            scenario.faults.push((scenario.span / 8 * step, fault));
        }
    });
}

#[test]
fn what_is_left_of_a_refused_batch_goes_before_those_behind_it() {
    check(|scenario| {
        scenario.config.resend_valid_records = true;
        let records = vec![(0, None)];
        let refusal =
            ProduceFault::RefuseRecords { error: Error::InvalidRecord, records, message: None };
        at_intervals(scenario, &[refusal]);
    });
}

#[test]
fn a_refused_first_batch_stays_first() {
    check(|scenario| {
        scenario.config.batch_size = 0;
        let refusal = ProduceFault::Refuse(Error::NotEnoughReplicas);
        produce_faults(scenario, &[refusal]);
    });
}

#[test]
fn a_batch_that_may_be_in_the_log_keeps_its_number_when_one_behind_it_fails() {
    check(|scenario| {
        scenario.config.batch_size = 0;
        let append = ProduceFault::AppendThenFail(Error::NotLeaderOrFollower);
        let refusal = ProduceFault::Refuse(Error::MessageTooLarge);
        at_intervals(scenario, &[append, refusal]);
    });
}

#[test]
fn a_topic_created_anew_may_take_the_second_batch_and_refuse_the_first() {
    check(|scenario| {
        scenario.config.batch_size = 0;
        for node in &mut scenario.nodes {
            // Before topic ids, a request for the old topic goes to the new one.
            node.apis = ApiRanges::current().with_max(ApiKey::Produce, 11);
        }
        for step in 1..8 {
            let at = scenario.span / 8 * step;
            for topic in &TOPICS[..scenario.topics.len()] {
                let recreate = Fault::RecreateTopic { topic: (*topic).to_owned() };
                scenario.faults.push((at, recreate));
            }
            scenario.faults.push((at, Fault::StaleMetadata { count: 2 }));
        }
        let refusal = ProduceFault::Refuse(Error::LeaderNotAvailable);
        let append = ProduceFault::AppendThenFail(Error::KafkaStorageError);
        at_intervals(scenario, &[refusal, append]);
    });
}

#[test]
fn a_batch_that_may_be_in_the_log_is_not_split() {
    check(|scenario| {
        let append = ProduceFault::AppendThenFail(Error::RequestTimedOut);
        let refusal = ProduceFault::Refuse(Error::MessageTooLarge);
        produce_faults(scenario, &[append, refusal]);
    });
}

#[test]
fn records_beside_an_invalid_one_may_be_in_the_log_from_before() {
    check(|scenario| {
        let append = ProduceFault::AppendThenFail(Error::KafkaStorageError);
        let records = vec![(0, None)];
        let refusal =
            ProduceFault::RefuseRecords { error: Error::InvalidRecord, records, message: None };
        produce_faults(scenario, &[append, refusal]);
    });
}

#[test]
fn a_refused_batch_waits_although_its_partition_was_queued_before() {
    check(|scenario| {
        scenario.config.max_in_flight = 1;
        scenario.config.retry_backoff = Duration::from_millis(50);
        let refusal = ProduceFault::Refuse(Error::NotEnoughReplicas);
        produce_faults(scenario, &vec![refusal; 100]);
    });
}

#[test]
fn requests_that_end_with_a_forced_close_are_counted_out() {
    check(|scenario| {
        scenario.close = Duration::ZERO;
        scenario.impatient = true;
    });
}
