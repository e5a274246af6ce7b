//! The page of `ottla dev --bridge`, as somebody uses it: in a real browser, against the real
//! command. Nothing of what was typed and drawn gets lost when the broker is stopped and started.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ottla_tests::Guarded;
use ottla_tests::command::binary;
use ottla_tests::web::{App, Runtime};

const DRIVER: &str = "puppeteer-core@25.16.0";

#[test]
fn people_draw_and_type_and_nothing_gets_lost() {
    // Before the command is built, which takes the package along.
    let app = App::shared();
    let dev = Dev::start();
    // Set, they are renewed: `OTTLA_SCREENSHOTS=1 cargo test -p ottla-tests --test demo`.
    let wanted = env::var_os("OTTLA_SCREENSHOTS").is_some();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/demo");
    let pictures = if wanted { docs } else { app.dir().join("pictures") };
    let arguments = [dev.page.as_ref(), pictures.as_os_str()];
    let sent = app.run_with(Runtime::NODE_24, &[DRIVER], "demo.mjs", arguments);
    let sent: usize = sent.trim().parse().expect("the script prints how many records it sent");

    let stored = dev.stored();
    assert_eq!(stored.len(), sent, "records in the log");
    let ids = |stored: &[Record]| stored.iter().map(|record| record.id.clone()).collect::<Vec<_>>();
    let once: BTreeMap<_, _> = ids(&stored).into_iter().map(|id| (id, ())).collect();
    assert_eq!(once.len(), sent, "each once");
    for (_, own) in by_key(&stored) {
        let numbers: Vec<u64> = own.iter().map(|record| record.number()).collect();
        assert!(numbers.is_sorted(), "in order: {numbers:?}");
    }
    dev.command.stop(Duration::from_secs(5));
}

/// A running `ottla dev --bridge`.
struct Dev {
    command: Guarded,
    broker: String,
    page: String,
}

impl Dev {
    fn start() -> Self {
        let arguments = ["dev", "--bridge", "--port=0", "--bridge-port=0", "--demo-port=0"];
        let argv: Vec<_> = [binary().as_os_str().to_owned()]
            .into_iter()
            .chain(arguments.map(Into::into))
            .collect();
        let mut command = Guarded::spawn(&argv, None, Stdio::piped(), Stdio::inherit())
            .expect("the command can be started");
        let output = BufReader::new(command.stdout().expect("it is piped"));
        let (mut broker, mut page) = (None, None);
        for line in output.lines().map_while(Result::ok) {
            let after = |words| line.split_once(words).map(|(_, rest)| rest.to_owned());
            broker = broker.or_else(|| after("listening on "));
            page = after("A page that uses it: ");
            if page.is_some() {
                break;
            }
        }
        let (broker, page) = broker.zip(page).expect("it says where it listens");
        Self { command, broker, page }
    }

    /// What `ottla read` finds in the topic.
    fn stored(&self) -> Vec<Record> {
        let arguments = ["read", "-b", &self.broker, "-t", "demo", "--json"];
        let output = Command::new(binary()).args(arguments).output().expect("it was built");
        let text = String::from_utf8(output.stdout).expect("JSON is text");
        text.lines().map(Record::parse).collect()
    }
}

struct Record {
    key: String,
    /// `PAGE-NUMBER`.
    id: String,
}

impl Record {
    fn parse(line: &str) -> Self {
        let text = |value: &serde_json::Value| value.as_str().expect("it is text").to_owned();
        let record: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let value = serde_json::from_str(&text(&record["value"]));
        let value: serde_json::Value = value.expect("the page sends JSON");
        Self { key: text(&record["key"]), id: text(&value["id"]) }
    }

    fn number(&self) -> u64 {
        self.id.rsplit('-').next().and_then(|number| number.parse().ok()).expect("it has a number")
    }
}

fn by_key(records: &[Record]) -> BTreeMap<&str, Vec<&Record>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for record in records {
        keys.entry(record.key.as_str()).or_default().push(record);
    }
    keys
}
