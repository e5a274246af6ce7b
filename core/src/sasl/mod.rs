//! Logins (SASL, RFC 4422): what a client says to a broker to prove who it is.
//!
//! A plain state machine: messages of the broker come in, messages for it go out. Framing is the
//! task of [`protocol`](crate::protocol), when to log in that of the sender.
//!
//! | file | job |
//! | --- | --- |
//! | `login.rs` | one login, from the first message to its end |
//! | `plain.rs`, `scram.rs`, `oauth_bearer.rs`, `aws_msk_iam.rs` | the mechanisms |
//! | `hash.rs` | the hashes under them |
//! | `mechanism.rs` | their names |
//! | `secret.rs`, `token.rs`, `aws.rs` | what a login needs |

mod aws;
#[cfg(feature = "aws-msk-iam")]
mod aws_msk_iam;
#[cfg(feature = "scram")]
mod hash;
mod login;
mod mechanism;
mod oauth_bearer;
mod plain;
#[cfg(feature = "scram")]
mod scram;
mod secret;
mod token;

pub use aws::{AwsConfig, AwsCredentials, AwsCredentialsProvider};
pub use login::{Failure, Login, Occasion, Step};
pub use mechanism::Mechanism;
pub use secret::Secret;
pub use token::{TokenProvider, TokenSource};
