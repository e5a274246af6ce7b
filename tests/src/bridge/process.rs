//! `ottla bridge` as a process of its own, so that it can be killed, drained and measured.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::binary;
use crate::ports::Port;
use crate::process::Guarded;
use crate::scratch::Scratch;

const TICKET_KEY: &str = "for tickets of tests alone, 32 bytes or more";

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A bridge that asks nobody who he is, at an address that stays its own. Dropping it kills it.
#[derive(Debug)]
pub struct BridgeProcess {
    process: Option<Guarded>,
    address: SocketAddr,
    _port: Port,
    scratch: Scratch,
}

impl BridgeProcess {
    /// Starts one before the cluster with these further keys and values of `bridge.toml`; there is
    /// a file `ticket.key` for `leases.key_file`.
    ///
    /// # Panics
    /// If it can't be built or does not start.
    #[must_use]
    pub fn start(bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        let port = Port::reserve();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let scratch = Scratch::new("bridge");
        let servers: Vec<String> = bootstrap.split(',').map(|it| format!("{it:?}")).collect();
        let mut text = format!(
            "listen.address = \"{address}\"\nadmin.enabled = false\nkafka.bootstrap = [{}]\n\
             auth.mode = \"none\"\nauth.origins = [\"loopback\"]\n",
            servers.join(", ")
        );
        for (key, value) in settings {
            text += &format!("{key} = {value}\n");
        }
        fs::write(scratch.path().join("bridge.toml"), text).expect("scratch is writable");
        fs::write(scratch.path().join("ticket.key"), TICKET_KEY).expect("scratch is writable");
        let mut this = Self { process: None, address, _port: port, scratch };
        this.launch();
        this
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again and waits until it listens.
    ///
    /// # Panics
    /// If it does not.
    pub fn launch(&mut self) {
        // Compiling it takes a time of its own.
        let program = binary();
        let deadline = Instant::now() + PATIENCE;
        while !self.try_launch(program, deadline) {
            // One that drains may have the port for a moment.
            assert!(Instant::now() < deadline, "the bridge does not start:\n{}", self.log());
            thread::sleep(POLL);
        }
    }

    fn try_launch(&mut self, program: &Path, deadline: Instant) -> bool {
        let config = self.scratch.path().join("bridge.toml").into_os_string();
        let argv: [OsString; 5] =
            [program.into(), "bridge".into(), "--log-json".into(), "--config".into(), config];
        let log = File::options().create(true).append(true).open(self.log_path());
        let log = log.expect("scratch is writable");
        let mut process = Guarded::spawn(&argv, None, Stdio::null(), log.into()).expect("sh");
        while process.is_running() && Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                self.process = Some(process);
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }

    /// Asks it to end (SIGTERM), starts its successor at the same address as soon as that is
    /// free, and waits until the former has ended, which must be by itself.
    ///
    /// # Panics
    /// If the former has to be killed, or the successor does not start.
    pub fn replace(&mut self) {
        let former = self.process.take().expect("it runs");
        former.signal(Signal::TERM);
        self.launch();
        let status = former.wait().expect("it ends");
        assert!(status.success(), "drained: {status}\n{}", self.log());
    }

    /// The bytes of its memory that are resident.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let pid = self.process.as_ref().expect("it runs").pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("Linux tells");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// What it has logged, a JSON object on each line.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }
}
