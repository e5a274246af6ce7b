//! The firmware example on a board that QEMU plays: built, fed through its UART, heard out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::cargo;
use crate::process::Guarded;
use crate::scratch::Scratch;

/// Where the board's RAM begins; below it is flash.
const RAM: u32 = 0x2000_0000;

/// The example, built.
#[derive(Debug)]
pub struct Firmware {
    elf: PathBuf,
}

impl Firmware {
    /// Builds it as `cargo xtask firmware` does.
    ///
    /// # Panics
    /// If it can't be built, for instance because it doesn't fit in the chip.
    #[must_use]
    pub fn build() -> Self {
        let output = xtask().stderr(Stdio::inherit()).output().expect("cargo can be started");
        assert!(output.status.success(), "the firmware can't be built");
        let text = String::from_utf8(output.stdout).expect("cargo prints text");
        Self { elf: text.lines().last().expect("the last line is a path").into() }
    }

    /// Builds it for a chip with another amount of RAM.
    ///
    /// # Errors
    /// What the compiler says.
    ///
    /// # Panics
    /// If Cargo can't be started.
    pub fn build_for(ram_kib: u32) -> Result<Self, String> {
        let mut build = xtask();
        let output = build.args(["--ram-kib", &ram_kib.to_string()]).output();
        let output = output.expect("cargo can be started");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).expect("cargo prints text");
        Ok(Self { elf: text.lines().last().expect("the last line is a path").into() })
    }

    /// Bytes of flash that it takes: code, constants, and the first values of variables.
    #[must_use]
    pub fn flash_bytes(&self) -> u64 {
        let in_flash = |segment: &Segment| segment.load_address < RAM;
        self.segments().iter().filter(|s| in_flash(s)).map(|s| u64::from(s.file_size)).sum()
    }

    /// Bytes of RAM that its variables take; stack and heap come on top.
    #[must_use]
    pub fn variable_bytes(&self) -> u64 {
        let in_ram = |segment: &Segment| segment.address >= RAM;
        self.segments().iter().filter(|s| in_ram(s)).map(|s| u64::from(s.memory_size)).sum()
    }

    /// Whether it has a function of this name, such as those that compilers call for what a
    /// processor lacks.
    ///
    /// # Panics
    /// If it isn't there any more.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        let elf = fs::read(&self.elf).expect("the firmware was built");
        // As it stands in the table of the symbols' names.
        let entry = format!("\0{name}\0");
        elf.windows(entry.len()).any(|bytes| bytes == entry.as_bytes())
    }

    /// What is loaded, from the program headers (ELF-32, little endian).
    fn segments(&self) -> Vec<Segment> {
        const LOAD: u32 = 1;
        let elf = fs::read(&self.elf).expect("the firmware was built");
        let half = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let (start, size, count) =
            (word(28) as usize, usize::from(half(42)), usize::from(half(44)));
        let headers = (0..count).map(|index| start + index * size);
        headers
            .filter(|at| word(*at) == LOAD)
            .map(|at| Segment {
                address: word(at + 8),
                load_address: word(at + 12),
                file_size: word(at + 16),
                memory_size: word(at + 20),
            })
            .collect()
    }
}

/// `cargo xtask firmware`.
fn xtask() -> Command {
    cargo(&["run", "--quiet", "--package", "xtask", "--", "firmware"])
}

struct Segment {
    address: u32,
    load_address: u32,
    file_size: u32,
    memory_size: u32,
}

/// A running board. Its network is this machine's 127.0.0.1, its UART a socket, its flash a file.
#[derive(Debug)]
pub struct Board {
    process: Guarded,
    uart: TcpStream,
    monitor: TcpStream,
    argv: Vec<OsString>,
    scratch: Scratch,
}

impl Board {
    /// Switches it on; `arguments` are what its debugger tells it: broker, topic, policy, and how
    /// many KiB hold records.
    ///
    /// # Panics
    /// If QEMU is missing; the message says what to install.
    #[must_use]
    pub fn start(firmware: &Firmware, arguments: &[&str]) -> Self {
        Self::start_with(firmware, arguments, &[])
    }

    /// Switches on a board whose clock counts instructions, one a nanosecond.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_counting(firmware: &Firmware, arguments: &[&str]) -> Self {
        Self::start_with(firmware, arguments, &["-icount", "shift=0"])
    }

    fn start_with(firmware: &Firmware, arguments: &[&str], machine: &[&str]) -> Self {
        let scratch = Scratch::new("board");
        let mut argv = command_line(firmware, arguments, scratch.path());
        argv.extend(machine.iter().map(Into::into));
        let (process, uart, monitor) = switch_on(&argv, &scratch);
        Self { process, uart, monitor, argv, scratch }
    }

    /// Takes the power away at once and gives it back. What the flash holds stays, and the network
    /// cable is in.
    pub fn cut_power(&mut self) {
        self.process.signal(Signal::KILL);
        while self.process.is_running() {
            thread::sleep(Duration::from_millis(1));
        }
        (self.process, self.uart, self.monitor) = switch_on(&self.argv, &self.scratch);
    }

    /// How many records lie in its flash, in whole batches that were not removed.
    #[must_use]
    pub fn records_in_flash(&self) -> u64 {
        const SECTOR: usize = 4096;
        let flash = fs::read(self.scratch.path().join("flash")).unwrap_or_default();
        flash.chunks(SECTOR).map(records_in_sector).sum()
    }

    /// Pulls the network cable out.
    pub fn unplug(&mut self) {
        self.command("set_link net off");
    }

    /// Plugs the network cable in again.
    pub fn plug_in(&mut self) {
        self.command("set_link net on");
    }

    /// Has QEMU done something, and waits until it is done.
    fn command(&mut self, command: &str) {
        // QEMU echoes, and begins the next line with its prompt.
        let mut said = Vec::new();
        writeln!(self.monitor, "{command}").expect("QEMU listens");
        while !said.ends_with(b"\n(qemu) ") || !said.contains(&b'_') {
            let mut byte = [0];
            self.monitor.read_exact(&mut byte).expect("QEMU answers");
            said.push(byte[0]);
        }
    }

    /// Sends one reading of a sensor.
    ///
    /// # Panics
    /// If the board is gone.
    pub fn measure(&mut self, sensor: u8, sequence: u32, reading: i32) {
        let frame = frame(sensor, sequence, reading);
        self.uart.write_all(&frame).unwrap_or_else(|e| panic!("{e}:\n{}", self.console()));
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the board is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.uart.write_all(bytes).unwrap_or_else(|e| panic!("{e}:\n{}", self.console()));
    }

    /// Waits until it has read all that was sent to it.
    ///
    /// # Panics
    /// If it doesn't within `patience`.
    pub fn await_all_read(&self, patience: Duration) {
        self.await_state("the bus is not read", patience, || unread_bytes(&self.uart) == 0);
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn console(&self) -> String {
        fs::read_to_string(self.scratch.path().join("console")).unwrap_or_default()
    }

    /// Waits until it says something.
    ///
    /// # Panics
    /// If it doesn't within `patience`.
    pub fn await_line(&self, line: &str, patience: Duration) {
        let never = format!("never said {line:?}");
        self.await_state(&never, patience, || self.console().contains(line));
    }

    fn await_state(&self, never: &str, patience: Duration, reached: impl Fn() -> bool) {
        let deadline = Instant::now() + patience;
        while !reached() {
            assert!(Instant::now() < deadline, "{never}:\n{}", self.console());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the readings and returns the board's report: its lines of the form `name: number`.
    ///
    /// # Panics
    /// If it doesn't end well within `patience`.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> BTreeMap<String, u64> {
        const END: u8 = 255;
        self.measure(END, 0, 0);
        let (status, console) = self.end(patience);
        assert_eq!(status, Some(0), "the board failed:\n{console}");
        let number = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.split(' ').next()?.parse().ok()?))
        };
        console.lines().filter_map(number).collect()
    }

    /// Waits until it ends by itself; its exit status and what it printed.
    ///
    /// # Panics
    /// If it runs for longer than `patience`.
    #[must_use]
    pub fn end(mut self, patience: Duration) -> (Option<i32>, String) {
        let deadline = Instant::now() + patience;
        while self.process.is_running() {
            assert!(Instant::now() < deadline, "the board hangs:\n{}", self.console());
            thread::sleep(Duration::from_millis(20));
        }
        let console = self.console();
        (self.process.wait().expect("it has ended").code(), console)
    }
}

/// A frame of the sensor bus: `A5`, sensor, sequence, reading, and the sum of all bytes.
#[must_use]
pub fn frame(sensor: u8, sequence: u32, reading: i32) -> Vec<u8> {
    let mut frame = vec![0xa5, sensor];
    frame.extend(sequence.to_le_bytes());
    frame.extend(reading.to_le_bytes());
    frame.push(frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    frame
}

/// Sums up a sector as `FlashRing` writes them.
fn records_in_sector(sector: &[u8]) -> u64 {
    let word =
        |at: usize| sector.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().unwrap()));
    let (mut at, mut records) = (0, 0);
    while word(at + 4) == Some(u32::from_le_bytes(*b"ottl"))
        && let Some(lengths) = word(at + 8)
    {
        let (topic, len) = ((lengths >> 24) as usize, (lengths & 0xff_ffff) as usize);
        let batch = at + 24 + topic.next_multiple_of(4);
        let commit = batch + len.next_multiple_of(4);
        if word(commit) != Some(0) {
            break;
        }
        let removed = word(at) == Some(0);
        let count = word(batch + 57).map_or(0, u32::swap_bytes);
        records += if removed { 0 } else { u64::from(count) };
        at = commit + 4;
    }
    records
}

/// Starts QEMU, and has it connected.
fn switch_on(argv: &[OsString], scratch: &Scratch) -> (Guarded, TcpStream, TcpStream) {
    let (uart, monitor) = (Line::listen(), Line::listen());
    let lines = ["-serial".into(), uart.address(), "-monitor".into(), monitor.address()];
    let argv: Vec<OsString> = argv.iter().cloned().chain(lines.map(Into::into)).collect();
    let console = File::create(scratch.path().join("console")).expect("scratch is writable");
    let errors = console.try_clone().expect("a file can be shared");
    let process = Guarded::spawn(&argv, None, console.into(), errors.into());
    let process = process.expect("sh can be started");
    let (monitor, uart) = (monitor.accept(scratch), uart.accept(scratch));
    (process, uart, monitor)
}

/// What was sent over a connection to a process of this machine, and not yet read by it.
///
/// QEMU takes a byte when the UART has room for one, so the kernel has all others.
fn unread_bytes(connection: &TcpStream) -> u64 {
    let ours = connection.local_addr().expect("it is connected").port();
    let theirs = connection.peer_addr().expect("it is connected").port();
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux lists its sockets");
    let queued = |from, to| queued_bytes(&sockets, from, to).expect("both ends are open");
    queued(ours, theirs).0 + queued(theirs, ours).1
}

/// Bytes that wait to be sent, and bytes that wait to be read, at the end of a connection that has
/// these ports.
fn queued_bytes(sockets: &str, local: u16, remote: u16) -> Option<(u64, u64)> {
    // `number: address:port address:port state sending:reading …`, all of it in hex.
    let (local, remote) = (format!(":{local:04X}"), format!(":{remote:04X}"));
    let mut ends = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let end = ends.find(|end| end[1].ends_with(&local) && end[2].ends_with(&remote))?;
    let (sending, reading) = end[4].split_once(':')?;
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    Some((hex(sending)?, hex(reading)?))
}

fn command_line(firmware: &Firmware, arguments: &[&str], directory: &Path) -> Vec<OsString> {
    let network = "user,id=net,model=lan9118,net=127.0.0.0/24,host=127.0.0.1,dns=127.0.0.3";
    // QEMU takes a comma in a value doubled.
    let argument = |word: &&str| format!(",arg={}", word.replace(',', ",,"));
    let arguments: String = arguments.iter().map(argument).collect();
    let debugger = format!("enable=on,target=native,arg=firmware{arguments}");
    // The board's flash is a file of the directory that QEMU runs in.
    let mut argv: Vec<OsString> = vec!["env".into(), "-C".into(), directory.into()];
    let machine = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none"];
    argv.extend(machine.map(Into::into));
    argv.extend(["-nic", network, "-semihosting-config", &debugger].map(Into::into));
    argv.extend(["-kernel".into(), firmware.elf.clone().into_os_string()]);
    argv
}

/// A line to the board, before QEMU has connected.
struct Line(TcpListener);

impl Line {
    fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port is free"))
    }

    /// As QEMU names it.
    fn address(&self) -> String {
        format!("tcp:{}", self.0.local_addr().expect("it listens"))
    }

    /// QEMU connects as soon as it starts, or never.
    fn accept(self, scratch: &Scratch) -> TcpStream {
        self.0.set_nonblocking(true).expect("sockets can be non-blocking");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Ok((line, _)) = self.0.accept() {
                line.set_nonblocking(false).expect("sockets can be blocking");
                return line;
            }
            let console = fs::read_to_string(scratch.path().join("console")).unwrap_or_default();
            assert!(
                Instant::now() < deadline && !console.contains("not found"),
                "QEMU does not start; install it (on Debian: sudo apt-get install \
                 qemu-system-arm)\n{console}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_ends_with_the_sum_of_its_bytes() {
        let expected = [0xa5, 3, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xa5u8];
        assert_eq!(frame(3, 1, -1), expected);
    }
}
