//! Leases: a producer id for a time, and the ticket that proves it (§6).

use core::fmt;

use crate::code::LeaseRefusal;
use crate::error::Field;
use crate::list::private;
use crate::wire::{Reader, Writer};

/// A producer id that the session holds alone. Its `Debug` does not show the ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lease<'a> {
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch now.
    pub epoch: i16,
    /// How long after the end of the session the lease can be resumed, in milliseconds.
    pub ttl_ms: u32,
    /// What proves it to any instance of the bridge; opaque.
    pub ticket: &'a [u8],
}

impl<'a> Lease<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Self {
        Self {
            producer_id: reader.i64(Field::ProducerId),
            epoch: reader.i16(Field::Epoch),
            ttl_ms: reader.u32(Field::Time),
            ticket: reader.bytes8(Field::Ticket),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.i64(Field::ProducerId, self.producer_id);
        writer.i16(Field::Epoch, self.epoch);
        writer.u32(Field::Time, self.ttl_ms);
        writer.bytes8(Field::Ticket, self.ticket);
    }
}

impl fmt::Debug for Lease<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("producer_id", &self.producer_id)
            .field("epoch", &self.epoch)
            .field("ttl_ms", &self.ttl_ms)
            .finish_non_exhaustive()
    }
}

/// What a LEASE frame asks for. Its `Debug` does not show the ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LeaseRequest<'a> {
    /// A producer id.
    New,
    /// More time, and a fresh ticket.
    Renew {
        /// Which of the session's leases.
        producer_id: i64,
    },
    /// The end of a lease; all its batches have their outcome.
    Release {
        /// Which of the session's leases.
        producer_id: i64,
    },
    /// A lease of an earlier session, with its producer id and epoch.
    Resume {
        /// The latest ticket.
        ticket: &'a [u8],
    },
}

impl<'a> LeaseRequest<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Self {
        match reader.u8(Field::LeaseRequest) {
            0 => Self::New,
            1 => Self::Renew { producer_id: reader.i64(Field::ProducerId) },
            2 => Self::Release { producer_id: reader.i64(Field::ProducerId) },
            _ => Self::Resume { ticket: reader.bytes8(Field::Ticket) },
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::New => writer.raw(&[0]),
            Self::Renew { producer_id } => {
                writer.raw(&[1]);
                writer.i64(Field::ProducerId, producer_id);
            }
            Self::Release { producer_id } => {
                writer.raw(&[2]);
                writer.i64(Field::ProducerId, producer_id);
            }
            Self::Resume { ticket } => {
                writer.raw(&[3]);
                writer.bytes8(Field::Ticket, ticket);
            }
        }
    }
}

impl fmt::Debug for LeaseRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("New"),
            Self::Renew { producer_id } => write!(f, "Renew({producer_id})"),
            Self::Release { producer_id } => write!(f, "Release({producer_id})"),
            Self::Resume { .. } => f.write_str("Resume(..)"),
        }
    }
}

/// How the bridge answers a [`LeaseRequest`], or what a HELLO asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseAnswer<'a> {
    /// The session holds the lease: new, renewed or resumed.
    Granted(Lease<'a>),
    /// The lease was released.
    Released,
    /// There is none.
    Refused {
        /// Why.
        reason: LeaseRefusal,
        /// When it is worth asking again, in milliseconds; 0 says nothing about that.
        retry_after_ms: u32,
    },
}

impl<'a> private::Item<'a> for LeaseAnswer<'a> {
    const COUNT: Field = Field::Leases;

    fn read(reader: &mut Reader<'a>) -> Self {
        match reader.u8(Field::LeaseAnswer) {
            0 => Self::Granted(Lease::read(reader)),
            1 => Self::Released,
            _ => {
                let reason = reader.code(LeaseRefusal::from_byte, LeaseRefusal::BadTicket);
                Self::Refused { reason, retry_after_ms: reader.u32(Field::Time) }
            }
        }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Granted(lease) => {
                writer.raw(&[0]);
                lease.write(writer);
            }
            Self::Released => writer.raw(&[1]),
            Self::Refused { reason, retry_after_ms } => {
                writer.raw(&[2, reason as u8]);
                writer.u32(Field::Time, retry_after_ms);
            }
        }
    }
}
