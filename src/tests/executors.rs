//! The async API from every kind of executor, none of which drives the producer.

use futures_lite::future::block_on;

use super::{broker, producer, stored_count};
use crate::{Delivery, Producer, Record, Topic, TypedProducer};

const TASKS: usize = 8;
const RECORDS: usize = 200;

/// What an async application does: sends, then awaits what became of it.
async fn application(producer: Producer) {
    let mut deliveries = Vec::new();
    for number in 0..RECORDS {
        let value = number.to_string();
        deliveries.push(producer.send("async", Record::new(value.as_bytes())).await.unwrap());
    }
    producer.flush().await;
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

#[test]
fn block_on_needs_no_executor_at_all() {
    let broker = broker();
    block_on(application(producer(broker.address(), &[])));
    assert_eq!(stored_count(&broker, "async"), RECORDS);
}

#[test]
fn tokio_with_many_threads() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(application(producer.clone()))).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(stored_count(&broker, "async"), TASKS * RECORDS);
}

#[test]
fn tokio_with_one_thread() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> =
            (0..TASKS).map(|_| tokio::spawn(application(producer.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(stored_count(&broker, "async"), TASKS * RECORDS);
}

#[test]
fn smols_executor() {
    let broker = broker();
    let producer = producer(broker.address(), &[]);
    let executor = async_executor::Executor::new();
    let tasks: Vec<_> = (0..TASKS).map(|_| executor.spawn(application(producer.clone()))).collect();
    block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    assert_eq!(stored_count(&broker, "async"), TASKS * RECORDS);
}

#[test]
fn handles_go_to_any_thread() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn is_send<T: Send>(_: &T) {}
    fn futures<'a>(producer: &'a Producer, topic: &'a mut Topic) {
        is_send(&producer.send("topic", Record::default()));
        is_send(&topic.send(Record::default()));
        is_send(&producer.flush());
        is_send(&producer.partitions("topic"));
        is_send(&producer.close(std::time::Duration::ZERO));
    }
    let _ = futures;
    send::<(Producer, Topic, Delivery, TypedProducer<str, str, (), ()>)>();
    sync::<(Producer, Topic, TypedProducer<str, str, (), ()>)>();
}
