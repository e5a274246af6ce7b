//! Text of others in messages: in quotes, and nothing in it that a terminal would obey.

use core::fmt::{self, Write};

/// As `{:?}` writes it, but for letters outside of ASCII, which stay as they are: the tables that
/// tell which of them can be printed take 4 KB of code.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                _ if c.is_control() => write!(f, "{}", c.escape_default())?,
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = format!("{}", Quoted("a\"b\\c\n\u{1b}[2Jé"));
        assert_eq!(text, "\"a\\\"b\\\\c\\n\\u{1b}[2Jé\"");
    }
}
