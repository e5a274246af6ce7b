//! Reading the file. What is wrong with it is told by its line and key, never by the line itself,
//! which may be a password's.

use std::fs;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError};

impl Config {
    /// Reads and checks a file. Relative paths in it are meant from its own folder.
    ///
    /// # Errors
    /// What is wrong, with the line and the key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format!("cannot read {name}: {error}")))?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|error| ConfigError::new(format!("{name}{}", place(error, &text))))?;
        config.resolve(path.parent().unwrap_or_else(|| Path::new("")));
        config.check().map_err(|error| {
            let error = error.to_string();
            let line = line_of(&text, &error).map_or_else(String::new, |n| format!(", line {n}"));
            ConfigError::new(format!("{name}{line}: {error}"))
        })?;
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let files = [
            &mut self.listen.certificate,
            &mut self.listen.key,
            &mut self.kafka.ca,
            &mut self.kafka.password_file,
            &mut self.auth.jwks,
            &mut self.leases.key_file,
            &mut self.otlp.ca,
        ];
        for file in files.into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }
}

/// A parser's line, key and words.
fn place(mut error: toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| format!(", line {}", line_at(text, span.start)));
    // Without its input it quotes nothing of that, and tells the key instead.
    error.set_input(None);
    let words = error.to_string();
    let words = words.trim_end();
    let (words, key) = match words.rsplit_once("\nin `") {
        Some((words, key)) => (words, format!(", {}", key.trim_end_matches('`'))),
        None => (words, String::new()),
    };
    format!("{}{key}: {words}", line.unwrap_or_default())
}

/// The line of the key that a check's words begin with, where it is in the file.
fn line_of(text: &str, words: &str) -> Option<usize> {
    let (section, key) = words.split([' ', ':']).next()?.split_once('.')?;
    let table = DeTable::parse(text).ok()?;
    let (_, section) = table.get_ref().iter().find(|(name, _)| name.get_ref() == section)?;
    let DeValue::Table(section) = section.get_ref() else { return None };
    let (key, _) = section.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(line_at(text, key.span().start))
}

/// Lines count from 1.
fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
