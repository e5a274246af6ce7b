//! A sensor gateway: frames from a UART become keyed, compressed, idempotent records in Kafka, on a
//! Cortex-M4 with 64 KiB of RAM.
//!
//! | file | its one job |
//! | --- | --- |
//! | `main.rs` | tasks and what they share |
//! | `frame.rs` | bytes of the sensor bus to frames |
//! | `intake.rs` | frames that wait, and which ones are dropped when too many do |
//! | `gateway.rs` | frames to records, and what became of them |
//! | `settings.rs` | what an installation decides: brokers, topic, policy, memory |
//! | `memory.rs` | the heap, and how much of heap and stack was ever used |
//! | `board/` | everything that another board does differently |
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod frame;
mod gateway;
mod intake;
mod memory;
mod settings;

use core::cell::RefCell;

use board::{Board, Nic};
use embassy_executor::Spawner;
use embassy_net::dns::DnsSocket;
use embassy_net::tcp::client::{TcpClient, TcpClientState};
use embassy_net::{Stack, StackResources};
use embassy_time::Timer;
use ottla_core::Driver;
use ottla_core::time::Instant;
use ottla_transport_embedded::{AddrType, AsyncTransport, FlashRing, SingleThread, drive_storing};
use static_cell::StaticCell;

use crate::settings::Settings;

/// One to the broker that leads, one for the next leader or a bootstrap server.
const CONNECTIONS: usize = 2;
/// Sockets: those, DHCP and DNS.
const SOCKETS: usize = CONNECTIONS + 2;
const TX_BUFFER: usize = 1024;
const RX_BUFFER: usize = 1024;

type Tcp = TcpClient<'static, CONNECTIONS, TX_BUFFER, RX_BUFFER>;
type Transport = AsyncTransport<'static, Tcp, DnsSocket<'static>>;
type Platform = SingleThread<board::Calendar>;
type Producer = ottla_core::Producer<Platform>;
/// Batches until they are acknowledged, over a reset.
type Ring = RefCell<FlashRing<board::Flash>>;

#[cortex_m_rt::entry]
fn main() -> ! {
    memory::paint_stack();
    memory::init_heap();
    let board = Board::take();
    board::run(|spawner| start(spawner, board))
}

/// A function of its own, so that the stack it needs is free again when the tasks run.
#[inline(never)]
fn start(spawner: Spawner, board: Board) {
    let settings = Settings::load(board.command_line);
    settings.refuse_if_memory_is_short();
    let stack = start_network(spawner, board.nic, board.seed);

    static TCP_STATE: StaticCell<TcpClientState<CONNECTIONS, TX_BUFFER, RX_BUFFER>> =
        StaticCell::new();
    static TCP: StaticCell<Tcp> = StaticCell::new();
    static DNS: StaticCell<DnsSocket<'static>> = StaticCell::new();
    let tcp = TCP.init(TcpClient::new(stack, TCP_STATE.init_with(TcpClientState::new)));
    let dns = DNS.init(DnsSocket::new(stack));
    let transport = AsyncTransport::new(tcp, dns, AddrType::IPv4);

    let config = settings.producer_config();
    let (producer, driver) =
        match ottla_core::producer::<Platform, _>(config, board.calendar, board.seed, transport) {
            Ok(both) => both,
            Err(error) => board::refuse(format_args!("{error}")),
        };
    let ring = match FlashRing::open(board.flash) {
        Ok(ring) => RING.init(RefCell::new(ring)),
        Err(error) => board::refuse(format_args!("the flash can't be read: {error:?}")),
    };
    static RING: StaticCell<Ring> = StaticCell::new();
    static FRAMES: StaticCell<intake::Frames> = StaticCell::new();
    let frames = FRAMES.init_with(intake::Frames::new);
    spawner.spawn(driver_task(driver, ring).expect("spawned once"));
    spawner.spawn(intake_task(board.uart, frames, settings.policy).expect("spawned once"));
    spawner.spawn(gateway_task(producer, frames, ring, settings).expect("spawned once"));
}

fn start_network(spawner: Spawner, nic: &'static mut Nic, seed: u64) -> Stack<'static> {
    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    let resources = RESOURCES.init_with(StackResources::new);
    let config = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(nic, config, resources, seed);
    spawner.spawn(network_task(runner).expect("spawned once"));
    stack
}

#[embassy_executor::task]
async fn network_task(mut runner: embassy_net::Runner<'static, &'static mut Nic>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn driver_task(driver: Driver<Platform, Transport>, ring: &'static Ring) {
    let failed = || board::print(format_args!("a batch could not be stored"));
    drive_storing(driver, timer, ring, failed).await;
}

#[embassy_executor::task]
async fn intake_task(uart: board::Uart, frames: &'static intake::Frames, policy: intake::Policy) {
    intake::run(uart, frames, policy).await;
}

#[embassy_executor::task]
async fn gateway_task(
    producer: Producer,
    frames: &'static intake::Frames,
    ring: &'static Ring,
    settings: Settings,
) {
    gateway::run(producer, frames, ring, settings).await;
}

/// Rounded up to the tick: a timer that ends early would be set again and again until it is time.
fn timer(at: Instant) -> Timer {
    Timer::at(embassy_time::Instant::from_millis(at.as_micros().div_ceil(1000)))
}
