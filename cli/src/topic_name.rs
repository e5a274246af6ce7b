//! A topic's name on the command line.

use ottla_core::config::is_topic_name;

/// One that breaks Kafka's rule no cluster has.
pub(crate) fn parse(name: &str) -> Result<String, &'static str> {
    if is_topic_name(name) {
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
