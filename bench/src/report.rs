//! The results: on the terminal, as JSON, and as the Markdown of `RESULTS.md` and the README.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::figures::Figure;
use crate::goals::{Goal, judge};
use crate::instructions::Count;
use crate::machine::Machine;
use crate::rounds::Row;
use crate::workload::{Mode, Workload};
use crate::{Outcome, home, plot, root, say};

/// The README's table stands between these.
const MARKS: [&str; 2] = ["<!-- benchmark: begin -->\n", "<!-- benchmark: end -->"];

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    rounds: u32,
    machine: Machine,
    workloads: Vec<(Workload, Vec<Row>)>,
    pub(crate) instructions: Vec<Count>,
    pub(crate) took: Duration,
}

impl Results {
    pub(crate) fn new(rounds: u32) -> Self {
        let machine = Machine::here();
        let (workloads, instructions) = (Vec::new(), Vec::new());
        Self { rounds, machine, workloads, instructions, took: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, workload: &Workload, rows: Vec<Row>) {
        self.workloads.push((workload.clone(), rows));
    }

    /// The rows of a workload; none if it was not measured.
    pub(crate) fn rows(&self, id: &str) -> &[Row] {
        let found = self.workloads.iter().find(|(workload, _)| workload.id == id);
        found.map_or(&[], |(_, rows)| rows)
    }

    pub(crate) fn row(&self, id: &str, client: &str) -> Option<&Row> {
        self.rows(id).iter().find(|row| row.client.name == client)
    }

    pub(crate) fn instructions(&self, workload: &str, client: &str) -> Option<f64> {
        let found = self
            .instructions
            .iter()
            .find(|count| count.workload == workload && count.client.name == client);
        found.map(|count| count.per_record)
    }

    pub(crate) fn to_json(&self) -> Value {
        let workloads = self.workloads.iter().map(|(workload, rows)| {
            json!({
                "workload": workload.id,
                "title": workload.title,
                "record_bytes": workload.record_bytes,
                "compression": workload.compression,
                "partitions": workload.partitions,
                "threads": workload.threads,
                "clients": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            })
        });
        json!({
            "machine": self.machine.to_json(),
            "rounds": self.rounds,
            "took_s": self.took.as_secs(),
            "workloads": workloads.collect::<Vec<_>>(),
            "instructions": self.instructions.iter().map(Count::to_json).collect::<Vec<_>>(),
            "goals": judge(self).iter().map(Goal::to_json).collect::<Vec<_>>(),
        })
    }

    fn to_markdown(&self) -> String {
        let mut text = format!(
            "# Results\n\nWritten by `cargo xtask bench`; what is compared and how stands in \
             [README.md](README.md).\n\n{}\nMedian of {} rounds or more [min–max]; a megabyte is a \
             million bytes.\n",
            self.machine.sentence(),
            self.rounds
        );
        for (workload, rows) in &self.workloads {
            let (title, table) = (workload.title, Table::of(workload, rows).to_markdown());
            write!(text, "\n## {title}\n\n{table}").expect("a string takes any text");
        }
        if !self.instructions.is_empty() {
            let table = instruction_table(&self.instructions).to_markdown();
            let title = "Instructions a record, in user space";
            write!(text, "\n## {title}\n\n{table}").expect("a string takes any text");
        }
        let table = goal_table(&judge(self)).to_markdown();
        write!(text, "\n## What ottla promises\n\n{table}").expect("a string takes any text");
        text
    }

    /// The two tables that the README shows, and the plots.
    fn readme(&self) -> String {
        let mut text = self.machine.sentence();
        for id in ["100-none", "1000-none"] {
            let Some((workload, rows)) = self.workloads.iter().find(|(w, _)| w.id == id) else {
                continue;
            };
            let (title, table) = (workload.title, Table::of(workload, rows).to_markdown());
            write!(text, "\n\n**{title}**\n\n{}", table.trim_end()).expect("it takes any text");
        }
        for (file, title) in plot::files() {
            write!(text, "\n\n![{title}](bench/plots/{file}.svg)").expect("it takes any text");
        }
        text + "\n"
    }
}

/// Writes `RESULTS.md`, `results.json` and the README's part.
pub(crate) fn write(results: &Results) -> Outcome {
    save(&home().join("RESULTS.md"), &results.to_markdown())?;
    let json = serde_json::to_string_pretty(&results.to_json()).map_err(|e| e.to_string())?;
    save(&home().join("results.json"), &(json + "\n"))?;
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).map_err(|e| format!("cannot read README.md: {e}"))?;
    match between(&text, &results.readme()) {
        Some(text) => save(&readme, &text)?,
        None => say("README.md has no place for the table"),
    }
    say("written to bench/RESULTS.md, bench/results.json, bench/plots and README.md");
    Ok(())
}

/// `text` with `part` between the marks.
fn between(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some([before, MARKS[0], part, MARKS[1], after].concat())
}

fn save(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// On the terminal, while it goes on.
pub(crate) fn print_rows(workload: &Workload, rows: &[Row]) {
    eprintln!("\n{}\n{}", workload.title, Table::of(workload, rows).to_text());
}

pub(crate) fn print_instructions(counts: &[Count]) {
    eprintln!("\nInstructions a record, in user space\n{}", instruction_table(counts).to_text());
}

pub(crate) fn print_goals(goals: &[Goal]) {
    eprintln!("\nWhat ottla promises\n{}", goal_table(goals).to_text());
}

/// Cells of text.
struct Table(Vec<Vec<String>>);

impl Table {
    /// A workload's rows, the cheapest client first.
    fn of(workload: &Workload, rows: &[Row]) -> Self {
        let mut rows: Vec<&Row> = rows.iter().collect();
        let awaited = workload.mode == Mode::Await;
        let paced = matches!(workload.mode, Mode::Pace { .. });
        let key = |row: &Row| {
            let latency = if awaited { row.latency(0) } else { row.latency(1) };
            let figure = if awaited || paced { latency } else { row.cpu() };
            figure.map_or(f64::INFINITY, |figure| figure.median)
        };
        rows.sort_by(|one, other| key(one).total_cmp(&key(other)));
        if awaited || paced { Self::latencies(&rows) } else { Self::throughput(&rows) }
    }

    fn throughput(rows: &[&Row]) -> Self {
        let head = [
            "client",
            "CPU µs/record",
            "k records/s",
            "MB/s",
            "peak MiB",
            "records/batch",
            "bytes/record sent",
        ];
        let mut table = vec![head.map(String::from).to_vec()];
        for row in rows {
            if let Some(cells) = failed(row, head.len()) {
                table.push(cells);
                continue;
            }
            table.push(vec![
                row.client.name.into(),
                ranged(row.cpu(), 1.0, 3),
                ranged(row.rate(), 1e-3, 0),
                plain(row.figure(|run| Some(run.megabytes_per_second)), 0),
                plain(row.peak(), 0),
                plain(row.figure(|run| run.records_per_batch), 0),
                plain(row.wire(), 1),
            ]);
        }
        Self(table)
    }

    fn latencies(rows: &[&Row]) -> Self {
        let head =
            ["client", "p50 µs", "p99 µs", "p99.9 µs", "CPU µs/record", "k records/s", "peak MiB"];
        let mut table = vec![head.map(String::from).to_vec()];
        for row in rows {
            if let Some(cells) = failed(row, head.len()) {
                table.push(cells);
                continue;
            }
            table.push(vec![
                row.client.name.into(),
                ranged(row.latency(0), 1.0, 0),
                ranged(row.latency(1), 1.0, 0),
                ranged(row.latency(2), 1.0, 0),
                plain(row.cpu(), 2),
                plain(row.rate().map(|rate| scaled(rate, 1e-3)), 1),
                plain(row.peak(), 0),
            ]);
        }
        Self(table)
    }

    fn to_text(&self) -> String {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.0 {
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let cell =
                    if column == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") };
                write!(text, "{cell}  ").expect("a string takes any text");
            }
            text = text.trim_end().to_owned() + "\n";
        }
        text
    }

    fn to_markdown(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.0.iter().enumerate() {
            writeln!(text, "| {} |", row.join(" | ")).expect("a string takes any text");
            if index == 0 {
                let rule = vec!["--:"; row.len() - 1].join(" | ");
                writeln!(text, "| --- | {rule} |").expect("a string takes any text");
            }
        }
        text
    }
}

fn failed(row: &Row, columns: usize) -> Option<Vec<String>> {
    let reason = row.failure.as_ref().filter(|_| row.runs.is_empty())?;
    let mut cells = vec![String::new(); columns];
    cells[0] = row.client.name.into();
    cells[1] = format!("failed: {reason}");
    Some(cells)
}

fn instruction_table(counts: &[Count]) -> Table {
    let mut table = vec![["client", "workload", "instructions/record"].map(String::from).to_vec()];
    for Count { client, workload, per_record } in counts {
        table.push(vec![client.name.into(), workload.clone(), format!("{per_record:.0}")]);
    }
    Table(table)
}

fn goal_table(goals: &[Goal]) -> Table {
    let mut table = vec![["goal", "wanted", "measured", "holds"].map(String::from).to_vec()];
    for goal in goals {
        let holds = if goal.holds() { "yes" } else { "no" };
        let measured = if goal.measured >= 100.0 {
            format!("{:.0}", goal.measured)
        } else {
            format!("{:.2}", goal.measured)
        };
        table.push(vec![goal.text.clone(), goal.limit(), measured, holds.into()]);
    }
    Table(table)
}

fn scaled(figure: Figure, by: f64) -> Figure {
    Figure { median: figure.median * by, min: figure.min * by, max: figure.max * by }
}

fn plain(figure: Option<Figure>, digits: usize) -> String {
    figure.map_or_else(|| "–".into(), |figure| format!("{:.digits$}", figure.median))
}

fn ranged(figure: Option<Figure>, by: f64, digits: usize) -> String {
    let Some(Figure { median, min, max }) = figure.map(|figure| scaled(figure, by)) else {
        return "–".into();
    };
    format!("{median:.digits$} [{min:.digits$}–{max:.digits$}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_between_the_marks_is_replaced() {
        let text = format!("a\n{}old{}\nb", MARKS[0], MARKS[1]);
        let expected = format!("a\n{}new\n{}\nb", MARKS[0], MARKS[1]);
        assert_eq!(between(&text, "new\n").unwrap(), expected);
        assert_eq!(between("a", "new"), None);
    }

    #[test]
    fn a_table_is_aligned() {
        let table = Table(vec![vec!["a".into(), "bc".into()], vec!["def".into(), "1".into()]]);
        assert_eq!(table.to_text(), "a    bc\ndef   1\n");
        assert_eq!(table.to_markdown(), "| a | bc |\n| --- | --: |\n| def | 1 |\n");
    }
}
