//! A bridge before the model cluster of the simulator, on this machine.

use ottla_bridge::{Config, Running};
use ottla_sim::dev::{DevBroker, DevBrokerOptions};

/// A cluster and a bridge before it; both end with it.
pub(crate) struct Bench {
    pub(crate) bridge: Running,
    pub(crate) broker: DevBroker,
}

impl Bench {
    /// A cluster of `nodes` with topics `clicks` and `orders` of three partitions each, and a
    /// bridge whose configuration `change` may change.
    pub(crate) fn new(nodes: u16, change: impl FnOnce(&mut Config)) -> Self {
        let options = DevBrokerOptions { nodes, ..DevBrokerOptions::default() };
        let broker = DevBroker::start(options).unwrap();
        {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
            let mut cluster = broker.cluster();
            for topic in ["clicks", "orders"] {
                cluster.create_topic(topic, 3, now).unwrap();
            }
        }
        let mut config = open_config(broker.address().to_string());
        change(&mut config);
        Self { bridge: Running::start(config).unwrap(), broker }
    }

    /// Everything that the log of a partition holds, as values.
    pub(crate) fn log(&self, topic: &str, partition: i32) -> Vec<String> {
        let records = self.broker.cluster().records(topic, partition, 0, usize::MAX).unwrap();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        records.iter().map(|record| text(record.value.as_deref().unwrap_or_default())).collect()
    }
}

/// A bridge for everybody on this machine.
pub(crate) fn open_config(bootstrap: String) -> Config {
    let mut config = Config::default();
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    config.admin.address = "127.0.0.1:0".parse().unwrap();
    config.kafka.bootstrap = vec![bootstrap];
    config.auth.mode = ottla_bridge::config::AuthMode::None;
    // All of a test's clients have one address.
    config.limits.connects_per_ip_per_s = 100_000;
    config.limits.connections_per_ip = 100_000;
    config.limits.frames_per_s = 1 << 20;
    config.auth.origins = vec!["loopback".to_owned()];
    config
}
