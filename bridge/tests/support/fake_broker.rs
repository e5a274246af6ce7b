//! A broker that writes down what it is asked, tells everything that must not get out, and answers
//! as it likes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse, ProducerId, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What only the cluster's own people may know. None of it may reach a client.
pub(crate) const CANARIES: [&str; 5] =
    ["canary-host", "canary-rack", "canary-cluster", "canary-message", "canary-endpoint"];
/// Ids that show themselves in any encoding.
pub(crate) const BROKER_ID: i32 = 0x5ec2_e701;

/// How the broker misbehaves.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    /// The address that its metadata tells; `None`: its own.
    pub(crate) advertise: Option<(String, u16)>,
    /// How long the answer to a Produce request takes, by the partition that it begins with.
    pub(crate) delay: fn(i32) -> Duration,
    /// A topic that is told of half a second after it was asked for.
    pub(crate) slow_topic: Option<&'static str>,
    /// Whether the answer to a Produce request bears another's correlation id.
    pub(crate) wrong_correlation_id: bool,
    /// The error of each partition.
    pub(crate) error: i16,
}

impl Default for Manners {
    fn default() -> Self {
        let (advertise, delay) = (None, |_| Duration::ZERO);
        Self { advertise, delay, slow_topic: None, wrong_correlation_id: false, error: 0 }
    }
}

/// Key, version and whole frame of a request.
type Seen = (i16, i16, Vec<u8>);

/// A running one.
#[derive(Clone)]
pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    next_id: Arc<Mutex<i64>>,
    manners: Manners,
}

impl FakeBroker {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let this = Self { address, seen: Arc::default(), next_id: Arc::default(), manners };
        let broker = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(broker.clone().serve(stream));
            }
        });
        this
    }

    /// Key, version and whole frame of each request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The Produce requests so far.
    pub(crate) fn produced(&self) -> Vec<ProduceRequest> {
        let produce = self.seen().into_iter().filter(|(key, ..)| *key == 0);
        produce
            .map(|(_, version, frame)| {
                let mut bytes = Bytes::from(frame);
                RequestHeader::decode(&mut bytes, 2).unwrap();
                ProduceRequest::decode(&mut bytes, version).unwrap()
            })
            .collect()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Ok(size) = stream.read_u32().await {
            let mut frame = vec![0; size as usize];
            if stream.read_exact(&mut frame).await.is_err() {
                return;
            }
            let answer = self.answer(frame).await;
            let size = answer.len() as u32;
            if stream.write_all(&[&size.to_be_bytes(), &answer[..]].concat()).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, frame: Vec<u8>) -> Vec<u8> {
        let (key, version) = {
            let mut start = &frame[..];
            (start.get_i16(), start.get_i16())
        };
        self.seen.lock().unwrap().push((key, version, frame.clone()));
        let api = ApiKey::try_from(key).unwrap();
        let mut bytes = Bytes::from(frame);
        let header =
            RequestHeader::decode(&mut bytes, api.request_header_version(version)).unwrap();
        let mut out = BytesMut::new();
        let mut id = header.correlation_id;
        if api == ApiKey::Produce && self.manners.wrong_correlation_id {
            id += 1;
        }
        let header = ResponseHeader::default().with_correlation_id(id);
        header.encode(&mut out, api.response_header_version(version)).unwrap();
        match api {
            ApiKey::ApiVersions => versions().encode(&mut out, version),
            ApiKey::Metadata => {
                let request = MetadataRequest::decode(&mut bytes, version).unwrap();
                let names = request.topics.iter().flatten().filter_map(|it| it.name.as_ref());
                if names.map(|name| name.as_str()).any(|name| Some(name) == self.manners.slow_topic)
                {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                self.metadata(&request).encode(&mut out, version)
            }
            ApiKey::InitProducerId => {
                let mut next = self.next_id.lock().unwrap();
                *next += 1;
                let answer = InitProducerIdResponse::default().with_producer_id(ProducerId(*next));
                answer.encode(&mut out, version)
            }
            ApiKey::Produce => {
                let request = ProduceRequest::decode(&mut bytes, version).unwrap();
                let first = request.topic_data[0].partition_data[0].index;
                tokio::time::sleep((self.manners.delay)(first)).await;
                self.produce(&request).encode(&mut out, version)
            }
            other => panic!("the bridge asked for {other:?}"),
        }
        .unwrap();
        out.to_vec()
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let own = (self.address.ip().to_string(), self.address.port());
        let (host, port) = self.manners.advertise.clone().unwrap_or(own);
        let broker = |id: i32, host: String, port: u16| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(StrBytes::from_string(host))
                .with_port(port.into())
                .with_rack(Some(StrBytes::from_static_str("canary-rack")))
        };
        let partition = |index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(BROKER_ID))
                .with_leader_epoch(3)
                .with_replica_nodes(vec![BrokerId(BROKER_ID), BrokerId(BROKER_ID + 1)])
                .with_isr_nodes(vec![BrokerId(BROKER_ID), BrokerId(BROKER_ID + 1)])
        };
        let asked = request.topics.clone().unwrap_or_default();
        let topics = asked.into_iter().map(|topic| {
            MetadataResponseTopic::default()
                .with_name(topic.name)
                .with_topic_id(uuid::Uuid::from_u128(0xdead_beef))
                .with_partitions((0..8).map(partition).collect())
        });
        MetadataResponse::default()
            .with_brokers(vec![
                broker(BROKER_ID, host, port),
                broker(BROKER_ID + 1, "canary-host".to_owned(), 9),
            ])
            .with_cluster_id(Some(StrBytes::from_static_str("canary-cluster")))
            .with_controller_id(BrokerId(BROKER_ID))
            .with_topics(topics.collect())
    }

    fn produce(&self, request: &ProduceRequest) -> ProduceResponse {
        let topics = request.topic_data.iter().map(|topic| {
            let parts = topic.partition_data.iter().map(|part| {
                // The offset tells which partition was asked for.
                PartitionProduceResponse::default()
                    .with_index(part.index)
                    .with_error_code(self.manners.error)
                    .with_base_offset(1000 + i64::from(part.index))
                    .with_error_message(Some(StrBytes::from_static_str("canary-message")))
                    .with_current_leader(
                        LeaderIdAndEpoch::default()
                            .with_leader_id(BrokerId(BROKER_ID))
                            .with_leader_epoch(4),
                    )
            });
            TopicProduceResponse::default()
                .with_name(topic.name.clone())
                .with_partition_responses(parts.collect())
        });
        let endpoint = NodeEndpoint::default()
            .with_node_id(BrokerId(BROKER_ID))
            .with_host(StrBytes::from_static_str("canary-endpoint"))
            .with_port(9);
        ProduceResponse::default()
            .with_responses(topics.collect())
            .with_node_endpoints(vec![endpoint])
    }
}

fn versions() -> ApiVersionsResponse {
    let range = |key: ApiKey, min, max| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(min).with_max_version(max)
    };
    ApiVersionsResponse::default().with_api_keys(vec![
        range(ApiKey::Produce, 3, 12),
        range(ApiKey::Metadata, 4, 12),
        range(ApiKey::ApiVersions, 0, 3),
        range(ApiKey::InitProducerId, 0, 4),
    ])
}
