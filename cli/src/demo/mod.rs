//! The page of `ottla dev --bridge`: people type and draw, and watch what becomes of the records.
//!
//! The page produces with the npm package through the bridge, like any page. What is here serves it
//! and its files, reads the topic back for it, and stops and starts the broker when it asks.

mod back;
mod files;
mod server;
mod switch;

use std::sync::Arc;

use crate::failure::Failure;
use crate::plain::reason;

pub(crate) use server::Server;
pub(crate) use switch::Switch;

/// What the page produces to.
const TOPIC: &str = "demo";

/// Serves the page on a free port or `port`, with the broker behind `switch` and the bridge at
/// `bridge`.
pub(crate) fn start(port: u16, switch: Switch, bridge: String) -> Result<Server, Failure> {
    let demo = Demo { switch, bridge };
    Server::start(port, Arc::new(demo)).map_err(|error| {
        Failure::new(format!("cannot serve the demo on port {port}: {}", reason(&error)))
    })
}

/// Whether the npm package is in this command.
pub(crate) fn has_package() -> bool {
    files::has_package()
}

/// What requests are answered from.
#[derive(Debug)]
struct Demo {
    switch: Switch,
    bridge: String,
}
