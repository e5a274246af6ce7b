//! From the UART to the gateway: a short queue, and what happens when it is full because the
//! network is gone and the producer's memory used up.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::{Channel, TrySendError};

use crate::board::Uart;
use crate::frame::{Frame, Framer};

/// Frames that may wait, beside those that the producer holds.
const DEPTH: usize = 32;

/// Who has to give way when the queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    /// The frame that just came.
    DropNewest,
    /// The frame that has waited longest.
    DropOldest,
    /// Nobody: the sensors wait, as their bus has flow control.
    Block,
}

/// The frames that wait for the gateway.
pub(crate) struct Frames {
    queue: Channel<NoopRawMutex, Frame, DEPTH>,
    received: Cell<u32>,
    dropped: Cell<u32>,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self { queue: Channel::new(), received: Cell::new(0), dropped: Cell::new(0) }
    }

    /// The next frame, in the order of the bus.
    pub(crate) async fn next(&self) -> Frame {
        self.queue.receive().await
    }

    /// Frames that came, and how many of them were dropped.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.received.get(), self.dropped.get())
    }

    async fn push(&self, frame: Frame, policy: Policy) {
        self.received.set(self.received.get() + 1);
        // The end of the stream is no reading: it always gets through.
        if policy == Policy::Block || frame.sensor == Frame::END {
            return self.queue.send(frame).await;
        }
        let Err(TrySendError::Full(frame)) = self.queue.try_send(frame) else { return };
        self.dropped.set(self.dropped.get() + 1);
        if policy == Policy::DropOldest {
            let _ = self.queue.try_receive();
            let _ = self.queue.try_send(frame);
        }
    }
}

/// Reads the bus for as long as there is power.
pub(crate) async fn run(mut uart: Uart, frames: &Frames, policy: Policy) {
    let mut framer = Framer::default();
    let mut bytes = [0; 64];
    loop {
        let count = uart.read(&mut bytes).await;
        for byte in &bytes[..count] {
            if let Some(frame) = framer.push(*byte) {
                frames.push(frame, policy).await;
            }
        }
    }
}
