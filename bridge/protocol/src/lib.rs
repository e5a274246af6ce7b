//! `ottla.v1`, the wire protocol between a producer that has no TCP and the bridge to Kafka that it
//! talks to. `bridge/PROTOCOL.md` is the specification; its section numbers stand at the types.
//!
//! Both ends share this crate. It does no I/O and knows no clock:
//!
//! * [`Frame`] writes a frame into a buffer and reads one that borrows from the message;
//! * [`Unpacker`] cuts a WebSocket message into frames, [`Packer`] makes messages of what waits;
//! * [`SendCredit`] and [`ReceiveWindow`] count what a stream may still carry;
//! * [`Session`] makes each frame at the wrong time an error; [`OneShot`] does so for a single HTTP
//!   request.
//!
//! Every size is checked against [`limits`] before anything of that size is read; reading allocates
//! nothing.
//!
//! ```
//! use ottla_bridge_protocol::{Frame, Unpacker};
//!
//! let mut message = Vec::new();
//! Frame::Ping(7).encode(&mut message)?;
//! let mut frames = Unpacker::new(&message)?;
//! assert_eq!(frames.next_frame()?, Some(Frame::Ping(7)));
//! assert_eq!(frames.next_frame()?, None);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod code;
mod credit;
mod error;
mod frame;
mod hello;
mod kind;
mod lease;
pub mod limits;
mod list;
mod one_shot;
mod packer;
mod session;
mod stream;
mod unpacker;
mod welcome;
mod wire;

pub use code::{CloseCode, LeaseRefusal, OpenRefusal, StreamEnd};
pub use credit::{ReceiveWindow, SendCredit};
pub use error::{CreditError, DecodeError, EncodeError, Field, Problem, ProtocolError};
pub use frame::Frame;
pub use hello::Hello;
pub use kind::{End, FrameHeader, FrameKind, StreamId};
pub use lease::{Lease, LeaseAnswer, LeaseRequest};
pub use list::{Item, List, ListIter};
pub use one_shot::{OneShot, put_stream};
pub use packer::{Packer, QueueError};
pub use session::{Phase, Session, Verdict};
pub use stream::{StreamName, StreamState};
pub use unpacker::Unpacker;
pub use welcome::{ApiRange, MetadataSnapshot, SessionLimits, Welcome};

/// The WebSocket subprotocol that the bridge selects.
pub const SUBPROTOCOL: &str = "ottla.v1";

/// What stands before a HELLO's payload in base64url when it comes as a second subprotocol, with
/// the upgrade request: it saves a round trip.
pub const HELLO_SUBPROTOCOL_PREFIX: &str = "ottla.hello.";
