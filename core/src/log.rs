//! What happens to connections, batches and transactions, for whoever listens to the `log` crate
//! (Cargo feature `log`, target `ottla`): a line per batch or less often, never one per record.

use core::fmt;

/// A line at a level of the `log` crate. It is put into words only if somebody listens.
macro_rules! line {
    ($level:ident, $($words:tt)+) => {
        #[cfg(feature = "log")]
        log::log!(target: "ottla", log::Level::$level, $($words)+);
        #[cfg(not(feature = "log"))]
        if false {
            let _ = format_args!($($words)+);
        }
    };
}
pub(crate) use line;

/// A partition as Kafka's own log lines name it: `topic-3`.
pub(crate) struct Spot<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
}

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
