//! One login: the mechanism's messages in turn.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, ready};

use super::Mechanism;
use super::{oauth_bearer, plain};
use crate::config::SaslConfig;

/// Why a login can't go on, for people; holds no secret.
pub type Failure = Cow<'static, str>;

/// What to do after a message of the broker's. Its `Debug` shows no message.
#[derive(PartialEq, Eq)]
pub enum Step {
    /// Send this; it may be a password.
    Send(Vec<u8>),
    /// The broker accepts the client, and has proved itself where the mechanism can.
    Done,
}

/// What is said to whom and when.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "aws-msk-iam"), allow(dead_code, reason = "only that login asks"))]
pub struct Occasion<'a> {
    /// Never used twice: it is what a nonce is made of.
    pub entropy: [u32; 4],
    /// The broker's name, without its port.
    pub host: &'a str,
    /// Milliseconds since the Unix epoch.
    pub unix_millis: i64,
}

/// One login, from the first message to its end.
pub struct Login(State);

enum State {
    /// Everything is said; the broker's word counts.
    Said,
    /// A token was sent.
    OauthBearer,
    #[cfg(feature = "scram")]
    Scram(super::scram::Scram),
}

impl Login {
    /// Begins a login and says the first message, or what is missing for it. Pending while a
    /// provider fetches a token or credentials; `cx` hears of the end of that.
    pub fn begin(
        config: &SaslConfig,
        occasion: &Occasion<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Self, Vec<u8>), Failure>> {
        let mechanism = config.mechanism.ok_or("sasl.mechanism is not set")?;
        let (state, first) = match mechanism {
            Mechanism::Plain => (State::Said, plain::message(config)?),
            Mechanism::OauthBearer => {
                (State::OauthBearer, ready!(oauth_bearer::poll_message(config, cx))?)
            }
            Mechanism::ScramSha256 | Mechanism::ScramSha512 => {
                begin_scram(config, occasion.entropy)?
            }
            Mechanism::AwsMskIam => (State::Said, ready!(aws_msk_iam(config, occasion, cx))?),
        };
        Poll::Ready(Ok((Self(state), first)))
    }

    /// The broker's answer to the last message.
    ///
    /// # Errors
    /// If the broker is not who it must be, or says what the mechanism does not have.
    pub fn step(&mut self, message: &[u8]) -> Result<Step, Failure> {
        match &mut self.0 {
            State::Said => Ok(Step::Done),
            State::OauthBearer if message.is_empty() => Ok(Step::Done),
            // The broker has said why it refuses, and tells the error after this.
            State::OauthBearer => Ok(Step::Send(oauth_bearer::GIVE_UP.to_vec())),
            #[cfg(feature = "scram")]
            State::Scram(scram) => scram.step(message),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send(_) => "Send",
            Self::Done => "Done",
        })
    }
}

#[cfg(feature = "scram")]
fn begin_scram(config: &SaslConfig, entropy: [u32; 4]) -> Result<(State, Vec<u8>), Failure> {
    let (scram, first) = super::scram::Scram::begin(config, entropy)?;
    Ok((State::Scram(scram), first))
}

#[cfg(feature = "aws-msk-iam")]
use super::aws_msk_iam::poll_message as aws_msk_iam;

#[cfg(not(feature = "aws-msk-iam"))]
fn aws_msk_iam(
    _: &SaslConfig,
    _: &Occasion<'_>,
    _: &mut Context<'_>,
) -> Poll<Result<Vec<u8>, Failure>> {
    let why = "AWS_MSK_IAM is not compiled in; build with the Cargo feature `aws-msk-iam`";
    Poll::Ready(Err(why.into()))
}

#[cfg(not(feature = "scram"))]
fn begin_scram(_: &SaslConfig, _: [u32; 4]) -> Result<(State, Vec<u8>), Failure> {
    Err("SCRAM is not compiled in; build with the Cargo feature `scram`".into())
}
