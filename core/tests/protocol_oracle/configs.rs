//! Random answers about settings.

use kafka_protocol::messages::DescribeConfigsResponse;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use ottla_core::protocol::describe_configs::{self, ConfigSource};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{maybe_text, owned, text};

/// A DescribeConfigs response of this version.
pub(crate) fn describe_configs(version: i16) -> impl Strategy<Value = DescribeConfigsResponse> {
    (any::<i32>(), vec(resource(version), 0..3)).prop_map(|(throttle, resources)| {
        DescribeConfigsResponse::default().with_throttle_time_ms(throttle).with_results(resources)
    })
}

fn resource(version: i16) -> impl Strategy<Value = DescribeConfigsResult> {
    (any::<(i16, i8)>(), maybe_text(), text(), vec(entry(version), 0..4)).prop_map(
        |((error, kind), message, name, configs)| {
            DescribeConfigsResult::default()
                .with_error_code(error)
                .with_error_message(message)
                .with_resource_type(kind)
                .with_resource_name(name)
                .with_configs(configs)
        },
    )
}

fn entry(version: i16) -> impl Strategy<Value = DescribeConfigsResourceResult> {
    let synonym = (text(), maybe_text(), any::<i8>()).prop_map(|(name, value, source)| {
        DescribeConfigsSynonym::default().with_name(name).with_value(value).with_source(source)
    });
    let flags = any::<(bool, bool, i8, i8)>();
    (text(), maybe_text(), flags, vec(synonym, 0..3), maybe_text()).prop_map(
        move |(name, value, (read_only, sensitive, source, kind), synonyms, documentation)| {
            let entry = DescribeConfigsResourceResult::default()
                .with_name(name)
                .with_value(value)
                .with_read_only(read_only)
                .with_is_sensitive(sensitive)
                .with_config_source(source)
                .with_synonyms(synonyms);
            if version >= 3 {
                return entry.with_config_type(kind).with_documentation(documentation);
            }
            entry
        },
    )
}

/// Without what nobody asks for and the reader leaves out.
pub(crate) fn plain(mut message: DescribeConfigsResponse) -> DescribeConfigsResponse {
    for resource in &mut message.results {
        for entry in &mut resource.configs {
            entry.synonyms.clear();
            entry.config_type = 0;
            entry.documentation = DescribeConfigsResourceResult::default().documentation;
        }
    }
    message
}

/// What we read, in the oracle's types.
pub(crate) fn describe_configs_as_oracle(
    response: &describe_configs::DescribeConfigsResponse<'_>,
) -> DescribeConfigsResponse {
    let resources = response.resources.iter().map(|resource| {
        let configs = resource.configs.iter().map(|entry| {
            DescribeConfigsResourceResult::default()
                .with_name(owned(entry.name))
                .with_value(entry.value.map(owned))
                .with_read_only(entry.read_only)
                .with_is_sensitive(entry.is_sensitive)
                .with_config_source(number(entry.source))
        });
        DescribeConfigsResult::default()
            .with_error_code(resource.error.code())
            .with_error_message(resource.error_message.map(owned))
            .with_resource_type(resource.resource_type)
            .with_resource_name(owned(resource.name))
            .with_configs(configs.collect())
    });
    DescribeConfigsResponse::default()
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_results(resources.collect())
}

fn number(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::DynamicBroker => 2,
        ConfigSource::DynamicDefaultBroker => 3,
        ConfigSource::StaticBroker => 4,
        ConfigSource::Default => 5,
        ConfigSource::Unknown(other) => other,
        other => unreachable!("{other:?} is new"),
    }
}
