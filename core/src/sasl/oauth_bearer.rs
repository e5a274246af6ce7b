//! OAUTHBEARER (RFC 7628, KIP-255): a token in one message.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use super::login::Failure;
use crate::config::SaslConfig;
use crate::quoted::Quoted;
use crate::sorted::SortedMap;

/// Parts the fields of the message.
const SEPARATOR: char = '\x01';

/// The client's answer to a refusal: only after it does the broker tell the error.
pub(super) const GIVE_UP: &[u8] = b"\x01";

/// The token and the extensions (KIP-342).
pub(super) fn poll_message(
    config: &SaslConfig,
    cx: &mut Context<'_>,
) -> Poll<Result<Vec<u8>, Failure>> {
    let source = config.token.as_ref().ok_or("no token: set sasl.oauthbearer.token")?;
    let token = ready!(source.poll_token(cx));
    let token = token.map_err(|why| Failure::from(format!("no token: {why}")));
    Poll::Ready(token.and_then(|token| message(token.reveal().trim(), &config.extensions)))
}

fn message(token: &str, extensions: &SortedMap<String, String>) -> Result<Vec<u8>, Failure> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token is not one: it has to be ASCII without spaces".into());
    }
    let mut message = format!("n,,{SEPARATOR}auth=Bearer {token}{SEPARATOR}");
    for (name, value) in extensions.iter() {
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
    use alloc::vec::Vec;
    use core::task::{Context, Poll, Waker};

    use super::super::{Failure, Login, Mechanism, Occasion, Step, TokenProvider, TokenSource};
    use crate::config::SaslConfig;
    use crate::sasl::Secret;
    use crate::sync::Arc;

    /// At any occasion.
    fn poll(config: &SaslConfig) -> Poll<Result<(Login, Vec<u8>), Failure>> {
        let occasion = Occasion { entropy: [0; 4], host: "", unix_millis: 0 };
        Login::begin(config, &occasion, &mut Context::from_waker(Waker::noop()))
    }

    fn begin(config: &SaslConfig) -> Result<(Login, Vec<u8>), Failure> {
        let Poll::Ready(begun) = poll(config) else { panic!("the token is there") };
        begun
    }

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
        let (mut login, first) = begin(&config).unwrap();
        assert_eq!(first, b"n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01");
        assert!(login.step(b"") == Ok(Step::Done));

        config.extensions.insert("logicalCluster".into(), "lkc-1".into());
        let (_, first) = begin(&config).unwrap();
        assert!(first.ends_with(b"==\x01logicalCluster=lkc-1\x01\x01"));
    }

    #[test]
    fn a_refusal_is_answered_so_that_the_broker_tells_why() {
        let (mut login, _) = begin(&given("t")).unwrap();
        assert!(login.step(br#"{"status":"invalid_token"}"#) == Ok(Step::Send(b"\x01".to_vec())));
    }

    #[test]
    fn what_would_break_the_message_is_refused() {
        for token in ["", " ", "a b", "a\x01b", "é"] {
            assert!(begin(&given(token)).is_err(), "{token:?}");
        }
        for (name, value) in [("auth", "x"), ("a b", "x"), ("", "x"), ("a", ""), ("a", "\x01")] {
            let mut config = given("t");
            config.extensions.insert(name.into(), value.into());
            assert!(begin(&config).is_err(), "{name:?} {value:?}");
        }
    }

    /// Hands out what it has.
    struct Provider(Poll<Result<Secret, String>>);

    impl TokenProvider for Provider {
        fn poll_token(&self, _: &mut Context<'_>) -> Poll<Result<Secret, String>> {
            self.0.clone()
        }
    }

    fn provided(token: Poll<Result<Secret, String>>) -> SaslConfig {
        config(TokenSource::Provider(Arc::new(Provider(token))))
    }

    #[test]
    fn a_provider_is_waited_for_and_may_have_none() {
        assert!(poll(&provided(Poll::Pending)).is_pending());
        let (_, first) = begin(&provided(Poll::Ready(Ok("t".into())))).unwrap();
        assert_eq!(first, b"n,,\x01auth=Bearer t\x01\x01");
        let none = Poll::Ready(Err("the token server is down".into()));
        let failure = begin(&provided(none)).err();
        assert_eq!(failure.unwrap(), "no token: the token server is down");
    }
}
