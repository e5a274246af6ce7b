//! The limits under the benchmark's contract: what it costs to write batches to a socket when
//! nothing else is done. `way=bare` writes the same request over and over; `way=copy` first copies
//! each record into it, once, and computes the batch's CRC-32C by the processor's instruction for
//! it, `way=fold` by carry-less multiplications as ottla does. `way=keep` does that too, but with
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
    let mut lanes: Vec<Lane> =
        (0..task.threads).map(|thread| Lane::open(&task, thread, payload.clone())).collect();
    send(&task, &mut lanes, task.warmup);
    let meter = Meter::start();
    let acknowledged = send(&task, &mut lanes, task.records);
    let used = meter.stop();
    let version = "–".to_owned();
    Report { version, acknowledged, used, latencies: Latencies::default() }.print();
}

fn send(task: &Task, lanes: &mut [Lane], records: u64) -> u64 {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(lanes)
            .map(|(thread, lane)| scope.spawn(move || lane.send(task, task.share(records, thread))))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no lane panics")).sum()
    })
}

/// One connection.
struct Lane {
    socket: TcpStream,
    payload: Payload,
    request: Request,
}

impl Lane {
    fn open(task: &Task, thread: u32, mut payload: Payload) -> Self {
        let address = task.bootstrap.split(',').next().expect("there is one");
        let socket = TcpStream::connect(address).expect("the broker is there");
        socket.set_nodelay(true).expect("it is a socket");
        let request = Request::new(task, thread % task.partitions, &mut payload);
        Self { socket, payload, request }
    }

    /// The last request has as few records as are left.
    fn send(&mut self, task: &Task, records: u64) -> u64 {
        let (mut sent, mut waiting) = (0, 0);
        while sent < records {
            let count = self.request.records().min(records - sent);
            self.request.begin(count);
            if task.way != "bare" {
                self.request.copy(&mut self.payload);
            }
            self.socket.write_all(self.request.bytes()).expect("the broker takes it");
            sent += count;
            waiting += 1;
            if waiting == IN_FLIGHT {
                read_answer(&mut self.socket);
                waiting -= 1;
            }
        }
        (0..waiting).for_each(|_| read_answer(&mut self.socket));
        sent
    }
}

fn read_answer(socket: &mut TcpStream) {
    let mut size = [0; 4];
    socket.read_exact(&mut size).expect("it answers");
    let mut answer = [0; 256];
    let answer = &mut answer[..u32::from_be_bytes(size) as usize];
    socket.read_exact(answer).expect("it answers");
}
