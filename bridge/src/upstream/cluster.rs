//! The cluster as the bridge knows it: its brokers under numbers of the bridge's own, its topics,
//! and connections to it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::header::{begin_request, finish_request};
use ottla_core::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use ottla_core::protocol::metadata::{MetadataRequest, MetadataResponse};
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::dial::{DialError, DialPolicy, dial};
use super::greeting::{CLIENT_ID, greet};
use super::known::{Known, Wanted};
use super::login::log_in;
use super::security::Security;
use crate::config::{Config, ConfigError};
use crate::kafka::metadata::TopicPicture;

/// How long an answer of the control connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often, and with which pauses in between, a producer id is asked for: a broker that has just
/// started has none yet.
const TRIES: u32 = 8;
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// Nobody in the cluster answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable(pub(crate) String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DialError> for Unreachable {
    fn from(error: DialError) -> Self {
        Self(error.to_string())
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Cluster {
    bootstrap: Vec<(String, u16)>,
    policy: DialPolicy,
    security: Security,
    connections_per_broker: usize,
    create_topics: bool,
    connect_patience: Duration,
    known: Mutex<Known>,
    /// The connection for metadata and producer ids; who holds the lock asks for everybody.
    control: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Whose turn it is to be dialled for it.
    turn: AtomicUsize,
}

impl Cluster {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let kafka = &config.kafka;
        let bootstrap = kafka
            .bootstrap
            .iter()
            .map(|text| parse_address(text))
            .collect::<Result<Vec<_>, _>>()?;
        let loopback = bootstrap.iter().any(|(host, _)| is_loopback(host));
        Ok(Self {
            bootstrap,
            security: Security::new(kafka)?,
            policy: DialPolicy::new(&kafka.allowed_hosts, loopback),
            connections_per_broker: kafka.connections_per_broker,
            create_topics: kafka.create_topics,
            connect_patience: Duration::from_millis(config.times.connect_ms),
            known: Mutex::default(),
            control: tokio::sync::Mutex::default(),
            turn: AtomicUsize::new(0),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many nodes there are; their numbers are 0 to this.
    pub(crate) fn nodes(&self) -> u32 {
        self.known().nodes.len() as u32
    }

    /// The bridge's number of a broker.
    pub(crate) fn number_of(&self, broker: i32) -> Option<u32> {
        self.known().number(broker)
    }

    /// The leader of a partition, as far as it is known.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<u32> {
        let known = self.known();
        let partitions = &known.topics.get(topic)?.picture.partitions;
        partitions.iter().find(|it| it.index == partition)?.leader
    }

    /// Does not believe any more what it knows of leaders.
    pub(crate) fn invalidate(&self) {
        self.known().stale_before = Some(Instant::now());
    }

    /// The connection to a node that `session` uses; `None`: there is no such node.
    pub(crate) async fn connect(
        &self,
        node: u32,
        session: u64,
    ) -> Option<Result<Arc<Connection>, DialError>> {
        let node = self.known().nodes.get(node as usize).cloned()?;
        Some(node.pool.get(session, || self.open(&node.host, node.port, false)).await)
    }

    async fn open(
        &self,
        host: &str,
        port: u16,
        is_bootstrap: bool,
    ) -> Result<Arc<Connection>, DialError> {
        // The operator has named the bootstrap servers.
        let policy = (!is_bootstrap).then_some(&self.policy);
        let opened = self.try_open(host, port, policy).await;
        if let Err(error) = &opened {
            tracing::warn!(host, port, %error, "no connection to a broker");
        }
        opened
    }

    async fn try_open(
        &self,
        host: &str,
        port: u16,
        policy: Option<&DialPolicy>,
    ) -> Result<Arc<Connection>, DialError> {
        let patience = self.connect_patience;
        let stream = dial(host, port, policy, patience).await?;
        let mut stream = self.security.wrap(stream, host, patience).await?;
        let versions = greet(&mut *stream, patience).await?;
        let lifetime = match &self.security.sasl {
            None => None,
            Some(sasl) => log_in(&mut *stream, sasl, &versions, host, patience).await?,
        };
        Ok(Connection::spawn(stream, versions, lifetime))
    }

    /// What is known of topics, not older than `fresh`. Those that the cluster does not have are in
    /// it with their error, if they were named.
    pub(crate) async fn topics(
        &self,
        wanted: &Wanted,
        fresh: Duration,
    ) -> Result<Vec<TopicPicture>, Unreachable> {
        if let Some(pictures) = self.known().look_up(wanted, fresh) {
            return Ok(pictures);
        }
        let mut control = self.control.lock().await;
        // Somebody else may have asked meanwhile.
        let Some(stale) = self.known().missing(wanted, fresh) else {
            return Ok(self.known().get(wanted));
        };
        self.fetch(&mut control, &stale).await?;
        Ok(self.known().get(wanted))
    }

    /// Asks for the brokers alone: whether anybody is there.
    pub(crate) async fn probe(&self) -> Result<(), Unreachable> {
        let mut control = self.control.lock().await;
        self.fetch(&mut control, &Wanted::Names(Vec::new())).await
    }

    async fn fetch(
        &self,
        control: &mut Option<Arc<Connection>>,
        wanted: &Wanted,
    ) -> Result<(), Unreachable> {
        let asked = Instant::now();
        let names: Option<Vec<&str>> = match wanted {
            Wanted::All => None,
            Wanted::Names(names) => Some(names.iter().map(String::as_str).collect()),
        };
        let (topics, create) = (names.as_deref(), self.create_topics && names.is_some());
        let request = MetadataRequest { topics, allow_auto_topic_creation: create };
        let (version, body) = self
            .ask(control, ApiKey::Metadata, |out, version| request.encode(out, version))
            .await?;
        let response = MetadataResponse::parse(&body, version)
            .map_err(|error| Unreachable(error.to_string()))?;
        self.known().learn(&response, wanted, asked, self.connections_per_broker);
        Ok(())
    }

    /// One request over the control connection, which is opened if it is not up.
    async fn ask(
        &self,
        control: &mut Option<Arc<Connection>>,
        key: ApiKey,
        write: impl Fn(&mut Vec<u8>, i16),
    ) -> Result<(i16, bytes::Bytes), Unreachable> {
        let mut failure = Unreachable("no broker answers".to_owned());
        // A connection that was idle may be gone without our knowing it.
        for _ in 0..2 {
            let connection = match control.as_ref().filter(|connection| connection.is_up()) {
                Some(connection) => connection.clone(),
                None => control.insert(self.open_any().await?).clone(),
            };
            let Some(version) = connection.versions().select(key) else {
                return Err(Unreachable(format!("the broker takes no {key:?} of ours")));
            };
            let mut frame = Vec::new();
            let start = begin_request(&mut frame, key, version, 0, CLIENT_ID);
            write(&mut frame, version);
            finish_request(&mut frame, start, 0);
            match connection.call(frame, key, version, PATIENCE).await {
                Ok(body) => return Ok((version, body)),
                Err(lost) => failure = Unreachable(lost.to_string()),
            }
            *control = None;
        }
        Err(failure)
    }

    /// A connection to whichever broker answers first of the known ones and the bootstrap servers.
    /// Who asks may give up while one of them is silent: the next who asks begins with another.
    async fn open_any(&self) -> Result<Arc<Connection>, DialError> {
        let known: Vec<_> =
            self.known().nodes.iter().map(|node| (node.host.clone(), node.port)).collect();
        let known = known.iter().map(|address| (address, false));
        let all: Vec<_> = known.chain(self.bootstrap.iter().map(|it| (it, true))).collect();
        let mut failure = None;
        for _ in 0..all.len() {
            let ((host, port), is_bootstrap) = all[self.turn.fetch_add(1, Relaxed) % all.len()];
            match self.open(host, *port, is_bootstrap).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| DialError::Unreachable("no broker is known".to_owned())))
    }

    /// A producer id that nobody has had, with its epoch. It waits a little where the cluster has
    /// none yet, and never hands on what is none.
    pub(crate) async fn new_producer_id(&self) -> Result<(i64, i16), Unreachable> {
        let mut failure = Unreachable("no broker answers".to_owned());
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(TRY_AGAIN * attempt).await;
            }
            let request = InitProducerIdRequest::default();
            let mut control = self.control.lock().await;
            let asked = self.ask(&mut control, ApiKey::InitProducerId, |out, version| {
                request.encode(out, version);
            });
            let (version, body) = asked.await?;
            let answer = InitProducerIdResponse::parse(&body, version)
                .map_err(|error| Unreachable(error.to_string()))?;
            if answer.error.is_none() && answer.producer_id >= 0 && answer.producer_epoch >= 0 {
                return Ok((answer.producer_id, answer.producer_epoch));
            }
            failure = Unreachable(format!("no producer id: {}", answer.error));
            if !answer.error.retriable() {
                break;
            }
        }
        Err(failure)
    }
}

fn parse_address(text: &str) -> Result<(String, u16), ConfigError> {
    let bad = || ConfigError::new(format!("kafka.bootstrap: {text:?} is no HOST:PORT"));
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| bad())?;
    if host.is_empty() { Err(bad()) } else { Ok((host.to_owned(), port)) }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
