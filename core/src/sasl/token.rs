//! Where the tokens of OAUTHBEARER come from.

use alloc::string::String;
use core::fmt;

use super::Secret;
use crate::sync::{Arc, Shareable};

/// Hands out tokens that are valid now.
pub trait TokenProvider: Shareable {
    /// A token for a login that begins now, without `Bearer` before it.
    ///
    /// Called by the driver for each connection and each re-authentication, so it must not block:
    /// fetch tokens elsewhere, well before the old one ends, and hand out the newest here.
    ///
    /// # Errors
    /// Why there is none; the login fails with this text.
    fn token(&self) -> Result<Secret, String>;
}

/// Where a token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// Always this one (`sasl.oauthbearer.token`).
    Given(Secret),
    /// The program's own source.
    Provider(Arc<dyn TokenProvider>),
}

impl TokenSource {
    pub(super) fn token(&self) -> Result<Secret, String> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::Provider(provider) => provider.token(),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given((secret))",
            Self::Provider(_) => "Provider",
        })
    }
}
