//! The ZooKeeper that a Kafka before KRaft keeps its state in, from that Kafka's own jars.

use std::fs::{self, File};
use std::path::Path;

use super::jars::Jars;
use super::properties::LOG4J_1;
use crate::ports::Port;
use crate::process::Guarded;

/// One running ZooKeeper server. Dropping it kills it.
#[derive(Debug)]
pub(super) struct ZooKeeper {
    port: Port,
    _process: Guarded,
}

impl ZooKeeper {
    /// Starts it; it answers some seconds later, for which brokers wait.
    pub(super) fn start(jars: &Jars, dir: &Path) -> Self {
        let port = Port::reserve();
        fs::create_dir_all(dir).expect("cannot create ZooKeeper's directory");
        let (config, log4j) = (dir.join("zookeeper.properties"), dir.join("log4j.properties"));
        let text = format!(
            "dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
             tickTime=1000\nadmin.enableServer=false\n",
            dir.join("data").display(),
            port.number,
        );
        fs::write(&config, text).expect("cannot write zookeeper.properties");
        fs::write(&log4j, LOG4J_1).expect("cannot write log4j.properties");
        let flags = [
            "-Xmx128m".into(),
            // It would look for classes that today's Log4j 1 does not have.
            "-Dzookeeper.jmx.log4j.disable=true".into(),
            format!("-Dlog4j.configuration=file:{}", log4j.display()).into(),
        ];
        let class = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
        let mut argv = jars.java(dir, &flags, class);
        argv.push(config.into());
        let log = File::create(dir.join("console.log")).expect("cannot create a log");
        let errors = log.try_clone().expect("cannot share a log");
        let process =
            Guarded::spawn(&argv, None, log.into(), errors.into()).expect("cannot run sh");
        Self { port, _process: process }
    }

    /// What brokers connect to.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number)
    }
}
