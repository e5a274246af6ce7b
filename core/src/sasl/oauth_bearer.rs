//! OAUTHBEARER (RFC 7628, KIP-255): a token in one message.

use alloc::format;
use alloc::vec::Vec;

use super::login::Failure;
use crate::config::SaslConfig;
use crate::quoted::Quoted;

/// Parts the fields of the message.
const SEPARATOR: char = '\x01';

/// The client's answer to a refusal: only after it does the broker tell the error.
pub(super) const GIVE_UP: &[u8] = b"\x01";

/// The token and the extensions (KIP-342).
pub(super) fn message(config: &SaslConfig) -> Result<Vec<u8>, Failure> {
    let source = config.token.as_ref().ok_or("no token: set sasl.oauthbearer.token")?;
    let token = source.token().map_err(|why| Failure::from(format!("no token: {why}")))?;
    let token = token.reveal().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token is not one: it has to be ASCII without spaces".into());
    }
    let mut message = format!("n,,{SEPARATOR}auth=Bearer {token}{SEPARATOR}");
    for (name, value) in &config.extensions {
        if !is_extension(name, value) {
            return Err(format!(
                "the extension {} has a name or value that none can have",
                Quoted(name)
            )
            .into());
        }
        message.push_str(&format!("{name}={value}{SEPARATOR}"));
    }
    message.push(SEPARATOR);
    Ok(message.into_bytes())
}

/// The grammar of RFC 7628, section 3.1. `auth` is the token's own name.
fn is_extension(name: &str, value: &str) -> bool {
    let text = |byte: u8| (0x20..0x7f).contains(&byte) || b"\t\r\n".contains(&byte);
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    named && name != "auth" && !value.is_empty() && value.bytes().all(text)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::super::{Login, Mechanism, Occasion, Step, TokenProvider, TokenSource};
    use crate::config::SaslConfig;
    use crate::sasl::Secret;
    use crate::sync::Arc;

    /// The token's occasion is its own.
    const NOBODY: Occasion<'_> = Occasion { entropy: [0; 4], host: "", unix_millis: 0 };

    fn config(token: TokenSource) -> SaslConfig {
        let mechanism = Some(Mechanism::OauthBearer);
        SaslConfig { mechanism, token: Some(token), ..SaslConfig::default() }
    }

    fn given(token: &str) -> SaslConfig {
        config(TokenSource::Given(token.into()))
    }

    /// RFC 7628, section 4.1, without the authorization identity, host and port.
    #[test]
    fn the_message_is_that_of_the_rfc() {
        let mut config = given("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let (mut login, first) = Login::begin(&config, &NOBODY).unwrap();
        assert_eq!(first, b"n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01");
        assert!(login.step(b"") == Ok(Step::Done));

        config.extensions.insert("logicalCluster".into(), "lkc-1".into());
        let (_, first) = Login::begin(&config, &NOBODY).unwrap();
        assert!(first.ends_with(b"==\x01logicalCluster=lkc-1\x01\x01"));
    }

    #[test]
    fn a_refusal_is_answered_so_that_the_broker_tells_why() {
        let (mut login, _) = Login::begin(&given("t"), &NOBODY).unwrap();
        assert!(login.step(br#"{"status":"invalid_token"}"#) == Ok(Step::Send(b"\x01".to_vec())));
    }

    #[test]
    fn what_would_break_the_message_is_refused() {
        for token in ["", " ", "a b", "a\x01b", "é"] {
            assert!(Login::begin(&given(token), &NOBODY).is_err(), "{token:?}");
        }
        for (name, value) in [("auth", "x"), ("a b", "x"), ("", "x"), ("a", ""), ("a", "\x01")] {
            let mut config = given("t");
            config.extensions.insert(name.into(), value.into());
            assert!(Login::begin(&config, &NOBODY).is_err(), "{name:?} {value:?}");
        }
    }

    #[test]
    fn a_provider_is_asked_each_time_and_may_have_none() {
        struct None;
        impl TokenProvider for None {
            fn token(&self) -> Result<Secret, String> {
                Err("the token server is down".into())
            }
        }
        let failure = Login::begin(&config(TokenSource::Provider(Arc::new(None))), &NOBODY).err();
        assert_eq!(failure.unwrap(), "no token: the token server is down");
    }
}
