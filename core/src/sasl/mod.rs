//! Logins (SASL, RFC 4422): what a client says to a broker to prove who it is.
//!
//! A plain state machine: messages of the broker come in, messages for it go out. Framing is the
//! task of [`protocol`](crate::protocol), when to log in that of the sender.
//!
//! | file | job |
//! | --- | --- |
//! | `login.rs` | one login, from the first message to its end |
//! | `plain.rs`, `scram.rs`, `oauth_bearer.rs` | the mechanisms |
//! | `scram_hash.rs` | the hashes under SCRAM |
//! | `mechanism.rs` | their names |
//! | `secret.rs`, `token.rs` | what a login needs |

mod login;
mod mechanism;
mod oauth_bearer;
mod plain;
#[cfg(feature = "scram")]
mod scram;
#[cfg(feature = "scram")]
mod scram_hash;
mod secret;
mod token;

pub(crate) use login::{Login, Step};
pub use mechanism::Mechanism;
pub use secret::Secret;
pub use token::{TokenProvider, TokenSource};
