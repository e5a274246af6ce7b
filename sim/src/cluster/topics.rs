//! The cluster's topics: making, finding and deleting them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::log::PartitionLog;
use super::partition::Partition;
use super::topic_id::TopicIds;

/// The longest topic name that Kafka takes.
const MAX_NAME_BYTES: usize = 249;
/// Partitions of one topic beyond which a request to make it is refused.
const MAX_PARTITIONS: i32 = 10_000;

/// A topic and its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }

    pub(crate) fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get_mut(index))
    }
}

/// All topics, by name.
#[derive(Debug)]
pub(crate) struct Topics {
    by_name: BTreeMap<String, Topic>,
    ids: TopicIds,
    data: Option<PathBuf>,
}

impl Topics {
    /// The topics found in the data directory, or none.
    pub(crate) fn open(
        data: Option<PathBuf>,
        seed: u64,
        replicas: impl Fn(usize) -> Vec<i32>,
        now: Duration,
    ) -> io::Result<Self> {
        let mut this = Self { by_name: BTreeMap::new(), ids: TopicIds::new(seed), data };
        let Some(data) = this.data.clone() else { return Ok(this) };
        fs::create_dir_all(&data)?;
        for (name, partitions) in stored_topics(&data)? {
            let id = read_topic_id(&directory(&data, &name, 0)).unwrap_or_else(|| this.ids.next());
            this.insert(&name, id, partitions, &replicas, now)?;
        }
        Ok(this)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.by_name.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Topic)> {
        self.by_name.iter()
    }

    pub(crate) fn partition_mut(&mut self, name: &str, index: i32) -> Option<&mut Partition> {
        self.get_mut(name)?.partition_mut(index)
    }

    /// A partition, if this node leads it.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`.
    pub(crate) fn led_partition(
        &mut self,
        node: i32,
        name: &str,
        index: i32,
    ) -> Result<&mut Partition, ResponseError> {
        let partition = self.partition_mut(name, index);
        let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition)?;
        if partition.leader == Some(node) {
            Ok(partition)
        } else {
            Err(ResponseError::NotLeaderOrFollower)
        }
    }

    /// The highest producer id in any log; -1 if there is none.
    pub(crate) fn highest_producer_id(&self) -> i64 {
        let partitions = self.by_name.values().flat_map(|topic| &topic.partitions);
        let headers = partitions.flat_map(|partition| partition.log.headers());
        headers.map(|header| header.producer_id).max().unwrap_or(-1)
    }

    pub(crate) fn all_partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.by_name.values_mut().flat_map(|topic| topic.partitions.iter_mut())
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// `INVALID_TOPIC_EXCEPTION`, `TOPIC_ALREADY_EXISTS`, `INVALID_PARTITIONS`,
    /// `KAFKA_STORAGE_ERROR`.
    pub(crate) fn create(
        &mut self,
        name: &str,
        partitions: i32,
        replicas: impl Fn(usize) -> Vec<i32>,
        now: Duration,
    ) -> Result<&Topic, ResponseError> {
        self.check_new(name, partitions)?;
        let id = self.ids.next();
        self.insert(name, id, partitions, &replicas, now)
            .map_err(|_| ResponseError::KafkaStorageError)?;
        self.get(name).ok_or(ResponseError::UnknownServerError)
    }

    /// Whether [`Topics::create`] would refuse.
    pub(crate) fn check_new(&self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        if !is_valid_name(name) {
            return Err(ResponseError::InvalidTopicException);
        }
        if self.by_name.contains_key(name) {
            return Err(ResponseError::TopicAlreadyExists);
        }
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(ResponseError::InvalidPartitions);
        }
        Ok(())
    }

    /// Gives a topic more partitions; false if there is no such topic.
    pub(crate) fn add_partitions(
        &mut self,
        name: &str,
        more: i32,
        replicas: impl Fn(usize) -> Vec<i32>,
        now: Duration,
    ) -> io::Result<bool> {
        let Some(topic) = self.by_name.get(name) else { return Ok(false) };
        let (id, count) = (topic.id, topic.partitions.len());
        for index in count..count + usize::try_from(more).unwrap_or(0) {
            let partition = Partition::new(replicas(index), self.open_log(name, index, id)?, now);
            if let Some(topic) = self.by_name.get_mut(name) {
                topic.partitions.push(partition);
            }
        }
        Ok(true)
    }

    /// Deletes a topic and its files; false if there is none.
    pub(crate) fn delete(&mut self, name: &str) -> io::Result<bool> {
        let Some(topic) = self.by_name.remove(name) else { return Ok(false) };
        if let Some(data) = &self.data {
            for index in 0..topic.partitions.len() {
                fs::remove_dir_all(directory(data, name, index))?;
            }
        }
        Ok(true)
    }

    fn insert(
        &mut self,
        name: &str,
        id: Uuid,
        partitions: i32,
        replicas: &impl Fn(usize) -> Vec<i32>,
        now: Duration,
    ) -> io::Result<()> {
        let partitions = (0..usize::try_from(partitions).unwrap_or(0))
            .map(|index| Ok(Partition::new(replicas(index), self.open_log(name, index, id)?, now)))
            .collect::<io::Result<_>>()?;
        self.by_name.insert(name.to_owned(), Topic { id, partitions });
        Ok(())
    }

    fn open_log(&self, name: &str, index: usize, id: Uuid) -> io::Result<PartitionLog> {
        let Some(data) = &self.data else { return Ok(PartitionLog::in_memory()) };
        let directory = directory(data, name, index);
        let log = PartitionLog::open(&directory)?;
        fs::write(
            directory.join("partition.metadata"),
            format!("version: 0\ntopic_id: {}\n", super::topic_id::to_text(id)),
        )?;
        Ok(log)
    }
}

/// Kafka's rule for topic names, which also keeps them from meaning anything in a path.
pub(crate) fn is_valid_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn directory(data: &Path, topic: &str, partition: usize) -> PathBuf {
    data.join(format!("{topic}-{partition}"))
}

/// Names and partition counts, from directories called `TOPIC-PARTITION`.
fn stored_topics(data: &Path) -> io::Result<BTreeMap<String, i32>> {
    let mut topics = BTreeMap::new();
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some((name, index)) = file_name.to_str().and_then(|name| name.rsplit_once('-')) else {
            continue;
        };
        let Ok(index) = index.parse::<i32>() else { continue };
        if entry.file_type()?.is_dir()
            && is_valid_name(name)
            && (0..MAX_PARTITIONS).contains(&index)
        {
            let partitions = topics.entry(name.to_owned()).or_insert(0);
            *partitions = (*partitions).max(index + 1);
        }
    }
    Ok(topics)
}

fn read_topic_id(directory: &Path) -> Option<Uuid> {
    let text = fs::read_to_string(directory.join("partition.metadata")).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("topic_id: "))?;
    super::topic_id::from_text(id.trim())
}
