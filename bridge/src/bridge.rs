//! What all sessions share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::audit::{Audit, Who};
use crate::auth::Authenticator;
use crate::config::{Auth, Config, ConfigError, Limits, Times};
use crate::id::SessionId;
use crate::lease::Leases;
use crate::limits::Bucket;
use crate::metrics::Metrics;
use crate::session::Event;
use crate::upstream::Cluster;

/// Subjects whose budget is remembered; beyond it those that used nothing lately are forgotten.
const REMEMBERED: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Bridge {
    config: RwLock<Arc<Config>>,
    auth: RwLock<Arc<Authenticator>>,
    pub(crate) cluster: Cluster,
    pub(crate) leases: Arc<Leases>,
    sessions: Mutex<HashMap<SessionId, UnboundedSender<Event>>>,
    subjects: Mutex<HashMap<Arc<str>, Arc<Mutex<Bucket>>>>,
    pub(crate) admission: Admission,
    pub(crate) metrics: Metrics,
    audit: Audit,
    /// Whether a broker has answered lately.
    pub(crate) reached: AtomicBool,
    /// Bytes of all requests that brokers have, and of those without a session that are here.
    held_bytes: AtomicUsize,
    /// Requests without a session that are being answered.
    one_shots: AtomicUsize,
    /// Whether the bridge is about to end.
    pub(crate) draining: watch::Sender<bool>,
}

impl Bridge {
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self {
            auth: RwLock::new(Arc::new(Authenticator::new(&config.auth)?)),
            cluster: Cluster::new(&config)?,
            leases: Arc::new(Leases::new(&config.leases)?),
            sessions: Mutex::default(),
            subjects: Mutex::default(),
            admission: Admission::default(),
            metrics: Metrics::default(),
            audit: Audit::default(),
            reached: AtomicBool::new(false),
            held_bytes: AtomicUsize::new(0),
            one_shots: AtomicUsize::new(0),
            draining: watch::Sender::new(false),
            config: RwLock::new(Arc::new(config)),
        })
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who checks tokens now.
    pub(crate) fn auth(&self) -> Arc<Authenticator> {
        self.auth.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes another configuration: who may come, at once; how long things take, and limits, for
    /// sessions that begin from now on. What listens, the cluster, the key of tickets and whether
    /// anybody is asked who he is stay: each was checked together with the others.
    pub(crate) fn replace(&self, config: Config) -> Result<(), ConfigError> {
        let former = self.config();
        let kept = Config {
            listen: former.listen.clone(),
            admin: former.admin.clone(),
            kafka: former.kafka.clone(),
            leases: former.leases.clone(),
            otlp: former.otlp.clone(),
            auth: Auth {
                mode: former.auth.mode,
                allow_anonymous_network: former.auth.allow_anonymous_network,
                ..config.auth.clone()
            },
            times: Times { connect_ms: former.times.connect_ms, ..config.times.clone() },
            ..config.clone()
        };
        if format!("{kept:?}") != format!("{config:?}") {
            tracing::warn!(
                "changes of listen, admin, kafka, leases, otlp, auth.mode, \
                 auth.allow_anonymous_network and times.connect_ms need a restart"
            );
        }
        let config = kept;
        config.check()?;
        let auth = Arc::new(Authenticator::new(&config.auth)?);
        *self.auth.write().unwrap_or_else(PoisonError::into_inner) = auth;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        // Whoever may come no more has to go.
        self.tell_all(|| Event::Reloaded);
        Ok(())
    }

    /// Writes down that something was refused, and counts it.
    pub(crate) fn deny(&self, who: &Who<'_>, threat: &'static str, what: &str) {
        self.metrics.refused(threat);
        self.audit.deny(who, threat, what);
    }

    /// Whether clients may be sent here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() && self.reached.load(Relaxed)
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        let (lent, free) = self.leases.counts();
        self.metrics.sessions.set(self.session_count() as i64);
        self.metrics.leases.set(lent as i64);
        self.metrics.leases_free.set(free as i64);
        self.metrics.held_bytes.set(self.held_bytes.load(Relaxed) as i64);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, UnboundedSender<Event>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sessions there are.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions().len()
    }

    pub(crate) fn enter(&self, session: SessionId, events: UnboundedSender<Event>) {
        self.sessions().insert(session, events);
    }

    pub(crate) fn leave(&self, session: SessionId) {
        self.sessions().remove(&session);
    }

    /// What the sessions of a subject may use together.
    pub(crate) fn subject_budget(&self, subject: &Arc<str>) -> Arc<Mutex<Bucket>> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = self.config().limits.subject_bytes_per_s as f64;
        if let Some(bucket) = subjects.get(subject) {
            // The configuration may have changed since.
            bucket.lock().unwrap_or_else(PoisonError::into_inner).set_rate(rate);
            return bucket.clone();
        }
        if subjects.len() >= REMEMBERED {
            let now = Instant::now();
            subjects.retain(|_, bucket| {
                let full = bucket.lock().unwrap_or_else(PoisonError::into_inner).is_full(now);
                Arc::strong_count(bucket) > 1 || !full
            });
        }
        let bucket = Arc::new(Mutex::new(Bucket::new(rate)));
        subjects.insert(subject.clone(), bucket.clone());
        bucket
    }

    /// Tells every session.
    pub(crate) fn tell_all(&self, event: impl Fn() -> Event) {
        for session in self.sessions().values() {
            // One that has just ended hears nothing.
            drop(session.send(event()));
        }
    }

    /// Counts bytes of a request, until its broker has answered or is lost: that its client has
    /// gone frees none of them.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Counted {
        self.count(|bridge| &bridge.held_bytes, bytes)
    }

    /// Whether another request may be held.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.held_bytes.load(Relaxed) < limits.total_bytes
    }

    /// Counts a request without a session, which a drain awaits.
    pub(crate) fn begin_one_shot(self: &Arc<Self>) -> Counted {
        self.count(|bridge| &bridge.one_shots, 1)
    }

    /// Whether anybody is still here who has to be answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.session_count() == 0 && self.one_shots.load(Relaxed) == 0
    }

    fn count(self: &Arc<Self>, of: fn(&Self) -> &AtomicUsize, amount: usize) -> Counted {
        of(self).fetch_add(amount, Relaxed);
        Counted { bridge: self.clone(), of, amount }
    }
}

/// Something that counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    bridge: Arc<Bridge>,
    of: fn(&Bridge) -> &AtomicUsize,
    amount: usize,
}

impl Counted {
    /// It has become more.
    pub(crate) fn add(&mut self, amount: usize) {
        (self.of)(&self.bridge).fetch_add(amount, Relaxed);
        self.amount += amount;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.of)(&self.bridge).fetch_sub(self.amount, Relaxed);
    }
}
