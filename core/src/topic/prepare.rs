//! What is looked at before a record needs metadata or memory.

use crate::config::ProducerConfig;
use crate::error::SendError;
use crate::interceptor::Interceptors;
use crate::record::Record;
use crate::records::record::{MAX_RECORD_OVERHEAD, size_upper_bound};
use crate::records::varint::VARINT_MAX_LEN;
use crate::records::{BATCH_OVERHEAD, RecordFields};
use crate::shared::Shared;
use crate::sync::Platform;

/// The most that the size of a record without headers is larger than its key and value: the lengths
/// of both, and the number of headers.
const MAX_HEADERLESS_OVERHEAD: usize =
    BATCH_OVERHEAD + MAX_RECORD_OVERHEAD + 2 * VARINT_MAX_LEN + 1;

/// Interceptors, validity and size (rows B2.1, B2.4, E1.3): all that needs neither metadata nor
/// memory. Returns the [size](size_upper_bound).
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
    check(shared, record)
}

/// How long a record's key and value may not be together where [`is_plainly_valid`] is to hold.
pub(crate) fn plain_end(config: &ProducerConfig, interceptors: &Interceptors) -> usize {
    if !interceptors.is_empty() {
        return 0;
    }
    let limit = config.max_request_size.min(config.buffer_memory);
    limit.saturating_sub(MAX_HEADERLESS_OVERHEAD - 1)
}

/// Whether [`prepare`] would let the record pass, as it is; false also where that takes a closer
/// look, and where code has to be small: there the short path does not exist.
#[inline]
pub(crate) fn is_plainly_valid<X: Platform>(shared: &Shared<X>, record: &Record<'_>) -> bool {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    cfg!(target_pointer_width = "64")
        && !shared.is_closed()
        && record.headers.is_empty()
        && record.timestamp.is_none_or(|millis| millis >= 0)
        // Slices are half as long as numbers go.
        && len(record.key) + len(record.value) < shared.plain_end
}

fn check<X: Platform>(shared: &Shared<X>, record: &Record<'_>) -> Result<usize, SendError> {
    if record.timestamp.is_some_and(|millis| millis < 0) {
        return Err(SendError::InvalidRecord("a record's timestamp can't be negative"));
    }
    if record.partition.is_some_and(|partition| partition < 0) {
        return Err(SendError::InvalidRecord("a record's partition can't be negative"));
    }
    let size = size_upper_bound(&fields(record));
    let config = &shared.config;
    if size > config.max_request_size || size > config.buffer_memory {
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
