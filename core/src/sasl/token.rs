//! Where the tokens of OAUTHBEARER come from.

use alloc::string::String;
use core::fmt;
use core::task::{Context, Poll};

use super::Secret;
use crate::sync::{Arc, Shareable};

/// Hands out tokens that are valid now.
pub trait TokenProvider: Shareable {
    /// A token for a login that begins now, without `Bearer` before it; or why there is none, and
    /// the login fails with this text.
    ///
    /// Called by the driver for each connection and each re-authentication, so it must not block.
    /// While it is being fetched: pending, and `cx`'s waker is woken when that is over. The login
    /// waits for it, up to `request.timeout.ms`, and then asks again.
    fn poll_token(&self, cx: &mut Context<'_>) -> Poll<Result<Secret, String>>;
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
    pub(super) fn poll_token(&self, cx: &mut Context<'_>) -> Poll<Result<Secret, String>> {
        match self {
            Self::Given(token) => Poll::Ready(Ok(token.clone())),
            Self::Provider(provider) => provider.poll_token(cx),
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
