//! The client's side before there is a session: connections, TLS, HTTP.

pub(crate) mod listener;
mod routes;
mod upgrade;
