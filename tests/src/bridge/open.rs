//! A bridge in this process that asks nobody who he is.

use ottla_bridge::config::AuthMode;
use ottla_bridge::{Config, Running};

use crate::kafka::Cluster;

/// For clients and pages of this machine, at a free port, without a door for the operator.
#[must_use]
pub fn open_to_all(kafka: &Cluster) -> Config {
    let mut config = Config::default();
    config.listen.address.set_port(0);
    config.admin.enabled = false;
    config.kafka.bootstrap = kafka.bootstrap().split(',').map(str::to_owned).collect();
    config.auth.mode = AuthMode::None;
    config.auth.origins = vec!["loopback".to_owned()];
    config
}

/// The same, running, with room for as many bytes as come and as quickly as they do.
///
/// # Panics
/// If it can't be started.
#[must_use]
pub fn start_open_to_all(kafka: &Cluster) -> Running {
    let mut config = open_to_all(kafka);
    config.limits.bytes_per_s = 1 << 30;
    config.limits.subject_bytes_per_s = 1 << 30;
    config.limits.frames_per_s = 1 << 20;
    config.limits.connects_per_ip_per_s = 10_000;
    Running::start(config).expect("a port and a runtime")
}
