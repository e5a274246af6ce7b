//! The outcomes of many records.

use std::future::poll_fn;

use futures_lite::future::block_on;
use ottla_transport_std::Native;

use crate::{Delivered, Delivery};

/// Deliveries whose outcomes are taken in the order in which they were added.
///
/// Consecutive records of one batch take one place here, and what became of them is told once: a
/// program that only has to know whether its records arrived pays for batches, not for records.
///
/// ```
/// use ottla::{Deliveries, Producer, Record};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
/// # let address = broker.address().to_string();
/// # let brokers = address.as_str();
/// let producer = Producer::from_properties([("bootstrap.servers", brokers)])?;
/// let mut topic = producer.topic("numbers");
/// let numbers: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
/// let records: Vec<_> = numbers.iter().map(|text| Record::new(text.as_bytes())).collect();
/// let mut deliveries = Deliveries::new();
/// topic.send_all_blocking(&mut &records[..], &mut deliveries)?;
/// let mut acknowledged = 0;
/// while let Some((records, outcome)) = deliveries.wait_next() {
///     outcome?;
///     acknowledged += records;
/// }
/// assert_eq!(acknowledged, 1000);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Deliveries(ottla_core::Deliveries<Native>);

impl Deliveries {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(ottla_core::Deliveries::new())
    }

    #[inline]
    pub(crate) fn core_mut(&mut self) -> &mut ottla_core::Deliveries<Native> {
        &mut self.0
    }

    /// Adds the delivery of one record. [`Topic::try_send_into`](crate::Topic::try_send_into) does
    /// both, the sending and this, and [`Topic::send_all`](crate::Topic::send_all) for many.
    #[inline]
    pub fn push(&mut self, delivery: Delivery) {
        self.0.push(delivery.into_core());
    }

    /// Whether all outcomes were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the oldest outcome, and how many records share it, when it is known; `None` once all
    /// were taken. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivered> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }

    /// [`next`](Self::next), blocking the thread.
    pub fn wait_next(&mut self) -> Option<Delivered> {
        block_on(self.next())
    }

    /// Takes the oldest outcome, and how many records share it, if it is known.
    pub fn try_next(&mut self) -> Option<Delivered> {
        self.0.try_next()
    }
}
