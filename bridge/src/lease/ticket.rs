//! Tickets: what proves a lease to any instance of the bridge.
//!
//! ```text
//! version u8 = 1 | producer id i64 | first epoch i16 | epoch i16 | durable u8 | instance 8 bytes
//! | expiry i64, ms since 1970 | SHA-256 of the subject, 16 bytes of it | HMAC-SHA-256 of all that
//! ```

use std::fmt;

use ring::{digest, hmac};

const VERSION: u8 = 1;
const BODY: usize = 1 + 8 + 2 + 2 + 1 + 8 + 8 + 16;
const MAC: usize = 32;

/// A running bridge: an id is lent again only by the one that took it from the cluster.
pub(super) type Instance = [u8; 8];

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) producer_id: i64,
    /// The epoch with which the lease began.
    pub(super) first_epoch: i16,
    pub(super) epoch: i16,
    pub(super) durable: bool,
    pub(super) instance: Instance,
    pub(super) expires_ms: i64,
    pub(super) subject: [u8; 16],
}

/// The first half of a subject's hash.
pub(super) fn subject_hash(subject: &str) -> [u8; 16] {
    let hash = digest::digest(&digest::SHA256, subject.as_bytes());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// The key that all instances share.
#[derive(Clone)]
pub(super) struct TicketKey(hmac::Key);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey")
    }
}

impl TicketKey {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A ticket's bytes.
    pub(super) fn seal(&self, ticket: &Ticket) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BODY + MAC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&ticket.producer_id.to_be_bytes());
        bytes.extend_from_slice(&ticket.first_epoch.to_be_bytes());
        bytes.extend_from_slice(&ticket.epoch.to_be_bytes());
        bytes.push(ticket.durable.into());
        bytes.extend_from_slice(&ticket.instance);
        bytes.extend_from_slice(&ticket.expires_ms.to_be_bytes());
        bytes.extend_from_slice(&ticket.subject);
        let mac = hmac::sign(&self.0, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        bytes
    }

    /// Reads a ticket, if it is one of ours; in a time that does not depend on what is wrong.
    pub(super) fn open(&self, bytes: &[u8]) -> Option<Ticket> {
        let (body, mac) = bytes.split_at_checked(BODY)?;
        hmac::verify(&self.0, body, mac).ok()?;
        let (&version, rest) = body.split_first()?;
        let (producer_id, rest) = rest.split_first_chunk()?;
        let (first_epoch, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (&durable, rest) = rest.split_first()?;
        let (instance, rest) = rest.split_first_chunk()?;
        let (expires_ms, rest) = rest.split_first_chunk()?;
        let ticket = Ticket {
            producer_id: i64::from_be_bytes(*producer_id),
            first_epoch: i16::from_be_bytes(*first_epoch),
            epoch: i16::from_be_bytes(*epoch),
            durable: durable == 1,
            instance: *instance,
            expires_ms: i64::from_be_bytes(*expires_ms),
            subject: *rest.first_chunk()?,
        };
        (version == VERSION).then_some(ticket)
    }

    /// A name for the cluster that is none of its own: the same for all instances.
    pub(super) fn cluster_name(&self) -> String {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mac = hmac::sign(&self.0, b"cluster");
        Base64UrlUnpadded::encode_string(&mac.as_ref()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticket, TicketKey, subject_hash};

    fn ticket() -> Ticket {
        Ticket {
            producer_id: 4711,
            first_epoch: 2,
            epoch: 3,
            durable: true,
            instance: [7; 8],
            expires_ms: 1_800_000_000_000,
            subject: subject_hash("alice"),
        }
    }

    #[test]
    fn a_ticket_is_opened_by_whoever_has_the_key() {
        let sealed = TicketKey::new(&[1; 32]).seal(&ticket());
        assert_eq!(TicketKey::new(&[1; 32]).open(&sealed), Some(ticket()));
        assert_eq!(TicketKey::new(&[2; 32]).open(&sealed), None);
        assert!(sealed.len() <= ottla_bridge_protocol::limits::TICKET);
    }

    #[test]
    fn a_ticket_with_any_other_bit_is_none() {
        let key = TicketKey::new(&[1; 32]);
        let sealed = key.seal(&ticket());
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&forged), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(&sealed[..length]), None, "{length} bytes");
        }
        assert_eq!(key.open(&[&sealed[..], &[0]].concat()), None);
    }
}
