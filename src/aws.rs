//! AWS credentials where its own tools look for them first.

use std::env;
use std::sync::Arc;
use std::task::{Context, Poll};

use ottla_core::config::SaslConfig;
use ottla_core::sasl::{AwsCredentials, AwsCredentialsProvider, Mechanism, Secret};

/// The variables that AWS's tools read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`.
struct Environment;

impl AwsCredentialsProvider for Environment {
    fn poll_credentials(&self, _: &mut Context<'_>) -> Poll<Result<AwsCredentials, String>> {
        Poll::Ready(from_variables(|name| env::var(name).ok()))
    }
}

/// A login at Amazon's Kafka without credentials of its own uses those of the environment.
pub(crate) fn complete(sasl: &mut SaslConfig) {
    let aws = &mut sasl.aws;
    let given = aws.access_key_id.is_some() || aws.provider.is_some();
    if sasl.mechanism == Some(Mechanism::AwsMskIam) && !given {
        aws.provider = Some(Arc::new(Environment));
    }
}

fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<AwsCredentials, String> {
    let get = |name| get(name).filter(|value| !value.is_empty());
    let missing = |name: &str| {
        format!(
            "{name} is not set; set it, or sasl.aws.access.key.id and sasl.aws.secret.access.key, \
             or an AwsCredentialsProvider in code"
        )
    };
    let needed = |name| get(name).ok_or_else(|| missing(name));
    Ok(AwsCredentials {
        access_key_id: needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: Secret::from(needed("AWS_SECRET_ACCESS_KEY")?),
        session_token: get("AWS_SESSION_TOKEN").map(Secret::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<AwsCredentials, String> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        from_variables(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_variables_of_awss_tools_are_read() {
        let credentials = with(&[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_SESSION_TOKEN", "token"),
        ]);
        let credentials = credentials.unwrap();
        assert_eq!(credentials.access_key_id, "id");
        assert_eq!(credentials.secret_access_key.reveal(), "key");
        assert_eq!(credentials.session_token.unwrap().reveal(), "token");
    }

    #[test]
    fn an_empty_variable_is_none() {
        let id = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "")];
        let error = with(&id).unwrap_err();
        assert!(error.starts_with("AWS_SECRET_ACCESS_KEY is not set"), "{error}");
    }
}
