//! One broker of a cluster and its process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::cluster::NodeId;
use super::jars::Jars;
use super::properties::{LOG4J_1, LOG4J_2};
use crate::ports::Port;
use crate::process::Guarded;

/// A controlled shutdown hands over leadership first.
const SHUTDOWN: Duration = Duration::from_secs(60);
const LOG_TAIL: usize = 4000;

/// A broker: where it listens, its files, and its process while it has one.
#[derive(Debug)]
pub(super) struct Node {
    id: NodeId,
    address: SocketAddr,
    dir: PathBuf,
    process: Mutex<Process>,
    ports: Vec<(&'static str, Port)>,
}

#[derive(Debug)]
enum Process {
    Down,
    Running(Guarded),
    Paused(Guarded),
}

impl Node {
    /// A node that is down, its configuration written to `dir`.
    pub(super) fn new(
        id: NodeId,
        address: SocketAddr,
        dir: PathBuf,
        config: &str,
        ports: Vec<(&'static str, Port)>,
    ) -> Self {
        let node = Self { id, address, dir, process: Mutex::new(Process::Down), ports };
        fs::write(node.config(), config).expect("cannot write server.properties");
        node
    }

    pub(super) fn id(&self) -> NodeId {
        self.id
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of one listener.
    pub(super) fn port(&self, listener: &str) -> Option<u16> {
        self.ports.iter().find(|(name, _)| *name == listener).map(|(_, port)| port.number)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        Self::log_dir_in(&self.dir)
    }

    pub(super) fn log_dir_in(dir: &Path) -> PathBuf {
        dir.join("data")
    }

    /// Starts the process; it is ready some seconds later.
    pub(super) fn launch(&self, jars: &Jars) {
        let mut process = self.lock();
        assert!(matches!(*process, Process::Down), "node {} is not down", self.id);
        let mut argv = jars.java(&self.dir, &self.flags(jars), "kafka.Kafka");
        argv.push(self.config().into());
        let log = File::options().create(true).append(true).open(self.console());
        let log = log.expect("cannot open the console's log");
        let errors = log.try_clone().expect("cannot share the console's log");
        let child = Guarded::spawn(&argv, None, log.into(), errors.into()).expect("cannot run sh");
        *process = Process::Running(child);
    }

    pub(super) fn kill(&self) {
        *self.lock() = Process::Down;
    }

    pub(super) fn stop(&self) {
        self.resume();
        if let Process::Running(child) = std::mem::replace(&mut *self.lock(), Process::Down) {
            child.stop(SHUTDOWN);
        }
    }

    pub(super) fn pause(&self) {
        let mut process = self.lock();
        *process = match std::mem::replace(&mut *process, Process::Down) {
            Process::Running(child) => {
                child.signal(Signal::STOP);
                Process::Paused(child)
            }
            other => other,
        };
    }

    pub(super) fn resume(&self) {
        let mut process = self.lock();
        *process = match std::mem::replace(&mut *process, Process::Down) {
            Process::Paused(child) => {
                child.signal(Signal::CONT);
                Process::Running(child)
            }
            other => other,
        };
    }

    /// Whether it should be answering.
    pub(super) fn is_running(&self) -> bool {
        matches!(*self.lock(), Process::Running(_))
    }

    /// Panics with the end of its log if the process has ended by itself.
    pub(super) fn check_alive(&self) {
        if let Process::Running(child) = &mut *self.lock() {
            assert!(child.is_running(), "node {} ended:\n{}", self.id, self.log_tail());
        }
    }

    /// The end of what it has logged.
    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.console()).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(LOG_TAIL)..];
        String::from_utf8_lossy(tail).into_owned()
    }

    fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    fn flags(&self, jars: &Jars) -> [OsString; 2] {
        let file = self.dir.join("log4j.properties");
        let (property, config) = if jars.is_before_4() {
            ("log4j.configuration", LOG4J_1)
        } else {
            ("log4j2.configurationFile", LOG4J_2)
        };
        fs::write(&file, config).expect("cannot write log4j.properties");
        ["-Xmx512m".into(), format!("-D{property}=file:{}", file.display()).into()]
    }

    /// A panic in another test leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
