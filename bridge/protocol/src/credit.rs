//! How many bytes a stream may still carry, in each direction (§5).

use crate::error::CreditError;

/// What this end may still send on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendCredit {
    available: u32,
    window: u32,
}

impl SendCredit {
    /// The peer gave `window` bytes when the stream began, and will never leave more than that.
    #[must_use]
    pub fn new(window: u32) -> Self {
        Self { available: window, window }
    }

    /// Bytes that may be sent now.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.available
    }

    /// Counts bytes that are sent.
    ///
    /// # Errors
    /// If there is less credit; nothing changes.
    pub fn spend(&mut self, bytes: usize) -> Result<(), CreditError> {
        take(&mut self.available, bytes)
    }

    /// Counts a CREDIT of the peer's.
    ///
    /// # Errors
    /// If that is more than the window; nothing changes.
    pub fn add(&mut self, bytes: u32) -> Result<(), CreditError> {
        add(&mut self.available, bytes, self.window)
    }
}

/// What the peer may still send on a stream, and what this end has done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveWindow {
    /// Bytes that the peer may still send.
    credit: u32,
    /// Bytes that were received and are not yet consumed. With the two others it makes the window.
    held: u32,
    /// Bytes that were consumed and not yet given back.
    consumed: u32,
}

impl ReceiveWindow {
    /// This end gave `window` bytes when the stream began.
    #[must_use]
    pub fn new(window: u32) -> Self {
        Self { credit: window, held: 0, consumed: 0 }
    }

    /// The most that can be on its way or held here.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.credit + self.held + self.consumed
    }

    /// Bytes that were received and not consumed: what the stream costs this end in memory.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held
    }

    /// Counts bytes that arrive.
    ///
    /// # Errors
    /// If the peer had less credit; nothing changes.
    pub fn receive(&mut self, bytes: usize) -> Result<(), CreditError> {
        take(&mut self.credit, bytes)?;
        self.held += bytes as u32;
        Ok(())
    }

    /// Counts bytes that were received and need no room any more. More than are held count as all
    /// of them.
    pub fn consume(&mut self, bytes: u32) {
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        self.consumed += bytes;
    }

    /// The CREDIT that is worth a frame: all that was consumed, once it is half of the window.
    #[must_use]
    pub fn due(&self) -> Option<u32> {
        (self.consumed > 0 && self.consumed >= self.window() / 2).then_some(self.consumed)
    }

    /// Counts a CREDIT that is sent.
    ///
    /// # Errors
    /// If less was consumed: the peer could send more than the window. Nothing changes.
    pub fn grant(&mut self, bytes: u32) -> Result<(), CreditError> {
        let overflow = CreditError::Overflow { bytes, credit: self.credit, window: self.window() };
        self.consumed = self.consumed.checked_sub(bytes).ok_or(overflow)?;
        self.credit += bytes;
        Ok(())
    }
}

fn take(credit: &mut u32, bytes: usize) -> Result<(), CreditError> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let exceeded = CreditError::Exceeded { bytes, credit: *credit };
    *credit = credit.checked_sub(bytes).ok_or(exceeded)?;
    Ok(())
}

fn add(credit: &mut u32, bytes: u32, window: u32) -> Result<(), CreditError> {
    let sum = credit.checked_add(bytes).filter(|sum| *sum <= window);
    *credit = sum.ok_or(CreditError::Overflow { bytes, credit: *credit, window })?;
    Ok(())
}
