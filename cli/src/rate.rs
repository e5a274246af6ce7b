//! Amounts per second.

use std::time::Duration;

/// Kafka's tools call this a megabyte.
pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// A rate, 0 where no time has passed.
pub(crate) fn per_second(amount: f64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { amount / elapsed.as_secs_f64() }
}
