//! The keys of a producer that speaks to brokers itself: where they are, and who it is.

use ottla_core::ProducerConfig;
use ottla_core::config::SecurityProtocol;
use ottla_core::sasl::{Mechanism, Secret};

use crate::settings::Refusal;

pub(crate) fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
    match key {
        "bootstrap.servers" => {
            for address in value.split(',') {
                let address = address.trim().parse().map_err(|_| Refusal::Value)?;
                config.bootstrap_servers.push(address);
            }
        }
        "security.protocol" => {
            let mut all = SecurityProtocol::ALL.into_iter();
            let protocol = all.find(|protocol| protocol.name() == value);
            config.security.protocol = protocol.ok_or(Refusal::Value)?;
        }
        "sasl.mechanism" if value == Mechanism::Plain.name() => {
            config.security.sasl.mechanism = Some(Mechanism::Plain);
        }
        "sasl.username" => config.security.sasl.username = Some(value.into()),
        "sasl.password" => config.security.sasl.password = Some(Secret::new(value)),
        "sasl.mechanism" => return Err(Refusal::Value),
        _ => return Err(Refusal::Key),
    }
    Ok(())
}
