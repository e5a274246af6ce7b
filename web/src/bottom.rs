//! What a module without `std` needs. With `std` every place that might panic would carry its text,
//! which makes the module half as large again.

use dlmalloc::GlobalDlmalloc;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

/// JavaScript sees a `RuntimeError: unreachable`, and the module is not to be used any more.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
