//! One client's connection: requests are answered in the order they came, as Kafka does.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame;
use super::handler::Handler;
use super::sink::{self, Sink};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 256 << 10;

/// A response and when it is to leave.
type Late = (Instant, Vec<u8>);

/// Serves a connection until it ends; errors of its socket just end it.
pub(super) fn serve(stream: &TcpStream, node: i32, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(lateness) = handler.sink.as_ref().and_then(|sink| sink.lateness(node)) else {
        return answer_all(stream, node, handler, |response, _| (&*stream).write_all(response));
    };
    let (queue, late) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| write_late(stream, late));
        let ended = answer_all(stream, node, handler, |response, is_produce| {
            let delay = if is_produce { lateness } else { Duration::ZERO };
            queue.send((Instant::now() + delay, response.to_vec())).map_err(io::Error::other)
        });
        // Lets the writer end, and with it the scope.
        drop(queue);
        ended
    })
}

/// Reads requests and gives each response to `write`, with whether it is that of a Produce that
/// the sink has taken.
fn answer_all(
    stream: &TcpStream,
    node: i32,
    handler: &Handler,
    write: impl Fn(&[u8], bool) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(READ_BYTES, stream);
    let mut request = Vec::new();
    let mut sink = handler.sink.as_ref().map(Sink::connect);
    while !handler.is_stopped() && frame::read(&mut reader, &mut request)? {
        if let Some(sink) = &mut sink
            && sink::is_produce(&request)
        {
            let Some(response) = sink.answer(&request) else { break };
            write(response, true)?;
            continue;
        }
        let request = Bytes::from(std::mem::take(&mut request));
        match handler.answer(node, request) {
            Some(response) => write(&response, false)?,
            None => break,
        }
    }
    Ok(())
}

/// Writes each response at its time, in the order in which they came.
fn write_late(mut stream: &TcpStream, late: Receiver<Late>) {
    for (due, response) in late {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if stream.write_all(&response).is_err() {
            return;
        }
    }
}
