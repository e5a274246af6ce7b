//! What a client may do.

use std::sync::Arc;
use std::time::SystemTime;

use super::keys::KeyPrint;

/// What a token, or the lack of one, grants.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Who it is; leases and limits are counted for it.
    pub(crate) subject: Arc<str>,
    pub(crate) topics: Topics,
    pub(crate) lease: LeaseGrant,
    /// The largest one-shot body, where it is not the general one.
    pub(crate) one_shot_bytes: Option<usize>,
    /// Whether it may come without an `Origin`, as programs do that are no pages.
    pub(crate) native: bool,
    /// The only page that may bear it.
    pub(crate) origin: Option<String>,
    /// When it ends; `None`: never.
    pub(crate) expires: Option<SystemTime>,
    /// The token that it is from; `None`: nobody was asked.
    pub(crate) proof: Option<Proof>,
}

/// What a token is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Its `jti`.
    pub(crate) id: Option<Box<str>>,
    /// The key that it was signed with.
    pub(crate) key: KeyPrint,
}

/// Whether producer ids are lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseGrant {
    No,
    Session,
    Durable,
}

impl Grant {
    /// Everybody's, where nobody is asked who he is.
    pub(crate) fn anonymous(topics: &[String]) -> Self {
        Self {
            subject: "anonymous".into(),
            topics: Topics::new(topics),
            lease: LeaseGrant::Durable,
            one_shot_bytes: None,
            native: true,
            origin: None,
            expires: None,
            proof: None,
        }
    }
}

/// Topics: by name, or by how their names begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    names: Vec<String>,
    beginnings: Vec<String>,
}

impl Topics {
    /// Each is a name, or a beginning with a `*`. Nobody is granted Kafka's own topics.
    pub(crate) fn new(patterns: &[String]) -> Self {
        let mut topics = Self::default();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(beginning) => topics.beginnings.push(beginning.to_owned()),
                None => topics.names.push(pattern.clone()),
            }
        }
        topics
    }

    /// Whether a topic is granted.
    pub(crate) fn grants(&self, topic: &str) -> bool {
        !topic.starts_with("__")
            && (self.names.iter().any(|name| name == topic)
                || self.beginnings.iter().any(|beginning| topic.starts_with(beginning)))
    }

    /// All that are granted, where no beginning is; their names are then the whole grant.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.beginnings.is_empty().then_some(&self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::Topics;

    #[test]
    fn topics_are_granted_by_name_or_by_beginning() {
        let topics = Topics::new(&["clicks".to_owned(), "web.*".to_owned()]);
        for topic in ["clicks", "web.", "web.page"] {
            assert!(topics.grants(topic), "{topic}");
        }
        for topic in ["click", "clicks2", "Clicks", "web", "", "__consumer_offsets"] {
            assert!(!topics.grants(topic), "{topic}");
        }
        assert!(!Topics::new(&["*".to_owned()]).grants("__transaction_state"));
        assert!(!Topics::default().grants("clicks"));
    }
}
