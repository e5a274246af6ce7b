//! Ports on 127.0.0.1 that stay ours while a broker is down.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process;

/// Below the ports that systems give to outgoing connections, so that none of those can take the
/// port of a broker that is being restarted.
const FIRST: u16 = 12_000;
const LAST: u16 = 31_999;

/// A port that no other test process takes while this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _lock: File,
}

impl Port {
    /// Reserves a free port.
    pub(crate) fn reserve() -> Self {
        let count = u32::from(LAST - FIRST) + 1;
        let start = process::id().wrapping_mul(101);
        (0..count)
            .map(|i| FIRST + u16::try_from(start.wrapping_add(i) % count).expect("within u16"))
            .find_map(Self::try_reserve)
            .expect("no free port between 12000 and 31999")
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let dir = env::temp_dir().join("ottla-ports");
        fs::create_dir_all(&dir).ok()?;
        let lock = File::create(dir.join(number.to_string())).ok()?;
        lock.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn ports_differ_and_are_given_back() {
        let first = Port::reserve();
        let second = Port::reserve();
        assert_ne!(first.number, second.number);
        assert!(Port::try_reserve(first.number).is_none());
        let number = first.number;
        drop(first);
        // A process that another test is just starting holds a copy of the lock until it runs.
        let patience = Instant::now() + Duration::from_secs(20);
        while Port::try_reserve(number).is_none() {
            assert!(Instant::now() < patience, "port {number} was not given back");
            thread::yield_now();
        }
    }
}
