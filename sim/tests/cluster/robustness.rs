//! Requests cut off, flipped and made up: never a panic, never memory for what isn't there.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, FetchRequest, InitProducerIdRequest, JoinGroupRequest,
    MetadataRequest, RequestKind,
};
use ottla_sim::cluster::{Cluster, Reply};

use super::support::*;

/// Some valid request of a few kinds, in its first and last version.
fn samples() -> Vec<Bytes> {
    let produce = RequestKind::from(produce_request(-1, 0, batch(2).bytes()));
    vec![
        encode(ApiKey::Produce, 3, &produce),
        encode(ApiKey::Produce, 12, &produce),
        encode(ApiKey::Metadata, 4, &MetadataRequest::default().into()),
        encode(ApiKey::Metadata, 13, &MetadataRequest::default().with_topics(None).into()),
        encode(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default().into()),
        encode(ApiKey::ApiVersions, 4, &ApiVersionsRequest::default().into()),
        encode(ApiKey::InitProducerId, 1, &InitProducerIdRequest::default().into()),
        encode(ApiKey::InitProducerId, 5, &InitProducerIdRequest::default().into()),
        encode(ApiKey::Fetch, 4, &FetchRequest::default().into()),
        encode(ApiKey::Fetch, 17, &FetchRequest::default().into()),
        encode(ApiKey::JoinGroup, 9, &JoinGroupRequest::default().into()),
    ]
}

fn topics(cluster: &Cluster) -> usize {
    cluster.topics().count()
}

#[test]
fn a_request_cut_off_anywhere_ends_the_connection() {
    let mut cluster = one_node();
    for request in samples() {
        for length in 0..request.len() {
            let reply = cluster.handle(NODE, request.slice(..length), NOW);
            assert_eq!(reply, Reply::Close, "{length} of {request:?}");
        }
    }
    assert_eq!(offsets(&cluster), (0, 0));
}

#[test]
fn a_request_with_any_byte_changed_is_survived() {
    let mut cluster = one_node();
    for request in samples() {
        for position in 0..request.len() {
            for bit in 0..8 {
                let mut changed = BytesMut::from(&request[..]);
                changed[position] ^= 1 << bit;
                cluster.handle(NODE, changed.freeze(), NOW);
            }
        }
    }
    assert!(topics(&cluster) < 1000);
}

#[test]
fn an_array_that_claims_more_than_the_frame_holds_ends_the_connection() {
    let mut cluster = one_node();
    for api in 0..100i16 {
        for version in 0..=17i16 {
            for filler in [0x7f, 0xfe] {
                let mut frame = BytesMut::new();
                frame.put_i16(api);
                frame.put_i16(version);
                frame.put_i32(7);
                frame.put_i16(-1);
                frame.put_bytes(0, usize::from(version % 2 == 0));
                frame.put_bytes(filler, 100);
                let reply = cluster.handle(NODE, frame.freeze(), NOW);
                let versions = api == ApiKey::ApiVersions as i16;
                assert!(
                    reply == Reply::Close || versions || filler != 0x7f,
                    "{api} v{version}: {reply:?}"
                );
            }
        }
    }
}

#[test]
fn made_up_requests_are_survived() {
    let mut cluster = one_node();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..100_000 {
        let mut frame = BytesMut::new();
        frame.put_i16((random() % 80) as i16);
        frame.put_i16((random() % 18) as i16);
        frame.put_i32(7);
        frame.put_i16(-1);
        for _ in 0..random() % 40 {
            // Mostly small numbers, as lengths and counts are.
            let byte = random();
            frame.put_u8(if byte & 0x300 == 0 { byte as u8 } else { (byte % 4) as u8 });
        }
        cluster.handle(NODE, frame.freeze(), NOW);
    }
}

#[test]
fn a_node_that_does_not_exist_ends_the_connection() {
    let request = encode(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default().into());
    assert_eq!(one_node().handle(9, request, NOW), Reply::Close);
}
