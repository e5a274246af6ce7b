//! A cluster with a data directory.

use std::fs;
use std::path::{Path, PathBuf};

use ottla_sim::cluster::{Cluster, ClusterConfig, Node};

use super::support::*;

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ottla-sim-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    fn cluster(&self) -> Cluster {
        let config = ClusterConfig { data: Some(self.0.clone()), ..ClusterConfig::default() };
        Cluster::new(config, vec![Node::new(NODE, "node", 9092)], NOW).unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.0.join("t-0/00000000000000000000.log")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn values(cluster: &Cluster) -> Vec<i64> {
    let batches = cluster.batches(TOPIC, 0, 0, usize::MAX).unwrap();
    batches.iter().map(|batch| batch.header.base_offset).collect()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn batches_stand_end_to_end_in_kafkas_segment_file() {
    let directory = Directory::new("segment");
    let mut cluster = directory.cluster();
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(3));
    let bytes = fs::read(directory.segment()).unwrap();
    let first = batch(2).bytes();
    assert_eq!(bytes.len(), first.len() + batch(3).bytes().len());
    assert_eq!(bytes[..8], 0i64.to_be_bytes());
    assert_eq!(bytes[first.len()..][..8], 2i64.to_be_bytes());
    assert_eq!(bytes[17..first.len()], first[17..]);
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = Directory::new("restart");
    let mut cluster = directory.cluster();
    let id = cluster.create_topic(TOPIC, 2, NOW).unwrap();
    produce(&mut cluster, &idempotent(41, 0, 0, 2));
    produce(&mut cluster, &idempotent(41, 0, 2, 1));
    drop(cluster);

    let mut cluster = directory.cluster();
    assert_eq!(cluster.topics().collect::<Vec<_>>(), [(TOPIC, id, 2)]);
    assert_eq!(offsets(&cluster), (0, 3));
    assert_eq!(values(&cluster), [0, 2]);
    assert_eq!(outcome(&mut cluster, &idempotent(41, 0, 2, 1)), (NONE, 2), "a repeat");
    assert_eq!(outcome(&mut cluster, &idempotent(41, 0, 3, 1)), (NONE, 3));
    assert_eq!(new_producer_id(&mut cluster), 42);
}

fn new_producer_id(cluster: &mut Cluster) -> i64 {
    use kafka_protocol::messages::{ApiKey, InitProducerIdRequest};
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let response = call(cluster, ApiKey::InitProducerId, 4, request);
    response!(response, InitProducerId).producer_id.0
}

#[test]
fn a_batch_cut_off_by_a_crash_is_dropped() {
    let directory = Directory::new("torn");
    let mut cluster = directory.cluster();
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(3));
    drop(cluster);
    let file = fs::OpenOptions::new().write(true).open(directory.segment()).unwrap();
    file.set_len(size(&directory.segment()) - 1).unwrap();

    let mut cluster = directory.cluster();
    assert_eq!(offsets(&cluster), (0, 2));
    assert_eq!(size(&directory.segment()), batch(2).bytes().len() as u64);
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 2));
}

#[test]
fn a_damaged_batch_and_what_follows_it_are_dropped() {
    let directory = Directory::new("damaged");
    let mut cluster = directory.cluster();
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    for _ in 0..3 {
        produce(&mut cluster, &batch(1));
    }
    drop(cluster);
    let mut bytes = fs::read(directory.segment()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(directory.segment(), bytes).unwrap();
    assert_eq!(offsets(&directory.cluster()), (0, 1));
}

#[test]
fn garbage_in_the_directory_is_no_topic() {
    let directory = Directory::new("garbage");
    for name in ["t", "t-x", "t-99999999", "-1", "..-1"] {
        fs::create_dir_all(directory.0.join(name)).unwrap();
    }
    fs::create_dir_all(directory.0.join("t-0")).unwrap();
    fs::write(directory.segment(), [0xff; 500]).unwrap();
    fs::write(directory.0.join("file-0"), "x").unwrap();
    let cluster = directory.cluster();
    assert_eq!(cluster.topics().map(|it| (it.0, it.2)).collect::<Vec<_>>(), [(TOPIC, 1)]);
    assert_eq!(offsets(&cluster), (0, 0));
}

#[test]
fn truncation_and_deletion_reach_the_files() {
    let directory = Directory::new("truncate");
    let mut cluster = directory.cluster();
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(3));
    cluster.truncate(TOPIC, 0, 3, NOW).unwrap();
    assert_eq!(offsets(&cluster), (0, 2));
    assert_eq!(size(&directory.segment()), batch(2).bytes().len() as u64);
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 2));
    assert!(cluster.delete_topic(TOPIC).unwrap());
    assert!(!directory.0.join("t-0").exists());
    assert!(!cluster.delete_topic(TOPIC).unwrap());
}
