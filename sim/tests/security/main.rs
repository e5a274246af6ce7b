//! Logins in virtual time: a scripted doorkeeper before a model cluster.

mod door;
mod login;
mod token;
#[path = "../regressions/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;
