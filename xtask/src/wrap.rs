//! Wraps comments that are too wide, which rustfmt leaves alone.

/// Refills each comment paragraph that has a line wider than `columns`; all else stays as it is.
pub(crate) fn wrap_comments(text: &str, columns: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut fenced = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(mut paragraph) = Paragraph::start(line) else {
            push_line(&mut wrapped, line);
            fenced = false;
            continue;
        };
        fenced ^= paragraph.is_fence();
        let verbatim = fenced || paragraph.is_verbatim();
        while !verbatim && lines.peek().is_some_and(|line| paragraph.continues(line)) {
            paragraph.add(lines.next().expect("it was peeked at"));
        }
        let too_wide = paragraph.lines.iter().any(|line| line.chars().count() > columns);
        if too_wide && !verbatim {
            paragraph.refill(columns, &mut wrapped);
        } else {
            paragraph.lines.iter().for_each(|line| push_line(&mut wrapped, line));
        }
    }
    wrapped
}

/// Lines of one comment that flow into each other.
#[derive(Debug)]
struct Paragraph<'a> {
    /// What its first line begins with: blanks, slashes, perhaps a list's dash.
    first: String,
    /// What the other lines begin with.
    rest: String,
    words: Vec<&'a str>,
    lines: Vec<&'a str>,
}

impl<'a> Paragraph<'a> {
    fn start(line: &'a str) -> Option<Self> {
        let (margin, text) = split_comment(line)?;
        let blanks = text.len() - text.trim_start().len();
        let dash = if text.trim_start().starts_with("- ") { 2 } else { 0 };
        let first = line[..margin.len() + blanks + dash].to_owned();
        let rest = format!("{margin}{}", " ".repeat(blanks + dash));
        let words = line[first.len()..].split_whitespace().collect();
        Some(Self { first, rest, words, lines: vec![line] })
    }

    fn is_fence(&self) -> bool {
        self.words.first().is_some_and(|word| word.starts_with("```"))
    }

    /// A table's row, a heading, a fence or nothing at all: one line that nothing continues.
    fn is_verbatim(&self) -> bool {
        self.words.first().is_none_or(|word| word.starts_with(['|', '#'])) || self.is_fence()
    }

    /// Whether `line` flows on, rather than beginning a list's item or anything verbatim.
    fn continues(&self, line: &str) -> bool {
        line.strip_prefix(&self.rest).is_some_and(|text| {
            let numbered = text.split_once(". ").is_some_and(|(n, _)| n.parse::<u32>().is_ok());
            let begins =
                text.starts_with(['-', '*', '|', '#', '>', ' ']) || text.starts_with("```");
            !text.trim().is_empty() && !begins && !numbered
        })
    }

    fn add(&mut self, line: &'a str) {
        self.words.extend(line[self.rest.len()..].split_whitespace());
        self.lines.push(line);
    }

    fn refill(&self, columns: usize, into: &mut String) {
        let mut line = self.first.clone();
        let mut is_empty = true;
        for word in &self.words {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > columns {
                push_line(into, &line);
                line.clone_from(&self.rest);
                is_empty = true;
            }
            line.push_str(if is_empty { "" } else { " " });
            line.push_str(word);
            is_empty = false;
        }
        push_line(into, &line);
    }
}

/// The margin up to and with the slashes, and the text after them, of a line that is a comment.
fn split_comment(line: &str) -> Option<(&str, &str)> {
    let indent = line.len() - line.trim_start().len();
    let slashes = ["///", "//!", "//"].iter().find(|s| line[indent..].starts_with(**s))?;
    Some(line.split_at(indent + slashes.len()))
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wide_paragraphs_are_refilled() {
        let text = "    /// one two three four\n    /// five\n    ///\n    /// six\n    /// seven\nfn f();\n";
        let expected = "    /// one two three\n    /// four five\n    ///\n    /// six\n    /// seven\nfn f();\n";
        assert_eq!(wrap_comments(text, 22), expected);
    }

    #[test]
    fn list_items_hang_and_stay_apart() {
        let text = "//! - one two three four\n//!   five\n//! - six\n";
        assert_eq!(wrap_comments(text, 20), "//! - one two three\n//!   four five\n//! - six\n");
    }

    #[test]
    fn code_and_tables_stay() {
        let text = "/// ```\n/// let wide = code(1, 2);\n/// ```\n/// | a | b | c | d | e |\nlet x = 1; // 12345678\n";
        assert_eq!(wrap_comments(text, 12), text);
    }
}
