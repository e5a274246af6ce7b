//! A report as text and as JSON.

use std::fmt::{Display, Write};

use ottla::Acks;
use ottla::durability::{
    ConfigSource, Consequence, Finding, PartitionFacts, Report, Setting, SettingError, Verdict,
};
use serde_json::{Value, json};

/// The facts on a line, the verdict on the next, then two lines for each finding.
pub(crate) fn to_text(report: &Report) -> String {
    let topic = &report.topic;
    let mut text = format!(
        "topic {}: partitions={}, replication factor={}, min.insync.replicas={}, \
         unclean.leader.election.enable={}; producer: acks={}\n{}",
        topic.name,
        topic.partitions.len(),
        topic.replication_factor(),
        setting(&topic.min_in_sync),
        setting(&topic.unclean_leader_election),
        acks(report.acks),
        verdict(report),
    );
    for finding in &report.findings {
        let (what, remedy) = (consequence(finding), finding.remedy());
        // A string takes any text.
        let _ = write!(text, "\n{what}: {finding}\n  {remedy}");
    }
    text
}

fn verdict(report: &Report) -> String {
    let brokers = match report.failures {
        1 => "a broker".to_owned(),
        many => format!("{many} brokers"),
    };
    match report.verdict() {
        Verdict::Durable => format!(
            "DURABLE: acknowledged records survive the loss of {brokers}, and records are taken \
             meanwhile"
        ),
        Verdict::Stops => format!(
            "NOT AVAILABLE: acknowledged records survive the loss of {brokers}, but records are \
             refused meanwhile, or now"
        ),
        Verdict::Unknown => {
            format!("UNKNOWN: whether acknowledged records survive the loss of {brokers}")
        }
        Verdict::Loses => "NOT DURABLE: acknowledged records can be lost".to_owned(),
    }
}

fn consequence(finding: &Finding) -> &'static str {
    match finding.consequence() {
        Consequence::Loss => "loss",
        Consequence::Unknown => "unknown",
        Consequence::Stop => "stop",
        Consequence::Notice => "notice",
    }
}

fn setting<T: Display>(setting: &Result<Setting<T>, SettingError>) -> String {
    match setting {
        Ok(Setting { value, source }) => format!("{value} ({})", origin(*source)),
        Err(_) => "?".to_owned(),
    }
}

fn origin(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "set on the topic",
        ConfigSource::DynamicBroker | ConfigSource::StaticBroker => "set on the broker asked",
        ConfigSource::DynamicDefaultBroker => "set on all brokers",
        ConfigSource::Default => "Kafka's default",
        _ => "set somewhere",
    }
}

fn acks(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

/// The same for programs.
pub(crate) fn to_json(report: &Report) -> Value {
    let topic = &report.topic;
    let verdict = report.verdict();
    let findings = report.findings.iter().map(|finding| {
        json!({
            "finding": finding.name(),
            "consequence": consequence(finding),
            "text": finding.to_string(),
            "remedy": finding.remedy().to_string(),
        })
    });
    json!({
        "topic": topic.name,
        "verdict": match verdict {
            Verdict::Durable => "durable",
            Verdict::Stops => "stops",
            Verdict::Unknown => "unknown",
            Verdict::Loses => "loses",
        },
        "failures": report.failures,
        "acks": acks(report.acks),
        "replication_factor": topic.replication_factor(),
        "min_insync_replicas": topic.min_in_sync.as_ref().ok().map(|it| it.value),
        "unclean_leader_election": topic.unclean_leader_election.as_ref().ok().map(|it| it.value),
        "findings": findings.collect::<Value>(),
        "partitions": topic.partitions.iter().map(partition).collect::<Value>(),
    })
}

fn partition(partition: &PartitionFacts) -> Value {
    json!({
        "partition": partition.index,
        "leader": partition.leader,
        "replicas": partition.replicas,
        "in_sync": partition.in_sync,
        "offline": partition.offline,
    })
}
