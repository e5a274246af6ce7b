//! `sasl.jaas.config`: Java's way to write down a login, as far as Kafka's own modules need it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::parse::Parsed;
use crate::sasl::Secret;
use crate::sorted::SortedMap;

/// What the options of a module say.
#[derive(Default)]
pub(super) struct JaasLogin {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) token: Option<Secret>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) scope: Option<String>,
    pub(super) extensions: SortedMap<String, String>,
}

const FORM: &str = "CLASS required NAME=\"VALUE\" …; as in Java, of PlainLoginModule, \
    ScramLoginModule or OAuthBearerLoginModule";
const TOKEN_SERVER: &str = "only the options clientId, clientSecret, scope, token and extension_…, \
    with sasl.oauthbearer.token.endpoint.url";

/// Reads `CLASS required name="value" …;`.
pub(super) fn parse(text: &str) -> Parsed<JaasLogin> {
    let words = words(text).ok_or(FORM)?;
    let [class, flag, options @ ..] = words.as_slice() else { return Err(FORM.into()) };
    let flags = ["required", "requisite", "sufficient", "optional"];
    if !flags.iter().any(|known| known.eq_ignore_ascii_case(flag)) {
        return Err(FORM.into());
    }
    let mut login = JaasLogin::default();
    for option in options {
        let (name, value) = option.split_once('=').ok_or(FORM)?;
        match class.rsplit('.').next() {
            Some("PlainLoginModule" | "ScramLoginModule") => login.set(name, value)?,
            Some("OAuthBearerLoginModule") => login.set_oauth(name, value)?,
            _ => return Err(FORM.into()),
        }
    }
    Ok(login)
}

impl JaasLogin {
    fn set(&mut self, name: &str, value: &str) -> Parsed<()> {
        match name {
            "username" => self.username = Some(value.into()),
            "password" => self.password = Some(value.into()),
            "tokenauth" if value.eq_ignore_ascii_case("true") => {
                return Err("no tokenauth: delegation tokens are not supported yet".into());
            }
            // Java ignores what it does not know, and what is meant for brokers.
            _ => {}
        }
        Ok(())
    }

    fn set_oauth(&mut self, name: &str, value: &str) -> Parsed<()> {
        match name {
            "token" => self.token = Some(value.into()),
            "clientId" => self.client_id = Some(value.into()),
            "clientSecret" => self.client_secret = Some(value.into()),
            "scope" => self.scope = Some(value.into()),
            _ => {
                let extension = name
                    .strip_prefix("extension_")
                    .ok_or_else(|| format!("{TOKEN_SERVER} (not {name})"))?;
                self.extensions.insert(extension.into(), value.into());
            }
        }
        Ok(())
    }
}

/// The words before the semicolon, without their quotes. `None` where a quote or the semicolon is
/// missing, or something follows it: a second module is not supported, as in Kafka.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => {
                words.extend(word);
                return letters.as_str().trim().is_empty().then_some(words);
            }
            '"' => {
                let word = word.get_or_insert_default();
                quoted(&mut letters, word)?;
            }
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    None
}

/// Reads up to the closing quote; a backslash takes the next letter as it is.
fn quoted(letters: &mut core::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '"' => return Some(()),
            '\\' => word.push(letters.next()?),
            letter => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_examples_are_read() {
        let login = parse(
            "org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"ali ce\" password=\"a\\\"b=;c\";",
        )
        .unwrap();
        assert_eq!(login.username.as_deref(), Some("ali ce"));
        assert_eq!(login.password.unwrap().reveal(), "a\"b=;c");

        let login = parse(
            "org.apache.kafka.common.security.plain.PlainLoginModule required\n\
             username=bob\n  password=\"\"  user_bob=\"x\" ;\n",
        )
        .unwrap();
        assert_eq!(login.username.as_deref(), Some("bob"));
        assert_eq!(login.password.unwrap().reveal(), "");

        let login = parse(
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
             extension_logicalCluster=\"lkc-1\" token=\"t\" clientId=a clientSecret=b scope=c;",
        )
        .unwrap();
        assert_eq!((login.client_id.as_deref(), login.scope.as_deref()), (Some("a"), Some("c")));
        assert_eq!(login.client_secret.unwrap().reveal(), "b");
        assert_eq!(login.extensions.get("logicalCluster").unwrap(), "lkc-1");
        assert_eq!(login.token.unwrap().reveal(), "t");
    }

    #[test]
    fn anything_else_says_what_is_expected() {
        let rows = [
            ("", "CLASS required"),
            ("PlainLoginModule required username=\"a\"", "CLASS required"),
            ("PlainLoginModule required username=\"a;", "CLASS required"),
            ("PlainLoginModule username=\"a\";", "CLASS required"),
            ("PlainLoginModule required username;", "CLASS required"),
            ("PlainLoginModule required a=b; PlainLoginModule required;", "CLASS required"),
            ("com.sun.security.auth.module.Krb5LoginModule required a=b;", "CLASS required"),
            ("ScramLoginModule required tokenauth=true;", "delegation tokens"),
            (
                "OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"a\";",
                "clientSecret",
            ),
        ];
        for (text, expected) in rows {
            let error = parse(text).err().expect(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
