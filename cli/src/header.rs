//! `-H NAME=VALUE`: a header for every record.

use std::str::FromStr;

/// A header's name and its value, which is null without an `=`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HeaderArg {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl FromStr for HeaderArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("expected NAME=VALUE or NAME".into());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_begins_after_the_first_equals_sign() {
        let header: HeaderArg = "a=b=c".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_deref()), ("a", Some("b=c")));
        assert_eq!("a=".parse::<HeaderArg>().unwrap().value.as_deref(), Some(""));
        assert_eq!("a".parse::<HeaderArg>().unwrap().value, None);
        assert!("=b".parse::<HeaderArg>().is_err());
        assert!("".parse::<HeaderArg>().is_err());
    }
}
