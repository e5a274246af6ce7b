//! Once warm, growing and sealing batches allocates nothing.
#![allow(unsafe_code, reason = "a global allocator that counts can't be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ottla_core::records::batch::write_producer_state;
use ottla_core::records::{BatchBuilder, Codec, Compressor, RecordFields};

struct Counting;

thread_local! {
    /// What this thread has allocated: times and bytes.
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // Fails only while the thread ends.
    let _ = ALLOCATED.try_with(|cell| {
        let (times, sum) = cell.get();
        cell.set((times + 1, sum + bytes));
    });
}

// SAFETY: everything is passed on to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated_by(run: impl FnOnce()) -> (usize, usize) {
    ALLOCATED.set((0, 0));
    run();
    ALLOCATED.get()
}

/// Fills the buffer with records, seals the batch and gives the buffer back.
fn one_batch(buffer: &mut Vec<u8>, compressor: &mut Compressor, seed: u64) {
    let mut batch = BatchBuilder::new(std::mem::take(buffer));
    let mut value = [0; 100];
    for i in 0.. {
        for (at, byte) in value.iter_mut().enumerate() {
            *byte = b'a' + ((seed + i) as usize * at % 7) as u8;
        }
        let fields = RecordFields { key: Some(&value[..9]), value: Some(&value), headers: &[] };
        if batch.append_within(&fields, 1000 + i as i64, 16_384).is_err() {
            break;
        }
    }
    batch.seal(compressor).expect("records compress");
    write_producer_state(batch.bytes_mut(), 1, 2, 3).expect("a batch");
    *buffer = batch.into_bytes();
}

#[test]
fn a_warm_compressor_and_buffer_allocate_nothing() {
    // ruzstd's encoder allocates its tables and output anew for every frame.
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        if !codec.is_available() {
            continue;
        }
        let mut compressor = Compressor::new(codec.into()).expect("compiled in");
        let mut buffer = Vec::with_capacity(16_384);
        for seed in 0..5 {
            one_batch(&mut buffer, &mut compressor, seed);
        }
        let allocated = allocated_by(|| {
            for seed in 0..50 {
                one_batch(&mut buffer, &mut compressor, seed);
            }
        });
        assert_eq!(allocated, (0, 0), "{codec}");
        assert_eq!(buffer.capacity(), 16_384);
    }
}
