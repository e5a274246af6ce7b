//! Medians and their ranges.

use serde_json::{Value, json};

use crate::rounds::Row;
use crate::run::Run;

/// One figure over the rounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    /// Of all values; `None` without any.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Self { median, min, max })
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

impl Row {
    /// One of a run's figures, over all runs.
    pub(crate) fn figure(&self, of: impl Fn(&Run) -> Option<f64>) -> Option<Figure> {
        Figure::of(self.runs.iter().filter_map(of))
    }

    pub(crate) fn rate(&self) -> Option<Figure> {
        self.figure(|run| Some(run.records_per_second))
    }

    pub(crate) fn cpu(&self) -> Option<Figure> {
        self.figure(|run| Some(run.cpu_micros_per_record))
    }

    pub(crate) fn peak(&self) -> Option<Figure> {
        self.figure(|run| Some(run.peak_mebibytes))
    }

    pub(crate) fn wire(&self) -> Option<Figure> {
        self.figure(|run| run.wire_bytes_per_record)
    }

    /// p50, p99 or p99.9.
    pub(crate) fn latency(&self, which: usize) -> Option<Figure> {
        self.figure(|run| run.latency_micros.map(|all| all[which]))
    }

    pub(crate) fn to_json(&self) -> Value {
        let json = |figure: Option<Figure>| figure.map_or(Value::Null, Figure::to_json);
        json!({
            "client": self.client.name,
            "version": self.runs.first().map(|run| run.version.clone()),
            "runs": self.runs.len(),
            "records_per_second": json(self.rate()),
            "megabytes_per_second": json(self.figure(|run| Some(run.megabytes_per_second))),
            "cpu_us_per_record": json(self.cpu()),
            "peak_mib": json(self.peak()),
            "wire_bytes_per_record": json(self.wire()),
            "records_per_batch": json(self.figure(|run| run.records_per_batch)),
            "latency_us": {
                "p50": json(self.latency(0)),
                "p99": json(self.latency(1)),
                "p999": json(self.latency(2)),
            },
            "failure": self.failure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let figure = Figure::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(figure, Figure { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Figure::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Figure::of([]), None);
    }
}
