//! Records as lines of text or JSON.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::{ReadArgs, Reader, Stored};

use crate::failure::Failure;
use crate::stdout;

/// Prints records as the flags say.
#[derive(Debug)]
pub(crate) struct Printer<'a, W> {
    args: &'a ReadArgs,
    out: W,
    printed: u64,
    done: bool,
}

impl<'a, W: Write> Printer<'a, W> {
    pub(crate) fn new(args: &'a ReadArgs, out: W) -> Self {
        Self { args, out, printed: 0, done: false }
    }

    /// Whether no more is wanted: by `--count`, or since nobody reads the output (`| head`).
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn into_inner(self) -> W {
        self.out
    }

    fn text(&mut self, stored: &Stored<'_>) -> std::io::Result<()> {
        if let Some(delimiter) = &self.args.key_delimiter {
            self.out.write_all(stored.record.key.unwrap_or_default())?;
            self.out.write_all(delimiter.bytes())?;
        }
        self.out.write_all(stored.record.value.unwrap_or_default())?;
        self.out.write_all(self.args.delimiter.bytes())
    }
}

impl<W: Write> Reader for Printer<'_, W> {
    fn batch(&mut self, _: i32, _: usize) {}

    fn record(&mut self, stored: &Stored<'_>) -> Result<(), Failure> {
        let written = if self.args.json {
            writeln!(self.out, "{}", to_json(stored))
        } else {
            self.text(stored)
        };
        self.printed += 1;
        self.done = !stdout::check(written)? || self.args.count == Some(self.printed);
        if self.done { Err(Failure::new("no more is wanted")) } else { Ok(()) }
    }
}

/// `{"partition", "offset", "timestamp", "key", "value", "headers"}`.
pub(crate) fn to_json(stored: &Stored<'_>) -> Value {
    let record = &stored.record;
    let mut object = Map::new();
    object.insert("partition".into(), stored.partition.into());
    object.insert("offset".into(), stored.offset.into());
    object.insert("timestamp".into(), record.timestamp.into());
    insert_bytes(&mut object, "key", record.key);
    insert_bytes(&mut object, "value", record.value);
    let headers = record.headers.map(|header| {
        let mut object = Map::new();
        object.insert("name".into(), json!(header.key));
        insert_bytes(&mut object, "value", header.value);
        Value::Object(object)
    });
    object.insert("headers".into(), headers.collect());
    Value::Object(object)
}

/// As text where it is UTF-8, else as base64 under another name.
fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let (name, value) = match bytes.map(|bytes| str::from_utf8(bytes).map_err(|_| bytes)) {
        None => (name.to_owned(), Value::Null),
        Some(Ok(text)) => (name.to_owned(), text.into()),
        Some(Err(bytes)) => (format!("{name}_base64"), base64(bytes).into()),
    };
    object.insert(name, value);
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * index)) as usize & 63];
            text.push(if index > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn the_vectors_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe]), "//4=");
    }
}
