//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password's hash, and neither
//! learns it from the other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use super::hash::Hash;
use super::login::{Failure, Step};
use super::{Mechanism, Secret};
use crate::config::SaslConfig;

/// The fewest rounds that a broker may ask for. Fewer would let an impostor collect proofs that are
/// cheap to guess passwords from. Kafka's own minimum (`ScramMechanism`).
const MIN_ITERATIONS: u32 = 4096;

/// The most rounds: an impostor must not keep the driver busy for minutes. Brokers that follow
/// Kafka store at most 16384.
const MAX_ITERATIONS: u32 = 100_000;

/// The client does not bind the login to a TLS channel, as Kafka has no such mechanism.
const GS2_HEADER: &str = "n,,";

/// `GS2_HEADER` in base64, as the last message repeats it.
const CHANNEL_BINDING: &str = "biws";

/// The client's side of one login.
pub(super) struct Scram {
    hash: Hash,
    password: Secret,
    nonce: String,
    state: State,
}

enum State {
    /// The first message was sent; it, without its header.
    Greeted { first_bare: String },
    /// The proof was sent; what the broker has to answer is made of these.
    Proved { salted: Vec<u8>, auth_message: String },
    /// All is said.
    Done,
}

impl Scram {
    pub(super) fn begin(
        config: &SaslConfig,
        entropy: [u32; 4],
    ) -> Result<(Self, Vec<u8>), Failure> {
        let [a, b, c, d] = entropy;
        Self::begin_with(config, format!("{a:08x}{b:08x}{c:08x}{d:08x}"))
    }

    fn begin_with(config: &SaslConfig, nonce: String) -> Result<(Self, Vec<u8>), Failure> {
        let hash = match config.mechanism {
            Some(Mechanism::ScramSha512) => Hash::Sha512,
            _ => Hash::Sha256,
        };
        let (user, password) = config.user_and_password()?;
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={user},r={nonce}");
        let first = format!("{GS2_HEADER}{first_bare}").into_bytes();
        let password = Secret::new(password);
        Ok((Self { hash, password, nonce, state: State::Greeted { first_bare } }, first))
    }

    pub(super) fn step(&mut self, message: &[u8]) -> Result<Step, Failure> {
        let text = core::str::from_utf8(message).map_err(|_| malformed())?;
        match core::mem::replace(&mut self.state, State::Done) {
            State::Greeted { first_bare } => self.prove(&first_bare, text),
            State::Proved { salted, auth_message } => {
                self.verify(&salted, &auth_message, text)?;
                Ok(Step::Done)
            }
            State::Done => Err(malformed()),
        }
    }

    /// Answers the broker's first message with the proof.
    fn prove(&mut self, first_bare: &str, server_first: &str) -> Result<Step, Failure> {
        let challenge = Challenge::parse(server_first)?;
        // Otherwise it is the answer to another login, played again.
        if !challenge.nonce.starts_with(&self.nonce) || challenge.nonce.len() == self.nonce.len() {
            return Err(
                "the broker's nonce does not continue the client's: somebody may stand between"
                    .into(),
            );
        }
        let Challenge { nonce, salt, iterations } = challenge;
        let salted = self.hash.salted(self.password.reveal().as_bytes(), &salt, iterations);
        let without_proof = format!("c={CHANNEL_BINDING},r={nonce}");
        let auth_message = format!("{first_bare},{server_first},{without_proof}");
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let stored_key = self.hash.digest(&client_key);
        let signature = self.hash.hmac(&stored_key, auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let last = format!("{without_proof},p={}", Base64::encode_string(&proof));
        self.state = State::Proved { salted, auth_message };
        Ok(Step::Send(last.into_bytes()))
    }

    /// Checks that the broker knows the password's hash too.
    fn verify(&self, salted: &[u8], auth_message: &str, server_last: &str) -> Result<(), Failure> {
        let mut fields = server_last.split(',');
        let first = fields.next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(format!("the broker says: {error}").into());
        }
        let signature = first.strip_prefix("v=").ok_or_else(malformed)?;
        let signature = Base64::decode_vec(signature).map_err(|_| malformed())?;
        let server_key = self.hash.hmac(salted, b"Server Key");
        if self.hash.verify(&server_key, auth_message.as_bytes(), &signature) {
            Ok(())
        } else {
            Err("the broker does not know the password: somebody pretends to be it".into())
        }
    }
}

/// The broker's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    /// `r=NONCE,s=SALT,i=ITERATIONS`, and extensions that need not be understood behind it. One
    /// that must be (`m=`) stands first and is refused, as it is not the nonce.
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let mut fields = text.split(',');
        let mut field = |name| fields.next().and_then(|field| field.strip_prefix(name));
        let nonce = field("r=").ok_or_else(malformed)?;
        let salt = field("s=").and_then(|salt| Base64::decode_vec(salt).ok());
        let salt = salt.filter(|salt| !salt.is_empty()).ok_or_else(malformed)?;
        let iterations = field("i=").and_then(|count| count.parse().ok()).ok_or_else(malformed)?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(format!(
                "the broker asks for {iterations} iterations; {MIN_ITERATIONS} to {MAX_ITERATIONS} are safe"
            )
            .into());
        }
        Ok(Self { nonce, salt, iterations })
    }
}

fn malformed() -> Failure {
    "the broker's SCRAM message is malformed".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "pencil";

    fn begin(mechanism: Mechanism, user: &str, nonce: &str) -> (Scram, String) {
        let config = SaslConfig {
            mechanism: Some(mechanism),
            username: Some(user.into()),
            password: Some(PASSWORD.into()),
            ..SaslConfig::default()
        };
        let (scram, first) = Scram::begin_with(&config, nonce.into()).unwrap();
        (scram, String::from_utf8(first).unwrap())
    }

    fn sent(step: Result<Step, Failure>) -> String {
        match step {
            Ok(Step::Send(message)) => String::from_utf8(message).unwrap(),
            Ok(Step::Done) => panic!("done"),
            Err(failure) => panic!("{failure}"),
        }
    }

    fn failure(step: Result<Step, Failure>) -> Failure {
        step.expect_err("the step is refused")
    }

    const RFC_7677_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const RFC_7677_CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// The conversation of RFC 7677, section 3.
    #[test]
    fn sha_256_is_that_of_rfc_7677() {
        let (mut scram, first) = begin(Mechanism::ScramSha256, "user", RFC_7677_NONCE);
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            sent(scram.step(RFC_7677_CHALLENGE.as_bytes())),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(scram.step(last) == Ok(Step::Done));
        assert!(scram.step(last).is_err(), "nothing follows");
    }

    /// Made with Python's hashlib and hmac after RFC 5802, section 3.
    #[test]
    fn sha_512_is_that_of_another_implementation() {
        let (mut scram, first) = begin(Mechanism::ScramSha512, "user", "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(first, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        assert_eq!(sent(scram.step(challenge)), SHA_512_PROOF);
        assert!(scram.step(SHA_512_SIGNATURE) == Ok(Step::Done));
    }

    const SHA_512_PROOF: &str = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
        p=VdS8LkrURiej1tG6iX+fqCXQfUnBb//d9llXYaH+ylUbDwBUz9geyR9fC4Te\
        wskRUM2tlYSalhAT4Aay1Q5dTA==";
    const SHA_512_SIGNATURE: &[u8] =
        b"v=14PAAuavk9hxBEkgB0brDxUhvWu+N16meYk+qxVNFqchR8QPohM09Y4Z6WaT\
        CuX4C6nqMB9KIJTDm6RpSM990g==";

    #[test]
    fn a_broker_that_does_not_know_the_password_is_refused() {
        let (mut scram, _) = begin(Mechanism::ScramSha256, "user", RFC_7677_NONCE);
        sent(scram.step(RFC_7677_CHALLENGE.as_bytes()));
        let refusal = failure(scram.step(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(refusal.contains("pretends"), "{refusal}");
    }

    #[test]
    fn the_broker_may_say_why_it_refuses() {
        let (mut scram, _) = begin(Mechanism::ScramSha256, "user", RFC_7677_NONCE);
        sent(scram.step(RFC_7677_CHALLENGE.as_bytes()));
        assert!(failure(scram.step(b"e=invalid-proof")).contains("invalid-proof"));
    }

    #[test]
    fn challenges_that_weaken_or_confuse_are_refused() {
        let rows = [
            ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
            ("r=otherNonce%hvYDpWUa2RaTC,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095", "4095 iterations"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100001", "100001 iterations"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1", "malformed"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==", "malformed"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=,i=4096", "malformed"),
            ("r=rOprNGfwEbeRWgbNEkqO%h,s=%%,i=4096", "malformed"),
            ("m=must,r=rOprNGfwEbeRWgbNEkqO%h,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "malformed"),
            ("", "malformed"),
        ];
        for (challenge, why) in rows {
            let (mut scram, _) = begin(Mechanism::ScramSha256, "user", RFC_7677_NONCE);
            let refusal = failure(scram.step(challenge.as_bytes()));
            assert!(refusal.contains(why), "{challenge}: {refusal}");
        }
    }

    #[test]
    fn commas_and_equal_signs_of_a_name_are_escaped() {
        let (_, first) = begin(Mechanism::ScramSha256, "a,b=c", "x");
        assert_eq!(first, "n,,n=a=2Cb=3Dc,r=x");
    }
}
