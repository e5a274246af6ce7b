//! From a piece of input to a record: where the key ends, what is null, which headers it gets.

use memchr::memmem;
use ottla::{Header, Record};

use crate::args::ProduceArgs;

/// What all records of a run have in common.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    key_delimiter: Option<memmem::Finder<'a>>,
    key: Option<&'a [u8]>,
    null: bool,
    partition: Option<i32>,
    headers: Vec<Header<'a>>,
}

impl<'a> Template<'a> {
    /// What the flags say about every record.
    pub(crate) fn new(args: &'a ProduceArgs) -> Self {
        Self {
            key_delimiter: args
                .key_delimiter
                .as_ref()
                .map(|text| memmem::Finder::new(text.bytes())),
            key: args.key.as_deref().map(str::as_bytes),
            null: args.null,
            partition: (args.partition >= 0).then_some(args.partition),
            headers: args
                .headers
                .iter()
                .map(|header| Header {
                    key: &header.name,
                    value: header.value.as_deref().map(str::as_bytes),
                })
                .collect(),
        }
    }

    /// The record in `piece`, as kcat understands it: without the delimiter the whole piece is the
    /// value, and only what the delimiter split off can become null.
    pub(crate) fn record<'r>(&'r self, piece: &'r [u8]) -> Record<'r> {
        let split = self.key_delimiter.as_ref().and_then(|delimiter| {
            let at = delimiter.find(piece)?;
            Some((&piece[..at], &piece[at + delimiter.needle().len()..]))
        });
        let not_null = |bytes: &'r [u8]| (!self.null || !bytes.is_empty()).then_some(bytes);
        let (key, value) = match split {
            Some((key, value)) => (not_null(key), not_null(value)),
            None => (None, Some(piece)),
        };
        Record {
            key: key.or(self.key),
            value,
            headers: &self.headers,
            partition: self.partition,
            ..Record::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn with_args<R>(args: &[&str], test: impl FnOnce(&Template<'_>) -> R) -> R {
        let all = ["ottla", "produce", "-b", "b", "-t", "t"].iter().chain(args);
        let Command::Produce(args) = Cli::parse_from(all).command else { unreachable!() };
        test(&Template::new(&args))
    }

    fn parts<'r>(template: &'r Template<'_>, piece: &'r str) -> (Option<&'r str>, Option<&'r str>) {
        let text = |bytes: Option<&'r [u8]>| bytes.map(|bytes| str::from_utf8(bytes).unwrap());
        let record = template.record(piece.as_bytes());
        (text(record.key), text(record.value))
    }

    #[test]
    fn the_first_delimiter_splits() {
        with_args(&["-K", ":"], |template| {
            assert_eq!(parts(template, "k:v:w"), (Some("k"), Some("v:w")));
            assert_eq!(parts(template, "no delimiter"), (None, Some("no delimiter")));
            assert_eq!(parts(template, ":v"), (Some(""), Some("v")));
            assert_eq!(parts(template, "k:"), (Some("k"), Some("")));
        });
        with_args(&["-K", "\\x09\\x09"], |template| {
            assert_eq!(parts(template, "a\tb\t\tc"), (Some("a\tb"), Some("c")));
        });
    }

    #[test]
    fn empty_parts_become_null_only_where_asked() {
        with_args(&["-K:", "-Z"], |template| {
            assert_eq!(parts(template, "k:"), (Some("k"), None));
            assert_eq!(parts(template, ":v"), (None, Some("v")));
        });
    }

    #[test]
    fn the_fixed_key_fills_in() {
        with_args(&["-K:", "-k", "fixed", "-Z"], |template| {
            assert_eq!(parts(template, "k:v"), (Some("k"), Some("v")));
            assert_eq!(parts(template, "v"), (Some("fixed"), Some("v")));
            assert_eq!(parts(template, ":v"), (Some("fixed"), Some("v")));
        });
    }

    #[test]
    fn headers_and_partition_are_on_every_record() {
        with_args(&["-H", "a=1", "-H", "b", "-p", "3"], |template| {
            let record = template.record(b"v");
            assert_eq!(record.partition, Some(3));
            assert_eq!(record.headers[0].value, Some(&b"1"[..]));
            assert_eq!(record.headers[1].value, None);
        });
        with_args(&["-p", "-1"], |template| assert_eq!(template.record(b"v").partition, None));
    }
}
