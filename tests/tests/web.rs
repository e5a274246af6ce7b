//! The npm package in the runtimes that it is for: what they produce is what Kafka's own consumer
//! reads, on the partitions that Java's producer chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use ottla_bridge::Running;
use ottla_tests::bridge::start_open_to_all;
use ottla_tests::budget;
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::text::{ReadBack, SEPARATOR, Text};
use ottla_tests::web::{App, Runtime};

const PARTITIONS: i32 = 6;

const ESBUILD: &str = "esbuild@0.28.2";
const TYPESCRIPT: &str = "typescript@5.9.3";
const VITE: &str = "vite@8.3.8";
const WEBPACK: &str = "webpack@5.112.2 webpack-cli@7.3.1";

#[test]
fn node_20_produces_over_tcp() {
    over_tcp("node-20", Runtime::NODE_20);
}

#[test]
fn node_24_produces_over_tcp() {
    over_tcp("node-24", Runtime::NODE_24);
}

#[test]
fn bun_produces_over_tcp() {
    over_tcp("bun", Runtime::BUN);
}

#[test]
fn deno_produces_over_tcp() {
    over_tcp("deno", Runtime::DENO);
}

#[test]
fn node_24_produces_over_a_bridge() {
    over_bridge("node-24", Runtime::NODE_24);
}

#[test]
fn bun_produces_over_a_bridge() {
    over_bridge("bun", Runtime::BUN);
}

#[test]
fn deno_produces_over_a_bridge() {
    over_bridge("deno", Runtime::DENO);
}

#[test]
fn chromium_produces_over_a_bridge() {
    in_browser("chromium-bridge", "chromium", "page.html");
}

#[test]
fn firefox_produces_over_a_bridge() {
    in_browser("firefox-bridge", "firefox-esr", "page.html");
}

#[test]
fn a_script_with_the_module_in_it_works() {
    bundled("esbuild", &[ESBUILD]);
}

#[test]
#[ignore = "many packages: part of the full run"]
fn what_vite_and_webpack_make_of_it_works() {
    bundled("vite", &[VITE]);
    bundled("webpack", &[WEBPACK]);
}

#[test]
fn the_types_say_what_can_be_said() {
    let options = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext"];
    let lib = ["--lib", "esnext,dom,dom.asynciterable"];
    let arguments = [&options[..], &lib[..], &["types.mts"]].concat();
    App::shared().run_package(Runtime::NODE_20, TYPESCRIPT, "tsc", arguments);
}

#[test]
fn the_package_has_its_licences_and_no_links_out_of_it() {
    let package = App::shared().dir().join("node_modules/ottla");
    let read = |file: &Path| fs::read_to_string(file).unwrap();
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(licence);
        assert_eq!(read(&package.join(licence)), read(&own));
    }
    let text = read(&package.join("README.md"));
    assert!(!text.contains("](../"), "a link to what is not in the package");
}

#[test]
fn little_memory_holds_who_waits_and_refuses_who_does_not() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("pressure", 2, 1, &[]);
    let arguments = [kafka.bootstrap(), bridge.url()];
    App::shared().run(Runtime::NODE_24, "pressure.mjs", arguments);
}

#[test]
fn what_goes_wrong_says_so() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("errors", 2, 1, &[]);
    let arguments = [kafka.bootstrap(), bridge.url()];
    App::shared().run(Runtime::NODE_24, "errors.mjs", arguments);
}

#[test]
fn a_module_that_stops_rejects_what_is_pending() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("crash", 1, 1, &[]);
    for call in ["engine_poll", "engine_submit", "link_received"] {
        let arguments = [&kafka.bootstrap(), &bridge.url(), call];
        App::shared().run(Runtime::NODE_24, "crash.mjs", arguments);
    }
}

#[test]
fn a_data_base_that_fails_leaves_nothing_behind() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("failing-store", 1, 1, &[]);
    App::shared().run(Runtime::NODE_24, "failing_store.mjs", [bridge.url()]);
}

#[test]
fn what_never_comes_does_not_hold_up_who_connects() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("late", 1, 1, &[]);
    App::shared().run(Runtime::NODE_24, "late.mjs", [bridge.url()]);
}

#[test]
fn workerd_produces_over_tcp() {
    in_workerd("workerd-tcp", "worker.mjs", |setting| {
        format!("brokers={}", setting.kafka.bootstrap())
    });
}

#[test]
fn workerd_produces_over_a_bridge() {
    let where_to = |setting: &Setting| format!("url={}", setting.bridge.url());
    in_workerd("workerd-bridge", "worker.mjs", where_to);
}

#[test]
fn node_20_produces_with_single_requests() {
    one_shot("node-20", Runtime::NODE_20);
}

#[test]
fn deno_produces_with_single_requests() {
    one_shot("deno", Runtime::DENO);
}

#[test]
fn workerd_produces_with_single_requests() {
    let where_to = |setting: &Setting| format!("url={}", setting.bridge.url());
    in_workerd("workerd-one-shot", "edge_worker.mjs", where_to);
}

#[test]
fn a_warm_edge_function_needs_one_request_and_no_further_producer_id() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("edge", 1, 1, &[]);
    kafka.create_topic("edge-slow", 1, 1, &[]);
    App::shared().run(Runtime::NODE_20, "edge_warm.mjs", [bridge.url()]);
    let ids = kafka.dump_log_segments(1, "edge").into_iter().map(|batch| batch.producer_id);
    let ids: BTreeSet<i64> = ids.collect();
    assert_eq!(ids.len(), 3, "as many as were at work at a time");
    let values = kafka.consume_all("edge").into_iter().map(|record| record.value.unwrap());
    let values: Vec<Vec<u8>> = values.collect();
    assert_eq!(values.len(), 40);
    assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), 40);
}

#[test]
fn a_lease_that_the_bridge_has_forgotten_costs_an_edge_function_one_record_and_no_more() {
    let Setting { kafka, bridge, .. } = Setting::shared();
    kafka.create_topic("edge-moved", 1, 1, &[]);
    let other = start_open_to_all(kafka);
    App::shared().run(Runtime::NODE_20, "edge_moved.mjs", [bridge.url(), other.url()]);
}

/// Kafka, a bridge, a text, and where Java's producer puts each of its keys.
struct Setting {
    kafka: &'static Cluster,
    bridge: Running,
    text: Text,
    java: BTreeMap<String, i32>,
}

impl Setting {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Setting> = OnceLock::new();
        SHARED.get_or_init(|| {
            let kafka = Cluster::shared(NEWEST, 1);
            let records = usize::try_from(budget::get("web.records")).unwrap();
            let text = Text::write(kafka.scratch(), records);
            let keys = text.one_line_per_key();
            kafka.create_topic("web-java", PARTITIONS, 1, &[]);
            let separator = SEPARATOR.to_string();
            let acks = [("acks", "all")];
            kafka.java_console_producer("web-java", keys.path(), Some(&separator), &acks);
            let java = read_back(kafka, "web-java", &keys);
            Self { kafka, bridge: start_open_to_all(kafka), text, java }
        })
    }
}

fn over_tcp(name: &str, runtime: Runtime) {
    check(&format!("{name}-tcp"), |Setting { kafka, text, .. }, topic| {
        let brokers = kafka.bootstrap();
        let arguments = [OsStr::new(&brokers), topic.as_ref(), text.path().as_os_str()];
        App::shared().run(runtime, "tcp.mjs", arguments)
    });
}

fn over_bridge(name: &str, runtime: Runtime) {
    check(&format!("{name}-bridge"), |Setting { bridge, text, .. }, topic| {
        let url = bridge.url();
        let arguments = [OsStr::new(&url), topic.as_ref(), text.path().as_os_str()];
        App::shared().run(runtime, "bridge.mjs", arguments)
    });
}

fn in_browser(topic: &str, program: &str, page: &str) {
    check(topic, |Setting { bridge, text, .. }, topic| {
        let url = bridge.url();
        let arguments = [
            OsStr::new(program),
            page.as_ref(),
            url.as_ref(),
            topic.as_ref(),
            text.path().as_os_str(),
        ];
        App::shared().run(Runtime::NODE_20, "browser.mjs", arguments)
    });
}

/// Without a session: each request on its own.
fn one_shot(name: &str, runtime: Runtime) {
    check(&format!("{name}-one-shot"), |Setting { bridge, text, .. }, topic| {
        let url = bridge.url();
        let arguments = [OsStr::new(&url), topic.as_ref(), text.path().as_os_str()];
        App::shared().run(runtime, "edge.mjs", arguments)
    });
}

fn in_workerd(topic: &str, worker: &str, where_to: impl FnOnce(&Setting) -> String) {
    check(topic, |setting, topic| {
        let query = format!("{}&topic={topic}", where_to(setting));
        let arguments = [OsStr::new(&query), setting.text.path().as_os_str(), OsStr::new(worker)];
        App::shared().run_in_workerd(arguments)
    });
}

/// A page whose scripts are what a bundler makes of them.
fn bundled(bundler: &str, packages: &[&str]) {
    let app = App::shared();
    app.run_with(Runtime::NODE_24, packages, "bundle.mjs", [bundler]);
    in_browser(&format!("{bundler}-bridge"), "chromium", &format!("{bundler}/index.html"));
}

/// Has the text produced to a topic, and compares what is there.
fn check(topic: &str, produce: impl FnOnce(&Setting, &str) -> String) {
    let setting = Setting::shared();
    let Setting { kafka, text, java, .. } = setting;
    kafka.create_topic(topic, PARTITIONS, 1, &[]);
    let rate = produce(setting, topic);
    println!("full: {topic}, {} records at {}", text.lines().len(), rate.trim());
    assert_eq!(read_back(kafka, topic, text), *java, "Java's producer partitions otherwise");
    check_segments(kafka, topic);
}

/// Compares a topic with the text, and says where each key is.
fn read_back(kafka: &Cluster, topic: &str, text: &Text) -> BTreeMap<String, i32> {
    let mut back = ReadBack::of(text);
    kafka.consume(topic, |record| back.take(&record));
    let keys = back.finish().into_iter();
    keys.map(|(key, partition)| (key.to_owned(), partition)).collect()
}

/// Every batch was sealed in the module: valid, compressed, numbered, by one producer.
fn check_segments(kafka: &Cluster, topic: &str) {
    let batches = kafka.dump_log_segments(1, topic);
    let producer_id = batches[0].producer_id;
    for batch in &batches {
        assert!(batch.valid, "{batch:?}");
        assert!(producer_id >= 0 && batch.producer_id == producer_id, "{batch:?}");
        assert_eq!(i64::from(batch.base_sequence), batch.base_offset, "{batch:?}");
    }
    // Small ones don't shrink.
    let compressed = batches.iter().filter(|batch| batch.codec == "lz4").count();
    assert!(compressed * 2 > batches.len(), "{compressed} of {} batches", batches.len());
}
