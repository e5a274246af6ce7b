//! Batches built by hand and given to one partition after the other.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use contract::{Mode, Pace, Payload, Tally, Task};
use rskafka::client::partition::PartitionClient;
use rskafka::record::Record;
use tokio::sync::Semaphore;

use crate::{Partitions, batch_records, compression, record};

/// Requests of a partition on their way at once, as the other clients have them.
const IN_FLIGHT: usize = 5;

pub(crate) async fn send(
    task: &Arc<Task>,
    partitions: &Partitions,
    tally: &Arc<Tally>,
    payload: &Payload,
    records: u64,
) {
    let room = (task.buffer_bytes / task.batch_bytes).min(IN_FLIGHT * partitions.len());
    let room = Arc::new(Semaphore::new(room));
    let lanes: Vec<_> = (0..task.threads)
        .map(|thread| {
            let lane = Lane {
                task: Arc::clone(task),
                partitions: partitions.clone(),
                tally: Arc::clone(tally),
                payload: payload.clone(),
                records: task.share(records, thread),
                room: Arc::clone(&room),
            };
            tokio::spawn(lane.run(thread as usize))
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no lane panics");
    }
}

struct Lane {
    task: Arc<Task>,
    partitions: Partitions,
    tally: Arc<Tally>,
    payload: Payload,
    records: u64,
    room: Arc<Semaphore>,
}

impl Lane {
    async fn run(mut self, first: usize) {
        let mut pace = Pace::start(self.task.mode, 1.0 / f64::from(self.task.threads));
        let mut partitions = self.partitions.clone().into_iter().cycle().skip(first);
        let mut sent = 0;
        while sent < self.records {
            let (due, wait) = pace.next(sent);
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
            let partition = partitions.next().expect("it cycles");
            let batch = self.batch(sent, due, &mut pace);
            sent += batch.len() as u64;
            if self.task.mode == Mode::Await {
                let stamp = self.tally.stamp(Instant::now());
                produce(&self.task, &self.tally, &partition, batch, stamp).await;
                continue;
            }
            let room = Arc::clone(&self.room).acquire_owned().await.expect("it stays open");
            let (task, tally) = (Arc::clone(&self.task), Arc::clone(&self.tally));
            let stamp = tally.stamp(due);
            tokio::spawn(async move {
                produce(&task, &tally, &partition, batch, stamp).await;
                drop(room);
            });
        }
    }

    /// A full batch; of those that are due, where they have their times.
    fn batch(&mut self, sent: u64, due: Instant, pace: &mut Pace) -> Vec<Record> {
        let most = match self.task.mode {
            Mode::Await => 1,
            Mode::Flood | Mode::Pace(_) => batch_records(&self.task).min(self.records - sent),
        };
        let now = Utc::now();
        let mut batch = vec![record(self.payload.next_record(), now)];
        while (batch.len() as u64) < most && pace.due(sent + batch.len() as u64) == due {
            batch.push(record(self.payload.next_record(), now));
        }
        batch
    }
}

async fn produce(
    task: &Task,
    tally: &Tally,
    partition: &PartitionClient,
    batch: Vec<Record>,
    stamp: u64,
) {
    match partition.produce(batch, compression(task)).await {
        Ok(offsets) => {
            for _ in offsets {
                tally.acknowledged(partition.partition(), stamp);
            }
        }
        Err(error) => tally.failed(&error),
    }
}
