//! The heap, and how much of heap and stack was ever used.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr;

use critical_section::Mutex;
use embedded_alloc::LlffHeap;

use crate::board;

unsafe extern "C" {
    static mut _stack_end: u32;
    static mut _stack_start: u32;
    static mut __sheap: u32;
    static mut _heap_end: u32;
}

#[global_allocator]
static HEAP: CountingHeap =
    CountingHeap { heap: LlffHeap::empty(), peak: Mutex::new(Cell::new(0)) };

/// A first-fit heap that remembers its high-water mark.
struct CountingHeap {
    heap: LlffHeap,
    peak: Mutex<Cell<usize>>,
}

// SAFETY: the heap's own promises are passed on.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        let block = unsafe { self.heap.alloc(layout) };
        if block.is_null() {
            let (size, free) = (layout.size(), self.heap.free());
            board::print(format_args!("out of memory: {size} bytes wanted, {free} free"));
        }
        critical_section::with(|cs| {
            let peak = self.peak.borrow(cs);
            peak.set(peak.get().max(self.heap.used()));
        });
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { self.heap.dealloc(block, layout) }
    }
}

/// All RAM that nothing else was linked into is heap.
pub(crate) fn init_heap() {
    let start = (&raw const __sheap) as usize;
    let end = (&raw const _heap_end) as usize;
    // SAFETY: the linker keeps this range free, and this is called once.
    unsafe { HEAP.heap.init(start, end - start) }
}

pub(crate) fn heap_used() -> usize {
    HEAP.heap.used()
}

pub(crate) fn heap_free() -> usize {
    HEAP.heap.free()
}

const PAINT: u32 = 0x5afe_c0de;

/// Paints the part of the stack that is not in use.
#[inline(never)]
pub(crate) fn paint_stack() {
    let bottom = &raw mut _stack_end;
    let in_use = cortex_m::register::msp::read() as usize;
    let words = (in_use - bottom as usize) / size_of::<u32>();
    // Some words below the pointer are this function's own.
    for word in 0..words.saturating_sub(32) {
        // SAFETY: the stack's memory, below all that is in use.
        unsafe { ptr::write_volatile(bottom.add(word), PAINT) }
    }
}

/// The most bytes of stack that were ever in use, and all there are.
fn stack_peak() -> (usize, usize) {
    let bottom = &raw const _stack_end;
    let size = (&raw const _stack_start) as usize - bottom as usize;
    let words = size / size_of::<u32>();
    // SAFETY: reads of the stack's memory.
    let unpainted = |word: &usize| unsafe { ptr::read_volatile(bottom.add(*word)) != PAINT };
    let untouched = (0..words).find(unpainted).unwrap_or(words);
    (size - untouched * size_of::<u32>(), size)
}

pub(crate) fn report() {
    let (stack, stack_size) = stack_peak();
    let peak = critical_section::with(|cs| HEAP.peak.borrow(cs).get());
    board::print(format_args!("stack size: {stack_size}"));
    board::print(format_args!("stack peak: {stack}"));
    board::print(format_args!("heap size: {}", heap_used() + heap_free()));
    board::print(format_args!("heap peak: {peak}"));
    board::print(format_args!("heap at the end: {}", heap_used()));
}
