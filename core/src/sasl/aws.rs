//! Who asks for AWS's leave, and where that is known from.

use alloc::string::String;
use core::fmt;
use core::task::{Context, Poll};

use super::Secret;
use crate::sync::{Arc, Shareable};

/// What AWS gives a user, or for some hours a role.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// The key that signs.
    pub secret_access_key: Secret,
    /// With credentials that end.
    pub session_token: Option<Secret>,
}

/// Hands out credentials that are valid now.
pub trait AwsCredentialsProvider: Shareable {
    /// Credentials for a login that begins now; or why there are none, and the login fails with
    /// this text.
    ///
    /// Called by the driver for each connection and each re-authentication, so it must not block.
    /// While they are being fetched: pending, and `cx`'s waker is woken when that is over. The
    /// login waits for it, up to `request.timeout.ms`, and then asks again.
    fn poll_credentials(&self, cx: &mut Context<'_>) -> Poll<Result<AwsCredentials, String>>;
}

/// Where credentials come from, and for which region they sign.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct AwsConfig {
    /// `sasl.aws.access.key.id`.
    pub access_key_id: Option<String>,
    /// `sasl.aws.secret.access.key`.
    pub secret_access_key: Option<Secret>,
    /// `sasl.aws.security.token`.
    pub session_token: Option<Secret>,
    /// `sasl.aws.region`; without it, what the broker's name says.
    pub region: Option<String>,
    /// The program's own source, asked where no access key is given.
    pub provider: Option<Arc<dyn AwsCredentialsProvider>>,
}

impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConfig")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &self.secret_access_key)
            .field("session_token", &self.session_token)
            .field("region", &self.region)
            .field("provider", &self.provider.is_some())
            .finish()
    }
}
