//! What ottla promises against its peers, and whether it holds.

use serde_json::{Value, json};

use crate::client::{
    BARE, BY_HAND, CODEC, COPY, FOLD, ONE_THREAD, ONE_THREAD_PLAIN, OTTLA, PLAIN, TOGETHER,
};
use crate::figures::Figure;
use crate::report::Results;
use crate::rounds::Row;
use crate::run::Run;

/// A promise.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) measured: f64,
    pub(crate) wanted: Wanted,
}

/// What is wanted of a ratio or a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn holds(&self) -> bool {
        match self.wanted {
            Wanted::AtLeast(limit) => self.measured >= limit,
            Wanted::AtMost(limit) => self.measured <= limit,
        }
    }

    pub(crate) fn limit(&self) -> String {
        match self.wanted {
            Wanted::AtLeast(limit) => format!("≥ {limit}"),
            Wanted::AtMost(limit) => format!("≤ {limit}"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "goal": self.text,
            "measured": self.measured,
            "wanted": self.limit(),
            "holds": self.holds(),
        })
    }
}

/// Every promise that can be judged by these results.
pub(crate) fn judge(results: &Results) -> Vec<Goal> {
    let mut goals = Goals { results, all: Vec::new() };
    goals.uncompressed();
    goals.limits();
    goals.codecs();
    goals.memory();
    goals.threads();
    goals.latency();
    goals.node();
    goals.slow_broker();
    goals.all
}

struct Goals<'a> {
    results: &'a Results,
    all: Vec<Goal>,
}

type Of = fn(&Row) -> Option<Figure>;

impl Goals<'_> {
    fn median(&self, workload: &str, client: &str, of: Of) -> Option<f64> {
        self.results.row(workload, client).and_then(of).map(|figure| figure.median)
    }

    fn add(&mut self, text: impl Into<String>, measured: Option<f64>, wanted: Wanted) {
        if let Some(measured) = measured.filter(|measured| measured.is_finite()) {
            self.all.push(Goal { text: text.into(), measured, wanted });
        }
    }

    /// The CPU of `client` a record over that of `own`: how many times as many records `own`
    /// sends in a CPU second.
    fn times(&self, workload: &str, own: &str, client: &str) -> Option<f64> {
        let of = |client| self.median(workload, client, Row::cpu);
        Some(of(client)? / of(own)?)
    }

    /// The smallest figure of any peer.
    fn best_peer(&self, workload: &str, of: Of) -> Option<f64> {
        let rows = self.results.rows(workload);
        let peers =
            rows.iter().filter(|row| !row.client.is_limit() && !row.client.name.starts_with(OTTLA));
        peers.filter_map(of).map(|figure| figure.median).min_by(f64::total_cmp)
    }

    fn uncompressed(&mut self) {
        let wanted = [
            ("franz-go", 4.0),
            ("librdkafka", 6.0),
            ("Java", 7.0),
            ("Confluent Rust", 7.0),
            (BY_HAND, 3.0),
        ];
        for (peer, ratio) in wanted {
            let text = format!("100 B: records a CPU second, times {peer}'s");
            self.add(text, self.times("100-none", OTTLA, peer), Wanted::AtLeast(ratio));
        }
        let count = self.results.instructions("100-none", OTTLA);
        self.add("100 B: instructions a record", count, Wanted::AtMost(500.0));
    }

    fn limits(&mut self) {
        let copying = "CPU over that of copying once, CRC-32C and writing";
        for (client, how, limit, crc) in [
            (TOGETHER, "one thread, 64 a call", COPY, ""),
            (TOGETHER, "one thread, 64 a call", FOLD, ", the CRC as ottla's"),
            (OTTLA, "with its I/O thread", COPY, ""),
        ] {
            let text = format!("1 KB, {how}: {copying}{crc}");
            self.add(text, self.times("1000-none", limit, client), Wanted::AtMost(1.25));
        }
        self.add(
            "1 KB: CPU over the bare socket's",
            self.times("1000-none", BARE, OTTLA),
            Wanted::AtMost(2.0),
        );
    }

    fn codecs(&mut self) {
        for codec in ["lz4", "zstd"] {
            for (size, name, ratio) in [("100", "100 B", 1.5), ("1000", "1 KB", 1.2)] {
                let workload = format!("{size}-{codec}");
                let own = self.median(&workload, OTTLA, Row::cpu);
                let best = self.best_peer(&workload, Row::cpu);
                let ratio_of = best.zip(own).map(|(best, own)| best / own);
                let text = format!("{name} {codec}: records a CPU second, times the best peer's");
                self.add(text, ratio_of, Wanted::AtLeast(ratio));
                for (client, plain, how) in [
                    (OTTLA, PLAIN, "with its I/O thread"),
                    (ONE_THREAD, ONE_THREAD_PLAIN, "one thread"),
                ] {
                    let rest = self.beside_codec(&format!("beside-{workload}"), client, plain);
                    let text =
                        format!("{name} {codec}, {how}: CPU less the codec's, over that without");
                    self.add(text, rest, Wanted::AtMost(1.3));
                }
                let own = self.median(&workload, OTTLA, Row::wire);
                let best = self.best_peer(&workload, Row::wire);
                let size_of = own.zip(best).map(|(own, best)| own / best);
                let text = format!("{name} {codec}: bytes sent, over the fewest of any peer");
                self.add(text, size_of, Wanted::AtMost(1.0));
            }
        }
    }

    /// What `client` takes beside the codec, over what it takes without one: round by round, as
    /// these are figures of programs that ran next to each other.
    fn beside_codec(&self, workload: &str, client: &str, plain: &str) -> Option<f64> {
        let runs = |client| self.results.row(workload, client).map(|row| row.runs.iter());
        let own = runs(client)?.zip(runs(CODEC)?).zip(runs(plain)?);
        let cpu = |run: &Run| run.cpu_micros_per_record;
        let shares = own.map(|((own, codec), plain)| (cpu(own) - cpu(codec)) / cpu(plain));
        Figure::of(shares).map(|figure| figure.median)
    }

    fn memory(&mut self) {
        for workload in ["100-none", "1000-none"] {
            let own = self.median(workload, OTTLA, Row::peak);
            let text = format!("{workload}: peak MiB (32 of buffer memory and 12)");
            self.add(text, own, Wanted::AtMost(44.0));
            for peer in ["Java", "librdkafka"] {
                let other = self.median(workload, peer, Row::peak);
                let ratio = own.zip(other).map(|(own, other)| own / other);
                self.add(
                    format!("{workload}: peak memory over {peer}'s"),
                    ratio,
                    Wanted::AtMost(1.0),
                );
            }
        }
    }

    fn threads(&mut self) {
        let one = self.results.instructions("100-none", OTTLA);
        for threads in [2, 4, 8] {
            let several =
                self.results.instructions(&format!("100-none × {threads} threads"), OTTLA);
            let ratio = several.zip(one).map(|(several, one)| several / one);
            let text = format!("{threads} sending threads: instructions over one thread's");
            self.add(text, ratio, Wanted::AtMost(1.1));
        }
    }

    fn latency(&mut self) {
        let quantiles: [(&str, Of, f64); 2] =
            [("p50", |row| row.latency(0), 1.05), ("p99", |row| row.latency(1), 1.2)];
        for (name, of, limit) in quantiles {
            let own = self.median("latency", OTTLA, of);
            let best = self.best_peer("latency", of);
            let ratio = own.zip(best).map(|(own, best)| own / best);
            self.add(
                format!("One record at a time: {name} over the best peer's"),
                ratio,
                Wanted::AtMost(limit),
            );
        }
    }

    fn node(&mut self) {
        for (peer, ratio) in [("kafkajs", 5.0), ("@platformatic/kafka", 2.0)] {
            let text = format!("Node, 100 B a call: records a CPU second, times {peer}'s");
            self.add(text, self.times("node-100", "ottla (Node)", peer), Wanted::AtLeast(ratio));
        }
        let own = self.median("node-100-batches", "ottla (Node), by hand", Row::cpu);
        let best = self.best_peer("node-100-batches", Row::cpu);
        let text = "Node, by hand: records a CPU second, times the better peer's";
        self.add(text, best.zip(own).map(|(best, own)| best / own), Wanted::AtLeast(1.5));
    }

    fn slow_broker(&mut self) {
        let with = self.median("one-late", OTTLA, |row| row.latency(1));
        let without = self.median("paced", OTTLA, |row| row.latency(1));
        let text = "One late broker: p99 of the healthy ones, over that without a late one";
        self.add(
            text,
            with.zip(without).map(|(with, without)| with / without),
            Wanted::AtMost(1.5),
        );
    }
}
