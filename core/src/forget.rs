//! Queues whose entries stay when they have ceased to matter, until there is no room for another.

use alloc::collections::VecDeque;

/// Takes out what need not be kept. Where half stays, makes room for as many more: then this is not
/// done for every entry that comes, and costs each of them little.
pub(crate) fn forget<T>(queue: &mut VecDeque<T>, keep: impl FnMut(&T) -> bool) {
    queue.retain(keep);
    if queue.len() > queue.capacity() / 2 {
        queue.reserve(queue.len());
    }
}
