//! What all sessions share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::config::{Config, ConfigError};
use crate::id::SessionId;
use crate::lease::Leases;
use crate::limits::Bucket;
use crate::session::Event;
use crate::upstream::Cluster;

/// See the module.
#[derive(Debug)]
pub(crate) struct Bridge {
    config: RwLock<Arc<Config>>,
    auth: RwLock<Arc<Authenticator>>,
    pub(crate) cluster: Cluster,
    pub(crate) leases: Arc<Leases>,
    sessions: Mutex<HashMap<SessionId, UnboundedSender<Event>>>,
    subjects: Mutex<HashMap<Arc<str>, Weak<Mutex<Bucket>>>>,
    /// Bytes of all requests that are held.
    pub(crate) held_bytes: AtomicUsize,
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
            held_bytes: AtomicUsize::new(0),
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
        if let Some(bucket) = subjects.get(subject).and_then(Weak::upgrade) {
            return bucket;
        }
        subjects.retain(|_, bucket| bucket.strong_count() > 0);
        let rate = self.config().limits.subject_bytes_per_s as f64;
        let bucket = Arc::new(Mutex::new(Bucket::new(rate)));
        subjects.insert(subject.clone(), Arc::downgrade(&bucket));
        bucket
    }

    /// Tells every session.
    pub(crate) fn tell_all(&self, event: impl Fn() -> Event) {
        for session in self.sessions().values() {
            // One that has just ended hears nothing.
            drop(session.send(event()));
        }
    }

    /// Counts bytes of requests that are held, or given back.
    pub(crate) fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, Relaxed);
    }
}
