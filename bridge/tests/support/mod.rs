//! A client of `ottla.v1` made of the protocol crate and a WebSocket, and a bridge before a model
//! cluster, or before a broker that lies.

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

pub(crate) mod bench;
pub(crate) mod client;
pub(crate) mod fake_broker;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod raw;
pub(crate) mod tokens;
