//! Messages without the numbers that only machines want.

use std::borrow::Cow;
use std::io;

/// `text` without each ` (os error 2)` that the system's words end with.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    const BEFORE: &str = " (os error ";
    let Some((before, rest)) = text.split_once(BEFORE) else { return text.into() };
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    match number.strip_prefix(')') {
        Some(after) => format!("{before}{}", plain(after)).into(),
        None => format!("{before}{BEFORE}{}", plain(rest)).into(),
    }
}

/// What the system said of a file, a socket or a pipe, to follow a colon.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match plain(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(words) => words.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_left_out_wherever_they_stand() {
        assert_eq!(plain("a: No such file (os error 2)"), "a: No such file");
        assert_eq!(plain("a (os error 2); b (os error 111), c"), "a; b, c");
        assert_eq!(plain("a (os error 2"), "a (os error 2");
        assert_eq!(plain("as it is"), "as it is");
    }

    #[test]
    fn words_of_the_system_are_lower_case_and_others_as_they_are() {
        assert_eq!(reason(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(reason(&io::Error::other("No TLS")), "No TLS");
    }
}
