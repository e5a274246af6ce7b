//! The names of the mechanisms.

use core::fmt;
use core::str::FromStr;

/// How a client proves who it is (`sasl.mechanism`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mechanism {
    /// User and password as they are (RFC 4616): only over TLS.
    Plain,
    /// Neither side learns the password from the other (RFC 5802, 7677), with SHA-256.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
    /// A token of an OAuth 2 server (RFC 7628, KIP-255).
    OauthBearer,
    /// AWS's own: a request signed with the client's key.
    AwsMskIam,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer, Self::AwsMskIam];

    /// Their names, for people.
    pub(crate) const NAMES: &'static str =
        "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM";

    /// The registered name, as brokers know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::AwsMskIam => "AWS_MSK_IAM",
        }
    }

    /// The Cargo feature that it is not compiled in without.
    pub(crate) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::ScramSha256 | Self::ScramSha512 if !cfg!(feature = "scram") => Some("scram"),
            Self::AwsMskIam if !cfg!(feature = "aws-msk-iam") => Some("aws-msk-iam"),
            _ => None,
        }
    }

    /// Whether it is compiled in.
    #[must_use]
    pub const fn is_available(self) -> bool {
        self.missing_feature().is_none()
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mechanism {
    /// The names that there are.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(text));
        known.ok_or(Self::NAMES)
    }
}
