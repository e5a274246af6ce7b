//! Handles of a topic: its state, and what those who send to it know by themselves.

use super::TopicState;
use super::local::Local;
use crate::shared::Shared;
use crate::sync::{Arc, Lock, Platform};

/// A topic as those see it who send: the topic's state, and what they know by themselves. That
/// takes a lock for each record where several share a handle, and none where one has it for itself.
pub(crate) trait TopicHandle<X: Platform> {
    fn state(&self) -> &Arc<TopicState<X>>;

    /// Runs `f` with exclusive access to what the handle knows by itself.
    fn with<R>(&mut self, f: impl FnOnce(&TopicState<X>, &mut Local<X>) -> R) -> R;
}

/// A handle that one thread has for itself.
pub(crate) struct OwnHandle<X: Platform> {
    pub(crate) state: Arc<TopicState<X>>,
    local: Local<X>,
}

impl<X: Platform> OwnHandle<X> {
    pub(crate) fn new(state: Arc<TopicState<X>>, shared: &Shared<X>) -> Self {
        Self { state, local: Local::new(shared) }
    }
}

impl<X: Platform> TopicHandle<X> for OwnHandle<X> {
    fn state(&self) -> &Arc<TopicState<X>> {
        &self.state
    }

    #[inline]
    fn with<R>(&mut self, f: impl FnOnce(&TopicState<X>, &mut Local<X>) -> R) -> R {
        f(&self.state, &mut self.local)
    }
}

/// The handle of all who name a topic with each record.
pub(crate) struct SharedHandle<X: Platform> {
    pub(crate) state: Arc<TopicState<X>>,
    local: X::Lock<Local<X>>,
}

impl<X: Platform> SharedHandle<X> {
    pub(crate) fn new(state: Arc<TopicState<X>>, shared: &Shared<X>) -> Self {
        Self { state, local: X::Lock::new(Local::new(shared)) }
    }
}

impl<X: Platform> TopicHandle<X> for Arc<SharedHandle<X>> {
    fn state(&self) -> &Arc<TopicState<X>> {
        &self.state
    }

    #[inline]
    fn with<R>(&mut self, f: impl FnOnce(&TopicState<X>, &mut Local<X>) -> R) -> R {
        self.local.with(|local| f(&self.state, local))
    }
}

/// A handle for a send that waits.
#[cfg(feature = "waiting")]
pub(crate) enum AnyHandle<'a, X: Platform> {
    Own(&'a mut OwnHandle<X>),
    Shared(Arc<SharedHandle<X>>),
}

#[cfg(feature = "waiting")]
impl<X: Platform> TopicHandle<X> for AnyHandle<'_, X> {
    fn state(&self) -> &Arc<TopicState<X>> {
        match self {
            Self::Own(handle) => handle.state(),
            Self::Shared(handle) => handle.state(),
        }
    }

    fn with<R>(&mut self, f: impl FnOnce(&TopicState<X>, &mut Local<X>) -> R) -> R {
        match self {
            Self::Own(handle) => handle.with(f),
            Self::Shared(handle) => handle.with(f),
        }
    }
}
