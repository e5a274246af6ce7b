//! Which pages may connect.

/// Origins that are allowed, compared byte for byte: an origin has one spelling (RFC 6454 §6.2).
#[derive(Clone, Debug)]
pub(super) struct Origins(Vec<OriginRule>);

/// One entry of `auth.origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OriginRule {
    /// `*`.
    Any,
    /// `loopback`: pages that this machine serves, on any port.
    Loopback,
    /// This one.
    Exactly(String),
}

impl Origins {
    pub(super) fn new(list: &[String]) -> Self {
        let rule = |text: &String| match text.as_str() {
            "*" => OriginRule::Any,
            "loopback" => OriginRule::Loopback,
            _ => OriginRule::Exactly(text.clone()),
        };
        Self(list.iter().map(rule).collect())
    }

    /// Whether pages of `origin` may connect.
    pub(super) fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|rule| match rule {
            OriginRule::Any => true,
            OriginRule::Loopback => is_loopback(origin),
            OriginRule::Exactly(allowed) => allowed == origin,
        })
    }
}

fn is_loopback(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let hosts = ["localhost", "127.0.0.1", "[::1]"];
    hosts.iter().any(|host| match rest.strip_prefix(host) {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn an_origin_is_allowed_exactly_or_not_at_all() {
        let origins = Origins::new(&["https://shop.example".to_owned()]);
        assert!(origins.allow("https://shop.example"));
        let tricks = [
            "null",
            "",
            "https://evil.example",
            "http://shop.example",
            "https://shop.example:443",
            "https://shop.example:8443",
            "https://shop.example.evil.example",
            "https://evilshop.example",
            "https://sub.shop.example",
            "https://SHOP.example",
            "https://shop.example/",
            "https://shop.example.",
            "https://shop.example@evil.example",
            "https://shop.ex\u{430}mple",
            "https://xn--shop-.example",
            " https://shop.example",
            "*",
            "loopback",
        ];
        for origin in tricks {
            assert!(!origins.allow(origin), "{origin:?}");
        }
        assert!(!Origins::new(&[]).allow("https://shop.example"));
    }

    #[test]
    fn loopback_means_this_machine_only() {
        let origins = Origins::new(&["loopback".to_owned()]);
        for origin in
            ["http://localhost", "http://localhost:5173", "https://127.0.0.1:8", "http://[::1]:1"]
        {
            assert!(origins.allow(origin), "{origin}");
        }
        let tricks = [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost:80@evil",
            "null",
        ];
        for origin in tricks {
            assert!(!origins.allow(origin), "{origin}");
        }
    }
}
