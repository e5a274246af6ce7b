//! Transactional producers, as the tests on real clusters want them.

use ottla::transaction::TransactionalProducer;

/// One that soon gives up a broker which does not answer.
///
/// # Panics
/// If it can't be started.
#[must_use]
pub fn producer(bootstrap: &str, id: &str) -> TransactionalProducer {
    let properties = [
        ("bootstrap.servers", bootstrap),
        ("transactional.id", id),
        ("request.timeout.ms", "5000"),
        ("linger.ms", "1"),
    ];
    TransactionalProducer::from_properties_blocking(properties).expect("its id is its own")
}
