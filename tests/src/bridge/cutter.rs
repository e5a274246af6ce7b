//! A line that breaks after so many bytes: a TCP proxy between a client and a bridge.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the client to the bridge.
    Up,
    /// From the bridge to the client.
    Down,
}

/// See the module. Its threads end with the connections, its listener with the process.
#[derive(Clone, Debug)]
pub struct Cutter {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// For the next connection.
    limit: Option<(Way, u64)>,
    /// The connection that is there, both ends of the proxy.
    line: Option<[TcpStream; 2]>,
    /// Bytes that passed on it, up and down.
    passed: [u64; 2],
    /// Connections that ended because of their limit.
    cuts: u64,
}

impl Cutter {
    /// Listens before `target`.
    ///
    /// # Panics
    /// If the system gives no port.
    #[must_use]
    pub fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let this = Self { address, state: Arc::default() };
        let cutter = this.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A bridge that is gone is as good as a line that is cut.
                drop(cutter.join(client, target));
            }
        });
        this
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connection that is there. The next one is cut when exactly so many bytes have
    /// passed on it; those after it are not.
    pub fn next(&self, limit: Option<(Way, u64)>) {
        let mut state = self.lock();
        state.limit = limit;
        state.cut();
    }

    /// Bytes that passed on the latest connection, up and down.
    #[must_use]
    pub fn passed(&self) -> [u64; 2] {
        self.lock().passed
    }

    /// How many connections were cut because of their limit.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.lock().cuts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, client: TcpStream, target: SocketAddr) -> io::Result<()> {
        let bridge = TcpStream::connect(target)?;
        client.set_nodelay(true)?;
        bridge.set_nodelay(true)?;
        let mut state = self.lock();
        state.cut();
        state.passed = [0, 0];
        state.line = Some([client.try_clone()?, bridge.try_clone()?]);
        let limit = state.limit.take();
        let of = |way| limit.and_then(|(limited, bytes)| (limited == way).then_some(bytes));
        for (way, from, to) in
            [(Way::Up, client.try_clone()?, bridge.try_clone()?), (Way::Down, bridge, client)]
        {
            let (cutter, limit) = (self.clone(), of(way));
            if limit == Some(0) {
                state.cuts += 1;
                state.cut();
            }
            thread::spawn(move || cutter.pass(way, from, to, limit));
        }
        Ok(())
    }

    /// Passes bytes on until either end is gone or the limit is reached.
    fn pass(&self, way: Way, mut from: TcpStream, mut to: TcpStream, limit: Option<u64>) {
        let mut left = limit.unwrap_or(u64::MAX);
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let Ok(count @ 1..) = from.read(&mut buffer) else { break };
            let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= count as u64;
            self.lock().passed[way as usize] += count as u64;
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        if left == 0 {
            self.lock().cuts += 1;
        }
        for stream in [from, to] {
            // It may be gone already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.line.take().into_iter().flatten() {
            // It may be gone already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}
