//! Java's own producer, to compare with.

use std::path::Path;

use super::cluster::Cluster;

impl Cluster {
    /// Produces every line of a file with Java's console producer. With a `separator`, what stands
    /// before its first occurrence is the key. The tool sends uncompressed, whatever `config` says.
    ///
    /// # Panics
    /// If the tool fails.
    #[track_caller]
    pub fn java_console_producer(
        &self,
        topic: &str,
        lines: &Path,
        separator: Option<&str>,
        config: &[(&str, &str)],
    ) {
        let (class, reader_flag, config_flag) = if self.has_tools_before_4() {
            ("kafka.tools.ConsoleProducer", "--property", "--producer-property")
        } else {
            ("org.apache.kafka.tools.ConsoleProducer", "--reader-property", "--command-property")
        };
        let reader = separator.map(|text| [("parse.key", "true"), ("key.separator", text)]);
        self.tool(class)
            .args(["--bootstrap-server", &self.bootstrap(), "--topic", topic])
            .properties(reader_flag, reader.as_ref().map_or(&[], |pairs| pairs))
            .properties(config_flag, config)
            .input(lines)
            .run();
    }

    /// Runs Java's `ProducerPerformance` at full speed and returns its last line:
    /// `N records sent, R records/sec (M MB/sec), … avg latency, …`.
    ///
    /// # Panics
    /// If the tool fails.
    #[must_use]
    #[track_caller]
    pub fn java_producer_performance(
        &self,
        topic: &str,
        records: u64,
        record_size: usize,
        config: &[(&str, &str)],
    ) -> String {
        let mut pairs = vec![format!("bootstrap.servers={}", self.bootstrap())];
        pairs.extend(config.iter().map(|(key, value)| format!("{key}={value}")));
        // One flag takes them all; a second one would replace the first.
        let flag =
            if self.has_tools_before_4() { "--producer-props" } else { "--command-property" };
        let tool = self
            .tool("org.apache.kafka.tools.ProducerPerformance")
            .args(["--topic", topic, "--num-records", &records.to_string()])
            .args(["--record-size", &record_size.to_string(), "--throughput", "-1", flag])
            .args(pairs);
        let mut last = String::new();
        tool.for_each_line(|line| last = String::from_utf8_lossy(line).into_owned());
        last
    }
}
