//! Writes the linker's view of the chip.

use std::path::Path;
use std::{env, fs};

/// KiB. The board in QEMU has more; nothing outside of these is ever touched.
const FLASH: u32 = 256;
const RAM: u32 = 64;
/// Part of the RAM, at its bottom: a stack that grows too large leaves the RAM, which faults, and
/// never runs into data.
const STACK: u32 = 6;

fn main() {
    let ram = env::var("FIRMWARE_RAM_KIB").map_or(RAM, |kib| kib.parse().expect("a number of KiB"));
    let memory = format!(
        "MEMORY {{
  FLASH : ORIGIN = 0x00000000, LENGTH = {FLASH}K
  STACK : ORIGIN = 0x20000000, LENGTH = {STACK}K
  RAM   : ORIGIN = 0x20000000 + {STACK}K, LENGTH = {ram}K - {STACK}K
}}
_stack_end = ORIGIN(STACK);
_stack_start = ORIGIN(STACK) + LENGTH(STACK);
_heap_end = ORIGIN(RAM) + LENGTH(RAM);
"
    );
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    fs::write(Path::new(&out).join("memory.x"), memory).expect("the linker script can be written");
    // The interrupts are bound by the vector table in `board/interrupts.rs`.
    fs::write(Path::new(&out).join("device.x"), "").expect("the linker script can be written");
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rerun-if-env-changed=FIRMWARE_RAM_KIB");
    println!("cargo:rerun-if-changed=build.rs");
}
