//! The client's side before there is a session: connections, TLS, HTTP.

pub(crate) mod admin;
pub(crate) mod listener;
mod one_shot;
mod routes;
pub(crate) mod tls;
mod upgrade;

pub(crate) use one_shot::within_budget;
