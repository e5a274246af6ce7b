//! ApiVersions, and what becomes of versions that a node doesn't speak.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey};
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};

use crate::cluster::call::{Answer, Call, Reply};
use crate::cluster::config::ApiRanges;
use crate::cluster::{Cluster, Outcome};

pub(crate) fn handle(cluster: &Cluster, call: &Call) -> Outcome {
    let Some(node) = cluster.node(call.node) else { return Outcome::Close };
    let keys = node.apis.advertised().map(|(key, min, max)| api_version(key, min, max)).collect();
    let mut response = ApiVersionsResponse::default().with_api_keys(keys);
    if call.version >= 1 {
        response.throttle_time_ms = call.throttle_ms();
    }
    if call.version >= 3 && cluster.config.transaction_version > 0 {
        let level = cluster.config.transaction_version;
        let feature = FinalizedFeatureKey::default()
            .with_name(super::text("transaction.version"))
            .with_max_version_level(level)
            .with_min_version_level(level);
        response.finalized_features_epoch = 1;
        response.finalized_features = vec![feature];
    }
    response.into()
}

/// ApiVersions of an unknown version is answered as version 0, naming the range that would do
/// (KIP-511); anything else ends the connection.
pub(crate) fn refuse(ranges: &ApiRanges, api: ApiKey, request: &Bytes) -> Reply {
    let known = ranges.advertised().find(|&(key, _, _)| key == ApiKey::ApiVersions as i16);
    let correlation_id = request.get(4..8).and_then(|bytes| bytes.try_into().ok());
    let (ApiKey::ApiVersions, Some(correlation_id), Some((key, min, max))) =
        (api, correlation_id, known)
    else {
        return Reply::Close;
    };
    let call = Call {
        node: 0,
        api,
        version: 0,
        correlation_id: i32::from_be_bytes(correlation_id),
        client_id: String::new(),
        throttle: std::time::Duration::ZERO,
        delay: std::time::Duration::ZERO,
        answer: Answer::Sent,
    };
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(vec![api_version(key, min, max)]);
    call.reply(&response.into())
}

fn api_version(key: i16, min: i16, max: i16) -> ApiVersion {
    ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
}
