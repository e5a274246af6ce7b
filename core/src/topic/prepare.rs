//! What is looked at before a record needs metadata or memory.

use crate::config::ProducerConfig;
use crate::error::SendError;
use crate::record::Record;
use crate::records::RecordFields;
use crate::records::record::size_upper_bound;
use crate::shared::Shared;
use crate::sync::Platform;

/// Interceptors, validity and size (rows B2.1, B2.4, E1.3): all that needs neither metadata nor
/// memory. Returns the [size](size_upper_bound).
#[inline]
pub(crate) fn prepare<'a, X: Platform>(
    shared: &'a Shared<X>,
    topic: &str,
    record: &mut Record<'a>,
) -> Result<usize, SendError> {
    if shared.is_closed() {
        return Err(SendError::Closed);
    }
    for interceptor in &shared.interceptors {
        *record = interceptor.on_send(topic, *record);
    }
    if record.timestamp.is_some_and(|millis| millis < 0) {
        return Err(SendError::InvalidRecord("a record's timestamp can't be negative"));
    }
    if record.partition.is_some_and(|partition| partition < 0) {
        return Err(SendError::InvalidRecord("a record's partition can't be negative"));
    }
    let size = size_upper_bound(&fields(record));
    let config = &shared.config;
    if size > config.max_request_size.min(config.buffer_memory) {
        return Err(too_large(config, size));
    }
    Ok(size)
}

#[cold]
fn too_large(config: &ProducerConfig, size: usize) -> SendError {
    let (limit, key) = if size > config.max_request_size {
        (config.max_request_size, "max.request.size")
    } else {
        (config.buffer_memory, "buffer.memory")
    };
    SendError::RecordTooLarge { size, limit, key }
}

#[inline]
pub(super) fn fields<'a>(record: &Record<'a>) -> RecordFields<'a> {
    RecordFields { key: record.key, value: record.value, headers: record.headers }
}
