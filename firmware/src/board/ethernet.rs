//! The LAN9118 Ethernet chip as a driver of embassy-net: one frame in, one frame out at a time.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use static_cell::ConstStaticCell;

use super::register::Register;

/// A frame without its check sequence.
const MTU: usize = 1514;
const CHECK_SEQUENCE: usize = 4;
const ADDRESS: [u8; 6] = [0x02, 0x6f, 0x74, 0x74, 0x6c, 0x61];

const BASE: usize = 0x4020_0000;

const fn register(offset: usize) -> Register {
    // SAFETY: a register of the chip, which only this driver uses.
    unsafe { Register::at(BASE + offset) }
}

const RX_DATA: Register = register(0x00);
const TX_DATA: Register = register(0x20);
const RX_STATUS: Register = register(0x40);
const TX_STATUS: Register = register(0x48);
const IRQ_CFG: Register = register(0x54);
const INT_STS: Register = register(0x58);
const INT_EN: Register = register(0x5c);
const FIFO_INT: Register = register(0x68);
const RX_CFG: Register = register(0x6c);
const TX_CFG: Register = register(0x70);
const RX_FIFO_INF: Register = register(0x7c);
const TX_FIFO_INF: Register = register(0x80);
const MAC_CSR_CMD: Register = register(0xa4);
const MAC_CSR_DATA: Register = register(0xa8);

/// The interrupt pin is driven, and active high.
const IRQ_ENABLE_PUSH_PULL_HIGH: u32 = 1 << 8 | 1 << 4 | 1;
/// There is a received frame.
const INT_RECEIVED: u32 = 1 << 3;
const TX_ON: u32 = 1 << 1;
const FIRST_AND_LAST_SEGMENT: u32 = 1 << 13 | 1 << 12;
const MAC_CSR_BUSY: u32 = 1 << 31;
const MAC_CR: u32 = 1;
const MAC_ADDRH: u32 = 2;
const MAC_ADDRL: u32 = 3;
const MAC_RX_TX_ENABLE: u32 = 1 << 3 | 1 << 2;
const RX_STATUS_ERROR: u32 = 1 << 15;

static RECEIVED: AtomicWaker = AtomicWaker::new();

/// The chip and a buffer for each direction.
pub(crate) struct Nic {
    rx: [u8; MTU + 2],
    tx: [u8; MTU + 2],
}

impl Nic {
    pub(super) fn take() -> &'static mut Self {
        static NIC: ConstStaticCell<Nic> =
            ConstStaticCell::new(Nic { rx: [0; MTU + 2], tx: [0; MTU + 2] });
        let [a, b, c, d, e, f] = ADDRESS;
        write_mac(MAC_ADDRL, u32::from_le_bytes([a, b, c, d]));
        write_mac(MAC_ADDRH, u32::from_le_bytes([e, f, 0, 0]));
        write_mac(MAC_CR, MAC_RX_TX_ENABLE);
        RX_CFG.write(0);
        TX_CFG.write(TX_ON);
        FIFO_INT.write(0);
        INT_STS.write(u32::MAX);
        INT_EN.write(INT_RECEIVED);
        IRQ_CFG.write(IRQ_ENABLE_PUSH_PULL_HIGH);
        NIC.take()
    }
}

fn write_mac(index: u32, value: u32) {
    MAC_CSR_DATA.write(value);
    MAC_CSR_CMD.write(MAC_CSR_BUSY | index);
    while MAC_CSR_CMD.read() & MAC_CSR_BUSY != 0 {}
}

pub(super) unsafe extern "C" fn on_interrupt() {
    INT_EN.write(0);
    RECEIVED.wake();
}

impl Driver for Nic {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sending<'_>)> {
        RECEIVED.register(cx.waker());
        if RX_FIFO_INF.read() >> 16 & 0xff == 0 {
            INT_STS.write(INT_RECEIVED);
            INT_EN.write(INT_RECEIVED);
            return None;
        }
        Some((Received(&mut self.rx), Sending(&mut self.tx)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sending<'_>> {
        let _ = cx;
        Some(Sending(&mut self.tx))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(ADDRESS)
    }
}

/// A frame in the chip.
pub(crate) struct Received<'a>(&'a mut [u8; MTU + 2]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let status = RX_STATUS.read();
        let len = (status >> 16 & 0x3fff) as usize;
        // All of the frame leaves the chip, whether it has a place or not.
        for index in 0..len.div_ceil(4) {
            let word = RX_DATA.read().to_le_bytes();
            if let Some(place) = self.0.get_mut(index * 4..index * 4 + 4) {
                place.copy_from_slice(&word);
            }
        }
        let frame = len.saturating_sub(CHECK_SEQUENCE).min(MTU);
        // An empty frame is one that the stack ignores.
        f(&mut self.0[..if status & RX_STATUS_ERROR == 0 { frame } else { 0 }])
    }
}

/// Room for a frame.
pub(crate) struct Sending<'a>(&'a mut [u8; MTU + 2]);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.0[..len]);
        TX_DATA.write(FIRST_AND_LAST_SEGMENT | len as u32);
        TX_DATA.write(len as u32);
        for word in self.0[..len.next_multiple_of(4)].as_chunks().0 {
            TX_DATA.write(u32::from_le_bytes(*word));
        }
        // Nobody asks what became of frames, but the chip stops when it can't tell.
        while TX_FIFO_INF.read() >> 16 & 0xff != 0 {
            TX_STATUS.read();
        }
        result
    }
}
