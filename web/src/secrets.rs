//! Tokens and credentials that JavaScript fetches for logins.

use alloc::string::String;
use core::task::{Context, Poll};

use ottla_core::config::SaslConfig;
use ottla_core::sasl::{
    AwsCredentials, AwsCredentialsProvider, Mechanism, Secret, TokenProvider, TokenSource,
};
use ottla_core::sync::Arc;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's side. It never calls back before it has returned; the engine is polled again
    /// when something was fetched.
    #[derive(Debug)]
    pub type Secrets;

    /// Whether there is what a login needs that begins now; nothing while it is being fetched.
    #[wasm_bindgen(method)]
    fn poll(this: &Secrets) -> Option<bool>;

    /// A token, or in three lines credentials; or why there is none.
    #[wasm_bindgen(method)]
    fn text(this: &Secrets) -> String;
}

impl Secrets {
    /// Has the logins ask here for what they need.
    pub(crate) fn serve(self, sasl: &mut SaslConfig) {
        match sasl.mechanism {
            Some(Mechanism::OauthBearer) => {
                sasl.token = Some(TokenSource::Provider(Arc::new(self)));
            }
            _ => sasl.aws.provider = Some(Arc::new(self)),
        }
    }

    fn fetched(&self) -> Poll<Result<String, String>> {
        match self.poll() {
            None => Poll::Pending,
            Some(true) => Poll::Ready(Ok(self.text())),
            Some(false) => Poll::Ready(Err(self.text())),
        }
    }
}

impl TokenProvider for Secrets {
    fn poll_token(&self, _: &mut Context<'_>) -> Poll<Result<Secret, String>> {
        self.fetched().map_ok(Secret::from)
    }
}

impl AwsCredentialsProvider for Secrets {
    fn poll_credentials(&self, _: &mut Context<'_>) -> Poll<Result<AwsCredentials, String>> {
        self.fetched().map_ok(|text| {
            let mut lines = text.lines();
            let mut next = || lines.next().filter(|line| !line.is_empty());
            AwsCredentials {
                access_key_id: next().unwrap_or_default().into(),
                secret_access_key: Secret::from(next().unwrap_or_default()),
                session_token: next().map(Secret::from),
            }
        })
    }
}
