//! The limits under the benchmark's contract: what it costs to write batches to a socket when
//! nothing else is done. `way=bare` writes the same request over and over; `way=copy` first copies
//! each record into it, once, and computes the batch's CRC-32C. `way=keep` does that too, but with
//! as many requests in turn as the clients may have in memory: who may have to send a batch again
//! can't write the next one over it.
#![forbid(unsafe_code)]

mod request;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use contract::{Latencies, Meter, Payload, Report, Task};

use crate::request::Request;

/// Requests on their way at once, as the clients have them.
const IN_FLIGHT: u64 = 5;

fn main() {
    let task = Task::from_args();
    let payload = Payload::read(&task);
    send(&task, &payload, task.warmup);
    let meter = Meter::start();
    let acknowledged = send(&task, &payload, task.records);
    let used = meter.stop();
    let version = "–".to_owned();
    Report { version, acknowledged, used, latencies: Latencies::default() }.print();
}

fn send(task: &Task, payload: &Payload, records: u64) -> u64 {
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..task.threads)
            .map(|thread| {
                let (payload, share) = (payload.clone(), task.share(records, thread));
                scope.spawn(move || lane(task, thread, payload, share))
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().expect("no lane panics")).sum()
    })
}

/// One connection. The last request has as few records as are left.
fn lane(task: &Task, thread: u32, mut payload: Payload, records: u64) -> u64 {
    let address = task.bootstrap.split(',').next().expect("there is one");
    let mut socket = TcpStream::connect(address).expect("the broker is there");
    socket.set_nodelay(true).expect("it is a socket");
    let kept = if task.way == "keep" { task.buffer_bytes / task.batch_bytes } else { 1 };
    let partition = thread % task.partitions;
    let mut requests: Vec<_> =
        (0..kept.max(1)).map(|_| Request::new(task, partition, &mut payload)).collect();
    let (mut sent, mut waiting, mut turn) = (0, 0, 0);
    while sent < records {
        let request = &mut requests[turn];
        turn = (turn + 1) % kept.max(1);
        let count = request.records().min(records - sent);
        request.set_count(count);
        if task.way != "bare" {
            request.copy(&mut payload);
        }
        socket.write_all(request.bytes()).expect("the broker takes it");
        sent += count;
        waiting += 1;
        if waiting == IN_FLIGHT {
            read_answer(&mut socket);
            waiting -= 1;
        }
    }
    (0..waiting).for_each(|_| read_answer(&mut socket));
    sent
}

fn read_answer(socket: &mut TcpStream) {
    let mut size = [0; 4];
    socket.read_exact(&mut size).expect("it answers");
    let mut answer = [0; 256];
    let answer = &mut answer[..u32::from_be_bytes(size) as usize];
    socket.read_exact(answer).expect("it answers");
}
