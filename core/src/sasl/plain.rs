//! PLAIN (RFC 4616): user and password in one message.

use alloc::vec::Vec;

use super::login::Failure;
use crate::config::SaslConfig;

/// `NUL user NUL password`: nobody is acted for, so nothing stands before the first NUL.
pub(super) fn message(config: &SaslConfig) -> Result<Vec<u8>, Failure> {
    let (user, password) = config.user_and_password()?;
    if user.contains('\0') || password.contains('\0') {
        return Err("user and password must not contain the character NUL".into());
    }
    Ok([b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::task::{Context, Poll, Waker};

    use super::super::{Failure, Login, Occasion, Step};
    use crate::config::SaslConfig;
    use crate::sasl::Mechanism;

    fn begin(config: &SaslConfig) -> Result<(Login, Vec<u8>), Failure> {
        let occasion = Occasion { entropy: [0; 4], host: "", unix_millis: 0 };
        match Login::begin(config, &occasion, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(begun) => begun,
            Poll::Pending => panic!("a password is there"),
        }
    }

    fn config(user: &str, password: &str) -> SaslConfig {
        SaslConfig {
            mechanism: Some(Mechanism::Plain),
            username: Some(user.into()),
            password: Some(password.into()),
            ..SaslConfig::default()
        }
    }

    /// The first example of RFC 4616, without the identity that Kafka has no use for.
    #[test]
    fn the_message_is_that_of_the_rfc() {
        let (mut login, first) = begin(&config("tim", "tanstaaftanstaaf")).unwrap();
        assert_eq!(first, b"\0tim\0tanstaaftanstaaf");
        assert!(login.step(b"") == Ok(Step::Done));
    }

    #[test]
    fn a_nul_can_not_smuggle_another_field_in() {
        for (user, password) in [("a\0b", "c"), ("a", "b\0c")] {
            assert!(begin(&config(user, password)).is_err());
        }
    }
}
