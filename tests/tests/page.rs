//! Pages that end in every way while they send: what they were told is stored is in the log once
//! and in order, read back with Kafka's own consumer.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ottla_bridge::Running;
use ottla_tests::bridge::start_open_to_all;
use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::web::{App, Runtime};

const PARTITIONS: usize = 3;

#[test]
fn a_killed_chromium_loses_nothing_that_was_stored() {
    outlives("chromium", "killed", &times("page.kills"));
}

#[test]
fn a_killed_firefox_loses_nothing_that_was_stored() {
    outlives("firefox-esr", "killed", &times("page.kills"));
}

#[test]
fn a_tab_that_is_left_or_crashes_loses_nothing_that_was_stored() {
    outlives("chromium", "left", &times("page.leaves"));
}

#[test]
fn what_lingers_leaves_with_the_page_and_a_frozen_page_goes_on() {
    outlives("chromium", "back", "1");
}

#[test]
fn what_was_sent_before_there_was_a_producer_waits_for_it() {
    outlives("chromium", "loader", "1");
}

#[test]
fn timers_of_a_hidden_page_come_when_they_should() {
    outlives("chromium", "hidden", "1");
}

#[test]
fn tabs_share_one_connection_whoever_ends() {
    outlives("chromium", "tabs", &times("page.tabs"));
}

#[test]
fn tabs_share_one_connection_without_a_worker() {
    outlives("chromium", "tabs without a worker", &times("page.tabs"));
}

#[test]
fn tabs_hand_their_connection_over() {
    let log = outlives("chromium", "handed over", "1");
    assert_eq!(log.len(), 50 + 150 + 250 + 350 + 450);
}

#[test]
fn tabs_hear_of_lost_leases_from_a_host_that_has_just_begun() {
    outlives("chromium", "handed over late", "1");
}

#[test]
fn tabs_that_give_up_or_close_leave_nobody_waiting() {
    outlives("chromium", "gave up", "1");
}

#[test]
fn what_is_stored_when_its_lease_is_over_is_reported_or_sent_again_as_was_chosen() {
    let log = outlives("chromium", "expired", "1");
    assert_eq!(log.len(), 1 + 1 + 40, "what was reported was not sent");
}

#[test]
fn more_pages_than_a_session_resumes_leases_of_lose_nothing() {
    outlives("chromium", "many", "10");
}

#[test]
fn a_module_that_crashes_leaves_what_is_stored_to_the_next_page() {
    outlives("chromium", "trapped", "1");
}

#[test]
fn damaged_batches_do_not_hold_up_the_others() {
    outlives("chromium", "damaged", "1");
}

#[test]
fn a_full_queue_refuses_records_or_lets_them_pass() {
    outlives("chromium", "full", "1");
}

fn times(name: &str) -> String {
    budget::get(name).to_string()
}

/// Kafka and two bridges before it, neither of which knows the other's leases.
fn setting() -> (&'static Cluster, &'static [Running; 2]) {
    static SHARED: OnceLock<[Running; 2]> = OnceLock::new();
    let kafka = Cluster::shared(NEWEST, 1);
    (kafka, SHARED.get_or_init(|| [start_open_to_all(kafka), start_open_to_all(kafka)]))
}

/// Lets pages end, and compares what they were told with the log, which it returns.
fn outlives(browser: &str, scenario: &str, times: &str) -> Log {
    let (kafka, bridges) = setting();
    let topic = format!("{browser}-{}", scenario.replace(' ', "-"));
    kafka.create_topic(&topic, PARTITIONS as i32, 1, &[]);
    let [url, other] = bridges.each_ref().map(Running::url);
    let partitions = PARTITIONS.to_string();
    let arguments = [browser, scenario, &url, &topic, &partitions, times, &other];
    let told = App::shared().run(Runtime::NODE_24, "outliving.mjs", arguments);
    let log = Log::read(kafka, &topic);
    log.assert_once_and_in_order();
    let mut stored = 0;
    for line in told.lines() {
        assert!(!line.starts_with("unknown"), "within its lease: {line}");
        let (label, number) = line.split_once(':').expect("a label and a number");
        let number: usize = number.parse().expect("a number");
        assert!(log.has(label, number), "{label}:{number} was stored and is not in the log");
        stored += 1;
    }
    println!(
        "full: {topic}, {times} times, {stored} records stored before, {} in the log",
        log.len()
    );
    assert!(stored > 0);
    log
}

/// Numbers by label, for each partition in the order of the log.
struct Log(Vec<BTreeMap<String, Vec<usize>>>);

impl Log {
    fn read(kafka: &Cluster, topic: &str) -> Self {
        let mut log = vec![BTreeMap::<String, Vec<usize>>::new(); PARTITIONS];
        kafka.consume(topic, |record| {
            let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
            let (label, number) = value.split_once(':').expect("a label and a number");
            let partition = &mut log[record.partition as usize];
            partition.entry(label.to_owned()).or_default().push(number.parse().unwrap());
        });
        Self(log)
    }

    fn assert_once_and_in_order(&self) {
        for (partition, labels) in self.0.iter().enumerate() {
            for (label, numbers) in labels {
                let in_order = numbers.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(in_order, "partition {partition}, {label}: {numbers:?}");
            }
        }
    }

    fn has(&self, label: &str, number: usize) -> bool {
        let mut partitions = self.0.iter().filter_map(|labels| labels.get(label));
        partitions.any(|numbers| numbers.binary_search(&number).is_ok())
    }

    fn len(&self) -> usize {
        self.0.iter().flat_map(|labels| labels.values()).map(Vec::len).sum()
    }
}
