//! Token buckets: how much of something anybody may use over time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Fills with `rate` a second up to one second's worth, and may go into debt: what has arrived has
/// arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, level: rate, at: Instant::now() }
    }

    /// Fills with another rate from now on.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Takes `amount`.
    pub(crate) fn take(&mut self, amount: f64, now: Instant) {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level = (self.level + filled).min(self.rate) - amount;
        self.at = now;
    }

    /// Whether nothing was taken lately.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level + filled >= self.rate
    }

    /// How long until it is out of debt; zero if it is not in debt.
    pub(crate) fn debt(&self, now: Instant) -> Duration {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        Duration::from_secs_f64((-(self.level + filled) / self.rate).clamp(0.0, 60.0))
    }
}

/// Counts things that are open, by who has them.
#[derive(Debug)]
pub(crate) struct Counter<K: Eq + Hash>(Arc<Mutex<HashMap<K, usize>>>);

impl<K: Eq + Hash> Default for Counter<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> Counter<K> {
    /// One more of `key`'s, unless it has `max` already. It counts until it is dropped.
    pub(crate) fn enter(&self, key: K, max: usize) -> Option<Entered<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.clone()).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Entered { key, of: self.0.clone() })
    }
}

/// Something that counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Entered<K: Eq + Hash> {
    key: K,
    of: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Drop for Entered<K> {
    fn drop(&mut self) {
        let mut counts = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Bucket, Counter};
    use tokio::time::Instant;

    #[test]
    fn a_bucket_lets_through_its_rate_and_one_second_more() {
        let mut bucket = Bucket::new(10.0);
        let start = Instant::now();
        bucket.take(10.0, start);
        assert_eq!(bucket.debt(start), Duration::ZERO);
        bucket.take(5.0, start);
        assert!((bucket.debt(start).as_secs_f64() - 0.5).abs() < 0.01);
        let later = start + Duration::from_millis(500);
        assert!(bucket.debt(later) < Duration::from_millis(1));
    }

    #[test]
    fn what_is_dropped_counts_no_more() {
        let counter = Counter::default();
        let first = counter.enter("a", 1);
        assert!(first.is_some());
        assert!(counter.enter("a", 1).is_none());
        assert!(counter.enter("b", 1).is_some());
        drop(first);
        assert!(counter.enter("a", 1).is_some());
    }
}
