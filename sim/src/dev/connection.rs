//! One client's connection: requests are answered in the order they came, as Kafka does.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;

use bytes::Bytes;

use super::frame;
use super::handler::Handler;
use super::sink::{self, SinkConnection};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 256 << 10;

/// Serves a connection until it ends; errors of its socket just end it.
pub(super) fn serve(stream: &TcpStream, node: i32, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(READ_BYTES, stream);
    let mut request = Vec::new();
    let mut sink = handler.sink.as_ref().map(SinkConnection::new);
    while !handler.is_stopped() && frame::read(&mut reader, &mut request)? {
        if let Some(sink) = &mut sink
            && sink::is_produce(&request)
        {
            let Some(response) = sink.answer(&request) else { break };
            (&*stream).write_all(response)?;
            continue;
        }
        let request = Bytes::from(std::mem::take(&mut request));
        match handler.answer(node, request) {
            Some(response) => (&*stream).write_all(&response)?,
            None => break,
        }
    }
    Ok(())
}
