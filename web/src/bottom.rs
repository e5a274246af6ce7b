//! What a module without `std` needs. With `std` every place that might panic would carry its text,
//! which makes the module half as large again.

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

/// JavaScript sees a `RuntimeError: unreachable`, and the module is not to be used any more.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
