//! A client of `ottla.v1` made of the protocol crate and a WebSocket, and a bridge before a model
//! cluster.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod bench;
pub(crate) mod client;
pub(crate) mod kafka;
