//! Semihosting: what the debugger, or QEMU, does for the board.

use core::arch::asm;
use core::ffi::CStr;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use static_cell::ConstStaticCell;

const SYS_OPEN: usize = 0x01;
const SYS_WRITE0: usize = 0x04;
const SYS_WRITE: usize = 0x05;
const SYS_READ: usize = 0x06;
const SYS_SEEK: usize = 0x0a;
const SYS_TIME: usize = 0x11;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;
const SYS_ELAPSED: usize = 0x30;
const APPLICATION_EXIT: usize = 0x20026;

/// # Safety
/// `argument` must be what `operation` expects.
unsafe fn call(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: the debugger reads and writes what `argument` points to and nothing else.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => result, in("r1") argument) }
    result
}

/// One line on the debugger's console.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    let mut console = Console { bytes: [0; _], len: 0 };
    // The console takes everything.
    let _ = console.write_fmt(line);
    let _ = console.write_char('\n');
    console.flush();
}

/// Ends the run.
pub(crate) fn exit(status: usize) -> ! {
    let block = [APPLICATION_EXIT, status];
    loop {
        // SAFETY: a block of two words, as this operation expects.
        unsafe { call(SYS_EXIT_EXTENDED, block.as_ptr() as usize) };
    }
}

/// Seconds since 1970.
pub(super) fn unix_seconds() -> u32 {
    // SAFETY: this operation expects no argument.
    unsafe { call(SYS_TIME, 0) as u32 }
}

/// Ticks of the debugger since its start.
pub(super) fn elapsed() -> u64 {
    let mut ticks = 0u64;
    // SAFETY: two words to be filled, as this operation expects.
    unsafe { call(SYS_ELAPSED, (&raw mut ticks) as usize) };
    ticks
}

/// The words that follow the program's name.
pub(super) fn command_line() -> &'static str {
    static BUFFER: ConstStaticCell<[u8; 128]> = ConstStaticCell::new([0; 128]);
    let buffer = BUFFER.take();
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: a buffer and its length, as this operation expects.
    let failed = unsafe { call(SYS_GET_CMDLINE, block.as_mut_ptr() as usize) } != 0;
    let len = if failed { 0 } else { block[1].min(buffer.len()) };
    let line = str::from_utf8(&buffer[..len]).unwrap_or_default().trim_end_matches('\0');
    line.split_once(' ').map_or("", |(_, words)| words)
}

/// A file on the debugger's side.
pub(super) struct File(usize);

impl File {
    /// Opens it for reading and writing, and makes it where there is none.
    pub(super) fn open(name: &CStr) -> Self {
        const READ_AND_WRITE: usize = 3;
        const CREATE: usize = 7;
        let open = |mode: usize| {
            let block = [name.as_ptr() as usize, mode, name.count_bytes()];
            // SAFETY: a name, a mode and the name's length, as this operation expects.
            unsafe { call(SYS_OPEN, block.as_ptr() as usize) }
        };
        match open(READ_AND_WRITE) {
            usize::MAX => Self(open(CREATE)),
            file => Self(file),
        }
    }

    /// Reads into the beginning of `bytes` as much as there is at `offset`.
    pub(super) fn read(&self, offset: u32, bytes: &mut [u8]) {
        self.seek(offset);
        let block = [self.0, bytes.as_mut_ptr() as usize, bytes.len()];
        // SAFETY: a file, a buffer and its length, as this operation expects.
        unsafe { call(SYS_READ, block.as_ptr() as usize) };
    }

    /// Returns whether all was written.
    pub(super) fn write(&self, offset: u32, bytes: &[u8]) -> bool {
        self.seek(offset);
        let block = [self.0, bytes.as_ptr() as usize, bytes.len()];
        // SAFETY: a file, a buffer and its length, as this operation expects.
        unsafe { call(SYS_WRITE, block.as_ptr() as usize) == 0 }
    }

    fn seek(&self, offset: u32) {
        let block = [self.0, offset as usize];
        // SAFETY: a file and a place in it, as this operation expects.
        unsafe { call(SYS_SEEK, block.as_ptr() as usize) };
    }
}

struct Console {
    /// The last byte stays zero: the debugger reads up to it.
    bytes: [u8; 65],
    len: usize,
}

impl Console {
    fn flush(&mut self) {
        self.bytes[self.len] = 0;
        // SAFETY: a text that ends with a zero byte, as this operation expects.
        unsafe { call(SYS_WRITE0, self.bytes.as_ptr() as usize) };
        self.len = 0;
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.bytes[self.len] = byte;
            self.len += 1;
            if self.len == self.bytes.len() - 1 {
                self.flush();
            }
        }
        Ok(())
    }
}

/// Without the message and the place, which take a quarter of the flash: the feature
/// `panic-messages` has them.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if cfg!(feature = "panic-messages") {
        print(format_args!("{info}"));
    } else {
        print(format_args!("panicked"));
    }
    exit(101)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    print(format_args!("hard fault at {:#010x}", frame.pc()));
    exit(102)
}
