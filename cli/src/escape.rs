//! Delimiters as the command line spells them: kcat's `\n`, `\t`, `\xNN` and a few more.

use std::str::FromStr;

/// The bytes that separate records, or keys from values. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delimiter(Vec<u8>);

impl Delimiter {
    /// The bytes to look for.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = unescape(text)?;
        if bytes.is_empty() {
            return Err("a delimiter needs at least one byte".into());
        }
        Ok(Self(bytes))
    }
}

/// Replaces `\n \r \t \\ \0 \xN \xNN`; a backslash before anything else stands for itself, as in
/// kcat.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, taken) = match (first, tail.first()) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'0')) => (0, 2),
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', Some(b'x')) => hex_escape(&tail[1..])?,
            _ => (first, 1),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
    Ok(bytes)
}

/// The byte after `\x` and how long the whole escape is.
fn hex_escape(digits: &[u8]) -> Result<(u8, usize), String> {
    let value = |digit: &u8| char::from(*digit).to_digit(16).map(|value| value as u8);
    let Some(high) = digits.first().and_then(value) else {
        return Err("\\x needs one or two hexadecimal digits, as in \\x1f".into());
    };
    Ok(match digits.get(1).and_then(value) {
        Some(low) => (high << 4 | low, 4),
        None => (high, 3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<u8>, String> {
        text.parse::<Delimiter>().map(|delimiter| delimiter.0)
    }

    #[test]
    fn the_vectors_of_kcats_own_unit_test() {
        assert_eq!(parse("\\n"), Ok(b"\n".to_vec()));
        assert_eq!(parse("\\t\\n\\n"), Ok(b"\t\n\n".to_vec()));
        assert_eq!(parse("\\x54!\\x45\\x53T"), Ok(b"T!EST".to_vec()));
        assert_eq!(parse("\\x30"), Ok(b"0".to_vec()));
    }

    #[test]
    fn other_escapes_and_plain_text() {
        assert_eq!(parse("\\r\\n"), Ok(b"\r\n".to_vec()));
        assert_eq!(parse("\\0"), Ok(vec![0]));
        assert_eq!(parse("\\x1"), Ok(vec![1]));
        assert_eq!(parse("\\xffx"), Ok(vec![0xff, b'x']));
        assert_eq!(parse("\\\\n"), Ok(b"\\n".to_vec()));
        assert_eq!(parse("\\q\\"), Ok(b"\\q\\".to_vec()));
        assert_eq!(parse("⇒"), Ok("⇒".as_bytes().to_vec()));
    }

    #[test]
    fn nothing_and_half_an_escape_are_refused() {
        assert!(parse("").is_err());
        assert!(parse("\\x").is_err());
        assert!(parse("\\xg1").is_err());
    }
}
