//! A topic's name on the command line.

/// Kafka's rule (`org.apache.kafka.common.internals.Topic.validate`): what breaks it no cluster
/// has.
pub(crate) fn parse(name: &str) -> Result<String, &'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let valid =
        (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal);
    if valid {
        Ok(name.to_owned())
    } else {
        Err("a topic's name is 1 to 249 ASCII letters, digits, '.', '_' and '-'")
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn kafkas_rule() {
        let (longest, longer) = ("x".repeat(249), "x".repeat(250));
        for good in ["a", "A.b_c-9", "...", &longest] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "..", "a b", "a/b", "a\n", "é", &longer] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
