//! Java's property files, as `java.util.Properties.load` reads them; in UTF-8, with or without a
//! byte order mark.

use std::iter::Peekable;
use std::str::Chars;

/// Key and value of each line, and what is wrong with the first that can't be read, and where.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').enumerate();
    let mut pairs = Vec::new();
    while let Some((index, line)) = lines.next() {
        let mut line = line.trim_start_matches(is_blank).to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while continues(&line) {
            line.pop();
            let Some((_, next)) = lines.next() else { break };
            line.push_str(next.trim_start_matches(is_blank));
        }
        pairs.push(pair(&line).map_err(|why| (index + 1, why))?);
    }
    Ok(pairs)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Whether the last backslash of a line is not itself escaped.
fn continues(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that no backslash escapes; blanks around what
/// separates don't count. Kafka leaves out those after the value too.
fn pair(line: &str) -> Result<(String, String), &'static str> {
    let mut rest = line.chars().peekable();
    let key = unescape(&mut rest, |c| is_blank(c) || matches!(c, '=' | ':'))?;
    if key.is_empty() {
        return Err("expected KEY=VALUE");
    }
    skip_blanks(&mut rest);
    if rest.next_if(|&c| matches!(c, '=' | ':')).is_some() {
        skip_blanks(&mut rest);
    }
    let value = unescape(&mut rest, |_| false)?;
    Ok((key, value.trim_end().to_owned()))
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|&c| is_blank(c)).is_some() {}
}

/// What stands before the first character that `ends` it, with its escapes replaced. As in Java, a
/// backslash before anything that is no escape is left out.
fn unescape(
    rest: &mut Peekable<Chars<'_>>,
    ends: impl Fn(char) -> bool,
) -> Result<String, &'static str> {
    // In UTF-16, because an escape may be half a character.
    let mut units = Vec::new();
    while let Some(c) = rest.next_if(|&c| !ends(c)) {
        let c = match c {
            '\\' => match rest.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some('u') => {
                    units.push(code_unit(rest)?);
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "\\u gives half a character: its other half is missing")
}

/// The four digits after `\u`.
fn code_unit(rest: &mut Peekable<Chars<'_>>) -> Result<u16, &'static str> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = rest.next().and_then(|c| c.to_digit(16));
        unit = unit << 4 | digit.ok_or("\\u needs four hexadecimal digits")? as u16;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        pairs.remove(0)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn the_examples_of_javas_documentation() {
        for line in ["Truth = Beauty", " Truth:Beauty", "Truth                    :Beauty"] {
            assert_eq!(one(line), pair("Truth", "Beauty"));
        }
        let fruits = "fruits                           apple, banana, pear, \\\n                                  cantaloupe, watermelon, \\\n                                  kiwi, mango";
        let expected = "apple, banana, pear, cantaloupe, watermelon, kiwi, mango";
        assert_eq!(one(fruits), pair("fruits", expected));
        assert_eq!(one("cheeses"), pair("cheeses", ""));
        assert_eq!(one("\\:\\= = x"), pair(":=", "x"));
    }

    #[test]
    fn any_of_the_separators_is_taken_once() {
        assert_eq!(one("a = b=c"), pair("a", "b=c"));
        assert_eq!(one("a=:b"), pair("a", ":b"));
        assert_eq!(one("a b = c"), pair("a", "b = c"));
        assert_eq!(one("a\t\x0c:\tb  "), pair("a", "b"));
        assert_eq!(one("a=host\\:9092"), pair("a", "host:9092"));
        assert_eq!(one("a\\=b\\ c=d"), pair("a=b c", "d"));
    }

    #[test]
    fn escapes_stand_for_characters() {
        assert_eq!(one("p=C:\\\\keys\\\\a.pem"), pair("p", "C:\\keys\\a.pem"));
        assert_eq!(one("p=\\u00e9\\ud83e\\udda6\\t\\q"), pair("p", "é🦦\tq"));
        assert_eq!(parse("a=b\n\np=\\u12g4"), Err((3, "\\u needs four hexadecimal digits")));
        assert!(parse("p=\\ud83e").is_err());
        assert!(parse("p=\\u1").is_err());
    }

    #[test]
    fn lines_continue_after_an_odd_number_of_backslashes() {
        assert_eq!(one("a=1,\\\n  # 2,\\\r\n  3"), pair("a", "1,# 2,3"));
        assert_eq!(pairs("a=1\\\\\nb=2"), [pair("a", "1\\"), pair("b", "2")]);
        assert_eq!(pairs("a=1\\\n\nb=2\\"), [pair("a", "1"), pair("b", "2")]);
        assert_eq!(one("a\\\n=b"), pair("a", "b"));
    }

    #[test]
    fn comments_blank_lines_and_the_mark_are_left_out() {
        let text = "\u{feff}# one \\\n! two\r\n  \t\n\ra=1\r  # three\rb=2";
        assert_eq!(pairs(text), [pair("a", "1"), pair("b", "2")]);
        assert_eq!(parse("a=1\n = b"), Err((2, "expected KEY=VALUE")));
        assert!(pairs("").is_empty());
    }

    /// What the `Properties.load` of OpenJDK gives for the same text.
    #[test]
    fn a_blank_continuation_ends_the_line() {
        assert_eq!(pairs("a=1\\\n   \nb=2"), [pair("a", "1"), pair("b", "2")]);
    }
}
