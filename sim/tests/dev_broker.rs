//! The dev broker over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, FetchRequest, MetadataRequest, ProduceRequest, RequestHeader, RequestKind,
    ResponseHeader, ResponseKind, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use ottla_sim::cluster::RequestFault;
use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use uuid::Uuid;

const PRODUCE: i16 = 12;
const METADATA: i16 = 12;
const FETCH: i16 = 12;

struct Client(TcpStream);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn send(&mut self, api: ApiKey, version: i16, request: impl Into<RequestKind>) {
        let header = RequestHeader::default()
            .with_request_api_key(api as i16)
            .with_request_api_version(version);
        let mut body = BytesMut::new();
        header.encode(&mut body, api.request_header_version(version)).unwrap();
        request.into().encode(&mut body, version).unwrap();
        let size = u32::try_from(body.len()).unwrap();
        self.0.write_all(&[&size.to_be_bytes()[..], &body].concat()).unwrap();
    }

    fn receive(&mut self, api: ApiKey, version: i16) -> ResponseKind {
        let mut size = [0; 4];
        self.0.read_exact(&mut size).unwrap();
        let mut body = vec![0; u32::from_be_bytes(size) as usize];
        self.0.read_exact(&mut body).unwrap();
        let mut body = Bytes::from(body);
        ResponseHeader::decode(&mut body, api.response_header_version(version)).unwrap();
        let response = ResponseKind::decode(api, &mut body, version).unwrap();
        assert!(body.is_empty());
        response
    }

    fn call(&mut self, api: ApiKey, version: i16, request: impl Into<RequestKind>) -> ResponseKind {
        self.send(api, version, request);
        self.receive(api, version)
    }

    /// Error code and base offset.
    fn produce(&mut self, topic: &str, partition: i32, records: Bytes) -> (i16, i64) {
        let request = produce_request(topic, partition, records);
        let ResponseKind::Produce(response) = self.call(ApiKey::Produce, PRODUCE, request) else {
            panic!()
        };
        let answer = &response.responses[0].partition_responses[0];
        (answer.error_code, answer.base_offset)
    }

    fn make_topic(&mut self, topic: &str) -> usize {
        let topic = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        let ResponseKind::Metadata(response) = self.call(ApiKey::Metadata, METADATA, request)
        else {
            panic!()
        };
        response.topics[0].partitions.len()
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0) | Err(_))
    }
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

fn produce_request(topic: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(1000).with_topic_data(vec![topic])
}

fn fetch_request(topic: &str) -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(60_000)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic])
}

fn records(values: &[&str]) -> Bytes {
    let record = |(offset, value): (i64, &&str)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: offset as i32,
        timestamp: 1_700_000_000_000,
        key: None,
        value: Some(Bytes::from((*value).to_owned())),
        headers: Default::default(),
    };
    let records: Vec<Record> = (0..).zip(values).map(record).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

fn values_in(response: ResponseKind) -> Vec<String> {
    let ResponseKind::Fetch(mut response) = response else { panic!() };
    let data = response.responses.remove(0).partitions.remove(0);
    assert_eq!(data.error_code, 0);
    let sets = RecordBatchDecoder::decode_all(&mut data.records.unwrap()).unwrap();
    let records = sets.into_iter().flat_map(|set| set.records);
    records.map(|it| String::from_utf8(it.value.unwrap().to_vec()).unwrap()).collect()
}

#[test]
fn what_is_produced_is_fetched_by_another_client_that_waited_for_it() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let mut producer = Client::new(broker.address());
    assert_eq!(producer.make_topic("t"), 6);
    let mut consumer = Client::new(broker.address());
    consumer.send(ApiKey::Fetch, FETCH, fetch_request("t"));
    assert_eq!(producer.produce("t", 0, records(&["a", "b"])), (0, 0));
    assert_eq!(producer.produce("t", 0, records(&["c"])), (0, 2));
    let fetched = values_in(consumer.receive(ApiKey::Fetch, FETCH));
    assert!(fetched.starts_with(&["a".to_owned(), "b".to_owned()]));
    assert_eq!(broker.cluster().offsets("t", 0), Some((0, 3)));
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let mut client = Client::new(broker.address());
    client.make_topic("t");
    for _ in 0..50 {
        client.send(ApiKey::Produce, PRODUCE, produce_request("t", 0, records(&["x"])));
    }
    for offset in 0..50 {
        let ResponseKind::Produce(response) = client.receive(ApiKey::Produce, PRODUCE) else {
            panic!()
        };
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
    }
}

#[test]
fn each_node_listens_and_takes_what_it_leads() {
    let options = DevBrokerOptions { nodes: 3, ..DevBrokerOptions::default() };
    let broker = DevBroker::start(options).unwrap();
    Client::new(broker.address()).make_topic("t");
    for (partition, address) in (0..).zip(broker.addresses()) {
        let mut client = Client::new(*address);
        assert_eq!(client.produce("t", partition, records(&["x"])), (0, 0));
        assert_eq!(client.produce("t", (partition + 1) % 3, records(&["x"])), (6, -1));
    }
}

#[test]
fn what_is_no_request_ends_its_connection_only() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let mut good = Client::new(broker.address());
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x7f, 0xff, 0xff, 0xff], &[0xff; 64], &[0; 64]]
    {
        let mut bad = Client::new(broker.address());
        bad.0.write_all(garbage).unwrap();
        assert!(bad.is_closed());
    }
    assert_eq!(good.make_topic("t"), 6);
}

#[test]
fn a_planned_fault_reaches_the_socket() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let mut client = Client::new(broker.address());
    client.make_topic("t");
    broker.cluster().faults().next_request(None, ApiKey::Produce, RequestFault::CloseAfter);
    client.send(ApiKey::Produce, PRODUCE, produce_request("t", 0, records(&["x"])));
    assert!(client.is_closed());
    assert_eq!(broker.cluster().offsets("t", 0), Some((0, 1)));
}

#[test]
fn stopping_ends_idle_and_waiting_connections_at_once() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let mut idle = Client::new(broker.address());
    idle.make_topic("t");
    let mut waiting = Client::new(broker.address());
    waiting.send(ApiKey::Fetch, FETCH, fetch_request("t"));
    let start = Instant::now();
    broker.stop();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(idle.is_closed() && waiting.is_closed());
}

#[test]
fn a_port_in_use_and_impossible_options_are_errors() {
    let broker = DevBroker::start(DevBrokerOptions::default()).unwrap();
    let options = DevBrokerOptions { port: broker.address().port(), ..Default::default() };
    assert!(DevBroker::start(options).is_err());
    for (nodes, partitions_per_topic) in [(0, 1), (4, 1), (1, 0)] {
        let options = DevBrokerOptions { nodes, partitions_per_topic, ..Default::default() };
        assert!(DevBroker::start(options).is_err());
    }
}

#[test]
fn a_sink_counts_and_forgets() {
    let broker = DevBroker::start(DevBrokerOptions { sink: true, ..Default::default() }).unwrap();
    let mut client = Client::new(broker.address());
    client.make_topic("t");
    for version in 3..=13 {
        let mut request = produce_request("t", 2, records(&["a", "b", "c"]));
        if version == 13 {
            request.topic_data[0].name = TopicName::default();
            request.topic_data[0].topic_id = Uuid::from_u128(5);
        }
        let expected = if version == 13 { 0 } else { 3 * i64::from(version - 3) };
        let ResponseKind::Produce(response) = client.call(ApiKey::Produce, version, request) else {
            panic!()
        };
        let topic = &response.responses[0];
        assert_eq!(topic.topic_id.as_u128(), if version == 13 { 5 } else { 0 });
        let answer = &topic.partition_responses[0];
        let told = (answer.index, answer.error_code, answer.base_offset);
        assert_eq!(told, (2, 0, expected), "v{version}");
    }
    let sink = broker.sink().unwrap();
    assert_eq!(sink.count(), 33);
    let arrived = sink.arrived()[&(b"t".to_vec(), 2)];
    assert_eq!((arrived.records, arrived.batches), (30, 10));
    assert_eq!(arrived.bytes, 10 * records(&["a", "b", "c"]).len() as u64);
    assert_eq!(broker.cluster().offsets("t", 2), Some((0, 0)));
}

#[test]
fn a_late_node_of_a_sink_answers_in_order_and_not_before_its_time() {
    let late = Duration::from_millis(50);
    let options = DevBrokerOptions { sink: true, late: Some((1, late)), ..Default::default() };
    let broker = DevBroker::start(options).unwrap();
    let mut client = Client::new(broker.address());
    client.make_topic("t");
    let start = Instant::now();
    for _ in 0..2 {
        client.send(ApiKey::Produce, PRODUCE, produce_request("t", 0, records(&["a", "b"])));
    }
    client.send(ApiKey::Metadata, METADATA, MetadataRequest::default());
    for expected in [0, 2] {
        let ResponseKind::Produce(response) = client.receive(ApiKey::Produce, PRODUCE) else {
            panic!()
        };
        assert!(start.elapsed() >= late);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, expected);
    }
    assert!(matches!(client.receive(ApiKey::Metadata, METADATA), ResponseKind::Metadata(_)));
}

#[test]
fn a_sink_ends_the_connection_of_a_produce_that_is_cut_off() {
    let broker = DevBroker::start(DevBrokerOptions { sink: true, ..Default::default() }).unwrap();
    let mut client = Client::new(broker.address());
    client.0.write_all(&[0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 0x7f]).unwrap();
    assert!(client.is_closed());
}
