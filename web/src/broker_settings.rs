//! The keys of a producer that speaks to brokers itself: where they are, who it is, and whether it
//! sends in transactions.

use core::time::Duration;

use ottla_core::ProducerConfig;
use ottla_core::config::SecurityProtocol;
use ottla_core::sasl::{Mechanism, Secret, TokenSource};

use crate::settings::Refusal;

pub(crate) fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
    let sasl = &mut config.security.sasl;
    let secret = || Some(Secret::new(value));
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
        "sasl.mechanism" => {
            let mut all = Mechanism::ALL.into_iter();
            let mechanism = all.find(|mechanism| mechanism.name() == value);
            sasl.mechanism = Some(mechanism.ok_or(Refusal::Value)?);
        }
        "sasl.username" => sasl.username = Some(value.into()),
        "sasl.password" => sasl.password = secret(),
        "sasl.oauthbearer.token" => sasl.token = secret().map(TokenSource::Given),
        "sasl.oauthbearer.extensions" => {
            for extension in value.split(',') {
                let (name, value) = extension.split_once('=').ok_or(Refusal::Value)?;
                sasl.extensions.insert(name.trim().into(), value.trim().into());
            }
        }
        "sasl.aws.access.key.id" => sasl.aws.access_key_id = Some(value.into()),
        "sasl.aws.secret.access.key" => sasl.aws.secret_access_key = secret(),
        "sasl.aws.security.token" => sasl.aws.session_token = secret(),
        "sasl.aws.region" => sasl.aws.region = Some(value.into()),
        "transactional.id" => config.transactional_id = Some(value.into()),
        "transaction.timeout.ms" => {
            let millis = value.parse::<u32>().map_err(|_| Refusal::Value)?;
            config.transaction_timeout = Duration::from_millis(millis.into());
        }
        _ => return Err(Refusal::Key),
    }
    Ok(())
}
