//! `ottla bridge`: what lets browsers and edge workers produce; and the one beside `ottla dev`.

use std::process::ExitCode;

use ottla_bridge::config::AuthMode;
use ottla_bridge::{Config, Running, StartError};
use tracing::Level;

use crate::args::BridgeArgs;
use crate::failure::Failure;
use crate::stdout;

/// Runs it.
pub(crate) fn run(args: &BridgeArgs) -> Result<ExitCode, Failure> {
    log_to_stderr(args);
    let bridge = Running::start_from(&args.config).map_err(cannot_start)?;
    stdout::line(&format!("ottla bridge listening on {}", bridge.url()));
    if let Some(admin) = bridge.admin_address() {
        stdout::line(&format!("/livez, /readyz and /metrics are on http://{admin}"));
    }
    let ended = bridge.run_until_signal();
    ended.map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// A bridge for pages of this machine before a development broker. Nobody is asked who he is.
pub(crate) fn before(brokers: &str, port: u16) -> Result<Running, Failure> {
    let mut config = Config::default();
    config.listen.address.set_port(port);
    config.admin.enabled = false;
    config.kafka.bootstrap = brokers.split(',').map(str::to_owned).collect();
    config.kafka.create_topics = true;
    config.auth.mode = AuthMode::None;
    config.auth.origins = vec!["loopback".to_owned()];
    config.limits.timestamp_past_s = 0;
    config.limits.timestamp_future_s = 0;
    Running::start(config).map_err(cannot_start)
}

fn cannot_start(error: StartError) -> Failure {
    match error {
        StartError::Config(error) => Failure::usage(error.to_string()),
        error @ (StartError::Listen(..) | StartError::Io(_)) => Failure::new(error.to_string()),
    }
}

fn log_to_stderr(args: &BridgeArgs) {
    let level = match args.verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // Which it would write to standard error, and panic.
    let log = log.log_internal_errors(false);
    if args.log_json { log.json().init() } else { log.with_ansi(false).init() }
}
