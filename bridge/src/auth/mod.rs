//! Who a client is and what it may do.

mod grant;
mod jwt;
mod keys;
mod origin;

use std::time::SystemTime;

use crate::config::{self, AuthMode, ConfigError};

pub(crate) use grant::{Grant, LeaseGrant, Proof, Topics};
use keys::KeySet;
use origin::Origins;

/// Why a client may not come, for the log; the client only learns that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denial(pub(crate) &'static str);

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Authenticator {
    config: config::Auth,
    origins: Origins,
    by: By,
}

#[derive(Debug)]
enum By {
    Tokens(KeySet),
    Nothing(Grant),
}

impl Authenticator {
    /// Reads the keys.
    pub(crate) fn new(config: &config::Auth) -> Result<Self, ConfigError> {
        let by = match (config.mode, &config.jwks) {
            (AuthMode::None, _) => By::Nothing(Grant::anonymous(&config.anonymous_topics)),
            (AuthMode::Jwt, Some(file)) => By::Tokens(KeySet::load(file)?),
            (AuthMode::Jwt, None) => return Err(ConfigError::new("auth.jwks names no file")),
        };
        Ok(Self { config: config.clone(), origins: Origins::new(&config.origins), by })
    }

    /// What a token grants to a page of `origin`.
    pub(crate) fn check(&self, token: &str, origin: Option<&str>) -> Result<Grant, Denial> {
        let grant = match &self.by {
            By::Tokens(keys) => jwt::check(token, keys, &self.config, SystemTime::now())?,
            By::Nothing(everybody) => everybody.clone(),
        };
        self.check_origin(&grant, origin)?;
        Ok(grant)
    }

    /// Whether one who came with a token, or without, may stay: the token is not read again, but
    /// what may have changed since is looked at.
    pub(crate) fn still_allows(&self, grant: &Grant, origin: Option<&str>) -> Result<(), Denial> {
        if let (By::Tokens(keys), Some(proof)) = (&self.by, &grant.proof) {
            if !keys.has(&proof.key) {
                return Err(Denial("the token's key is known no more"));
            }
            let revoked = |list: &[String], what: &str| list.iter().any(|one| one == what);
            if revoked(&self.config.revoked_subjects, &grant.subject)
                || proof.id.as_deref().is_some_and(|id| revoked(&self.config.revoked_tokens, id))
            {
                return Err(Denial("the token was revoked"));
            }
        }
        self.check_origin(grant, origin)
    }

    /// Whether pages of this origin may come at all, before anybody's token is known.
    pub(crate) fn allows_origin(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.origins.allow(origin))
    }

    fn check_origin(&self, grant: &Grant, origin: Option<&str>) -> Result<(), Denial> {
        match (origin, &grant.origin) {
            (None, _) if grant.native => Ok(()),
            (None, _) => Err(Denial("no Origin, and the token is for pages")),
            (Some(origin), _) if !self.origins.allow(origin) => Err(Denial("origin not allowed")),
            (Some(origin), Some(only)) if origin != only => {
                Err(Denial("the token is for another origin"))
            }
            _ => Ok(()),
        }
    }
}
