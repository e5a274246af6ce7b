//! From the text of `/metrics` to an OTLP request, so that both always tell the same.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

const SERVICE: &str = "ottla-bridge";
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Everything that an OpenMetrics text of this bridge says, counted since `begun`.
pub(super) fn request(text: &str, begun: u64, now: u64) -> ExportMetricsServiceRequest {
    let mut reading = Reading { begun, now, metrics: Vec::new() };
    text.lines().for_each(|line| reading.line(line));
    let scope = InstrumentationScope {
        name: SERVICE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let metrics =
        ScopeMetrics { scope: Some(scope), metrics: reading.metrics, ..ScopeMetrics::default() };
    let resource =
        Resource { attributes: vec![attribute("service.name", SERVICE)], ..Resource::default() };
    let resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![metrics],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

/// The text, as far as it was read.
struct Reading {
    begun: u64,
    now: u64,
    metrics: Vec<Metric>,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let words = line.splitn(4, ' ').collect::<Vec<_>>();
        match words[..] {
            ["#", "HELP", name, help] => {
                let (name, description) = (name.to_owned(), help.to_owned());
                self.metrics.push(Metric { name, description, ..Metric::default() });
            }
            ["#", "TYPE", _, kind] => {
                if let Some(metric) = self.metrics.last_mut() {
                    metric.data = empty(kind);
                }
            }
            ["#", ..] => {}
            [sample, number] => self.sample(sample, number),
            _ => {}
        }
    }

    /// `NAME[_SUFFIX][{LABELS}] NUMBER`.
    fn sample(&mut self, sample: &str, number: &str) {
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let labels = labels.trim_end_matches('}');
        let (begun, now) = (self.begun, self.now);
        let Some(metric) = self.metrics.last_mut() else { return };
        let suffix = name.strip_prefix(metric.name.as_str()).unwrap_or_default();
        match &mut metric.data {
            Some(Data::Sum(sum)) => {
                sum.data_points.extend(point(labels, number, begun, now));
            }
            Some(Data::Gauge(gauge)) => {
                gauge.data_points.extend(point(labels, number, begun, now));
            }
            Some(Data::Histogram(histogram)) => {
                if histogram.data_points.is_empty() {
                    histogram.data_points.push(HistogramDataPoint {
                        start_time_unix_nano: begun,
                        time_unix_nano: now,
                        ..HistogramDataPoint::default()
                    });
                }
                fill(&mut histogram.data_points[0], suffix, labels, number);
            }
            _ => {}
        }
    }
}

fn empty(kind: &str) -> Option<Data> {
    let aggregation_temporality = CUMULATIVE;
    match kind {
        "counter" => {
            Some(Data::Sum(Sum { aggregation_temporality, is_monotonic: true, ..Sum::default() }))
        }
        "gauge" => Some(Data::Gauge(Gauge::default())),
        "histogram" => {
            Some(Data::Histogram(Histogram { aggregation_temporality, ..Histogram::default() }))
        }
        _ => None,
    }
}

fn point(labels: &str, number: &str, begun: u64, now: u64) -> Option<NumberDataPoint> {
    Some(NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: begun,
        time_unix_nano: now,
        value: Some(Value::AsInt(number.parse().ok()?)),
        ..NumberDataPoint::default()
    })
}

/// Takes one line of a histogram. OpenMetrics counts what is up to each bound, OTLP what is between
/// two.
fn fill(point: &mut HistogramDataPoint, suffix: &str, labels: &str, number: &str) {
    match suffix {
        "_sum" => point.sum = number.parse().ok(),
        "_count" => point.count = number.parse().unwrap_or(0),
        "_bucket" => {
            let up_to: u64 = number.parse().unwrap_or(0);
            let before: u64 = point.bucket_counts.iter().sum();
            point.bucket_counts.push(up_to.saturating_sub(before));
            let bound = labels.trim_start_matches("le=").trim_matches('"');
            let bound = bound.parse::<f64>().ok().filter(|bound| bound.is_finite());
            point.explicit_bounds.extend(bound);
        }
        _ => {}
    }
}

/// `a="1",b="2"`; no value here has a comma or a quotation mark.
fn attributes(labels: &str) -> Vec<KeyValue> {
    let pairs = labels.split(',').filter_map(|label| label.split_once('='));
    pairs.map(|(key, value)| attribute(key, value.trim_matches('"'))).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
