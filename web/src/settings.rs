//! The configuration as numbers: those of Kafka's keys that make a difference in a page or a
//! worker. JavaScript knows them by name and reads their values (`web/js/settings.js`), so that a
//! page downloads neither twice.

use core::time::Duration;

use ottla_core::{Acks, Codec, Compression, ProducerConfig};

/// Sets what `settings` are, each a key's place in `web/js/settings.js` and its value.
pub fn apply(config: &mut ProducerConfig, settings: &[u32]) {
    for setting in settings.chunks_exact(2) {
        set(config, setting[0], setting[1]);
    }
}

fn set(config: &mut ProducerConfig, key: u32, value: u32) {
    let (time, size, on) = (Duration::from_millis(value.into()), value as usize, value != 0);
    match key {
        0 => config.delivery_timeout = time,
        1 => config.request_timeout = time,
        2 => config.max_block = time,
        3 => config.linger = time,
        4 => config.retry_backoff = time,
        5 => config.retry_backoff_max = time,
        6 => config.reconnect_backoff = time,
        7 => config.reconnect_backoff_max = time,
        8 => config.metadata_max_age = time,
        9 => config.batch_size = size,
        10 => config.buffer_memory = size,
        11 => config.max_request_size = size,
        12 => config.max_in_flight = size,
        13 => config.retries = value,
        14 => config.batch_max_records = Some(value),
        15 => config.enable_idempotence = on,
        16 => config.adaptive_linger = on,
        17 => config.resend_valid_records = on,
        18 => config.allow_auto_create_topics = on,
        19 => config.partitioner_ignore_keys = on,
        20 => config.acks = [Acks::None, Acks::Leader, Acks::All][size.min(2)],
        21 => config.compression = if on { Codec::Lz4.into() } else { Compression::default() },
        // The JavaScript is of another version, which no package has.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;

    /// The keys of the script, and what each takes.
    fn keys() -> Vec<(&'static str, &'static str)> {
        let script = include_str!("../js/settings.js");
        let lines = script.lines().filter_map(|line| line.strip_prefix("  ['"));
        lines.filter_map(|line| line.strip_suffix("],")?.split_once("', ")).collect()
    }

    /// The core's own reader is the oracle.
    #[test]
    fn the_settings_mean_what_they_mean_to_the_core() {
        for (key, (name, takes)) in keys().into_iter().enumerate() {
            let values: &[(u32, &str)] = match takes {
                "COUNT" => &[(7, "7")],
                "SWITCH" => &[(0, "false"), (1, "true")],
                "ACKS" => &[(0, "0"), (1, "1"), (2, "all"), (2, "-1")],
                _ => &[(0, "none"), (1, "lz4")],
            };
            for (value, text) in values {
                let (mut ours, mut core) = (ProducerConfig::default(), ProducerConfig::default());
                apply(&mut ours, &[key as u32, *value]);
                core.set(name, text).unwrap();
                assert_eq!(format!("{ours:?}"), format!("{core:?}"), "{name}={text}");
            }
        }
        assert_eq!(keys().len(), 22);
    }
}
