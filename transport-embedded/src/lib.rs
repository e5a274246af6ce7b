//! ottla on microcontrollers: the core's [`Transport`](ottla_core::transport::Transport) over the
//! sockets that firmware has. `no_std` with `alloc`, no `unsafe`.
//!
//! * [`AsyncTransport`]: any network stack with the traits of `embedded-nal-async`, as embassy-net
//!   has them. [`drive`] runs the producer as a task.
//! * [`PolledTransport`]: sockets with the traits of `embedded-io` that tell whether they are
//!   ready, polled in a super-loop; no executor.
//! * [`FlashRing`]: batches in NOR flash until they are acknowledged, also over a reset.
//!   [`drive_storing`] writes them, [`resend_all`] sends what is left.
//! * [`SingleThread`]: the [`Platform`](ottla_core::sync::Platform) of both. The clock is the
//!   board's.
//!
//! # With embassy
//!
//! ```ignore
//! struct BoardClock;
//!
//! impl Clock for BoardClock {
//!     fn now(&self) -> Instant {
//!         Instant::from_micros(embassy_time::Instant::now().as_micros())
//!     }
//!     fn unix_millis(&self) -> i64 {
//!         rtc::unix_millis()
//!     }
//! }
//!
//! let tcp = TcpClient::new(stack, state); // embassy_net::tcp::client
//! let dns = DnsSocket::new(stack); // embassy_net::dns
//! let transport = AsyncTransport::new(&tcp, &dns, AddrType::IPv4);
//! let (producer, driver) =
//!     ottla_core::producer::<SingleThread<BoardClock>, _>(config, BoardClock, seed, transport)?;
//! let timer = |at: Instant| Timer::at(embassy_time::Instant::from_micros(at.as_micros()));
//! join(drive(driver, timer), application(producer)).await;
//! ```
//!
//! # In a super-loop
//!
//! ```
//! # use core::task::{Context, Waker};
//! # use ottla_core::{ProducerConfig, time::{Clock, Instant}};
//! # use ottla_transport_embedded::{PolledTransport, SingleThread};
//! # struct BoardClock;
//! # impl Clock for BoardClock {
//! #     fn now(&self) -> Instant { Instant::ZERO }
//! #     fn unix_millis(&self) -> i64 { 0 }
//! # }
//! # struct Socket;
//! # impl embedded_io::ErrorType for Socket { type Error = embedded_io::ErrorKind; }
//! # impl embedded_io::Read for Socket {
//! #     fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { Ok(0) }
//! # }
//! # impl embedded_io::Write for Socket {
//! #     fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> { Ok(bytes.len()) }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # impl embedded_io::ReadReady for Socket {
//! #     fn read_ready(&mut self) -> Result<bool, Self::Error> { Ok(false) }
//! # }
//! # impl embedded_io::WriteReady for Socket {
//! #     fn write_ready(&mut self) -> Result<bool, Self::Error> { Ok(false) }
//! # }
//! # struct Modem;
//! # impl Modem {
//! #     fn open(&mut self, _: &str, _: u16) -> Result<Socket, embedded_io::ErrorKind> {
//! #         Ok(Socket)
//! #     }
//! # }
//! # let mut modem = Modem;
//! let transport = PolledTransport::new(|broker| modem.open(&broker.host, broker.port));
//! let mut config = ProducerConfig::small();
//! config.bootstrap_servers = vec!["192.0.2.7:9092".parse()?];
//! let (producer, mut driver) =
//!     ottla_core::producer::<SingleThread<BoardClock>, _>(config, BoardClock, 17, transport)?;
//! # let mut turns = 0;
//! while driver.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
//!     // Sensors, watchdog, `producer.try_send(…)`.
//! #   turns += 1;
//! #   if turns == 3 { break; }
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
// Chips without it would emulate it.
#![deny(clippy::float_arithmetic)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod asynchronous;
mod drive;
mod error;
mod flash_ring;
mod keep;
mod platform;
mod polled;

pub use asynchronous::{AddressesOnly, AsyncConnection, AsyncTransport, NoResolver};
pub use drive::{drive, drive_storing};
pub use embedded_nal_async::AddrType;
pub use error::ConnectionError;
pub use flash_ring::{FlashEntry, FlashRing, FlashRingError};
pub use keep::{keep, resend_all};
pub use platform::SingleThread;
pub use polled::{PolledConnection, PolledTransport};
