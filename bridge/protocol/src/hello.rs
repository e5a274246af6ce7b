//! HELLO: who the client is and what it wants (§4.1).

use core::fmt;

use crate::error::{DecodeError, Field};
use crate::list::{List, private};
use crate::wire::{Reader, Writer};

const VERSION: u8 = 1;

/// The first thing a client says, as a frame or with the upgrade request. Its `Debug` shows neither
/// token nor tickets.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hello<'a> {
    /// Whether it wants a producer id, which an idempotent producer needs unless it resumes one.
    pub wants_lease: bool,
    /// The token that says who it is and what it may do; empty where the bridge needs none.
    pub token: &'a str,
    /// The client's name, for the bridge's log.
    pub client_name: &'a str,
    /// The client's version, for the bridge's log.
    pub client_version: &'a str,
    /// Tickets of leases to resume; the WELCOME answers them in the same order.
    pub tickets: List<'a, &'a [u8]>,
    /// The topics whose metadata the WELCOME is to have; none means all that are granted.
    pub topics: List<'a, &'a str>,
}

impl<'a> Hello<'a> {
    /// How many answers about leases a WELCOME owes: one for each ticket, then one for the wish.
    #[must_use]
    pub fn lease_answers(&self) -> usize {
        self.tickets.len() + usize::from(self.wants_lease)
    }

    /// Reads a payload, such as one that came with the upgrade request.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let kind = crate::FrameKind::Hello;
        if !kind.payload_sizes().contains(&payload.len()) {
            return Err(DecodeError::Length { kind, length: payload.len() });
        }
        let mut reader = Reader::new(payload);
        let hello = Self::read(&mut reader);
        reader.finish(kind)?;
        Ok(hello)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Self {
        reader.u8(Field::Version);
        Self {
            wants_lease: reader.u8(Field::Flags) == 1,
            token: reader.text16(Field::HelloToken),
            client_name: reader.text8(Field::ClientName),
            client_version: reader.text8(Field::ClientVersion),
            tickets: List::read(reader),
            topics: List::read(reader),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u8(Field::Version, VERSION);
        writer.u8(Field::Flags, self.wants_lease.into());
        writer.bytes16(Field::HelloToken, self.token.as_bytes());
        writer.bytes8(Field::ClientName, self.client_name.as_bytes());
        writer.bytes8(Field::ClientVersion, self.client_version.as_bytes());
        self.tickets.write(writer);
        self.topics.write(writer);
    }
}

impl fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("wants_lease", &self.wants_lease)
            .field("client_name", &self.client_name)
            .field("client_version", &self.client_version)
            .field("tickets", &self.tickets.len())
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// A ticket.
impl<'a> private::Item<'a> for &'a [u8] {
    const COUNT: Field = Field::Tickets;

    fn read(reader: &mut Reader<'a>) -> Self {
        reader.bytes8(Field::Ticket)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes8(Field::Ticket, self);
    }
}

/// A topic's name.
impl<'a> private::Item<'a> for &'a str {
    const COUNT: Field = Field::Topics;

    fn read(reader: &mut Reader<'a>) -> Self {
        reader.text8(Field::Topic)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes8(Field::Topic, self.as_bytes());
    }
}
