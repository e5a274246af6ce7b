//! A program's own code on the I/O thread, whose panics must not end the producer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use ottla_core::config::SaslConfig;
use ottla_core::sasl::{
    AwsCredentials, AwsCredentialsProvider, Secret, TokenProvider, TokenSource,
};

use crate::{Acknowledgement, Interceptor, Record};

/// Something of the program's. Its panics on the I/O thread end with the panic hook's report, as
/// exceptions of Java's do with a line in the log. Without this the batch that an interceptor is
/// told of would have no outcome ever, and the producer would be closed.
#[derive(Debug)]
pub(crate) struct Contained<T: ?Sized>(pub(crate) Arc<T>);

/// Contains what a login asks.
pub(crate) fn contain_providers(sasl: &mut SaslConfig) {
    if let Some(TokenSource::Provider(provider)) = &mut sasl.token {
        *provider = Arc::new(Contained(provider.clone()));
    }
    if let Some(provider) = &mut sasl.aws.provider {
        *provider = Arc::new(Contained(provider.clone()));
    }
}

impl Interceptor for Contained<dyn Interceptor> {
    /// On the caller's thread, to whom a panic goes.
    fn on_send<'a>(&'a self, topic: &str, record: Record<'a>) -> Record<'a> {
        self.0.on_send(topic, record)
    }

    fn on_acknowledgement(&self, batch: &Acknowledgement<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.0.on_acknowledgement(batch)));
    }
}

impl TokenProvider for Contained<dyn TokenProvider> {
    fn poll_token(&self, cx: &mut Context<'_>) -> Poll<Result<Secret, String>> {
        let poll = catch_unwind(AssertUnwindSafe(|| self.0.poll_token(cx)));
        poll.unwrap_or_else(|_| Poll::Ready(Err("the program's TokenProvider panicked".into())))
    }
}

impl AwsCredentialsProvider for Contained<dyn AwsCredentialsProvider> {
    fn poll_credentials(&self, cx: &mut Context<'_>) -> Poll<Result<AwsCredentials, String>> {
        let poll = catch_unwind(AssertUnwindSafe(|| self.0.poll_credentials(cx)));
        let why = "the program's AwsCredentialsProvider panicked";
        poll.unwrap_or_else(|_| Poll::Ready(Err(why.into())))
    }
}
