//! Further listeners of every broker, and who gets in by them.

/// A listener beside the plaintext one that the kit itself uses.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// Its name, in capitals, as properties of the broker name it in small letters.
    pub name: &'static str,
    /// `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: &'static str,
    /// SASL mechanisms, as Kafka spells them.
    pub mechanisms: &'static [&'static str],
    /// Who gets in by them; with PLAIN and SCRAM the password of `alice` is `alice-secret`.
    pub users: &'static [&'static str],
}

impl Door {
    /// A listener with TLS and no login.
    #[must_use]
    pub const fn tls(name: &'static str) -> Self {
        Self { name, protocol: "SSL", mechanisms: &[], users: &[] }
    }

    /// The lines of `server.properties` about its logins.
    pub(super) fn logins(&self) -> String {
        if self.mechanisms.is_empty() {
            return String::new();
        }
        let prefix = format!("listener.name.{}", self.name.to_lowercase());
        let mechanisms = self.mechanisms.join(",");
        let mut text = format!("{prefix}.sasl.enabled.mechanisms={mechanisms}\n");
        for mechanism in self.mechanisms {
            let (name, login) = (mechanism.to_lowercase(), self.jaas(mechanism));
            text += &format!("{prefix}.{name}.sasl.jaas.config={login};\n");
        }
        text
    }

    /// What the broker's login module for a mechanism is told.
    fn jaas(&self, mechanism: &str) -> String {
        let user = |name: &&str| format!(" user_{name}=\"{}\"", password(name));
        let (module, options) = match mechanism {
            "PLAIN" => ("plain.PlainLoginModule", self.users.iter().map(user).collect()),
            "OAUTHBEARER" => (
                "oauthbearer.OAuthBearerLoginModule",
                " unsecuredLoginStringClaim_sub=\"broker\"".to_owned(),
            ),
            _ => ("scram.ScramLoginModule", String::new()),
        };
        format!("org.apache.kafka.common.security.{module} required{options}")
    }

    /// Its users for each of its SCRAM mechanisms, as Kafka's `StorageTool` takes them.
    pub(super) fn scram_users(&self) -> impl Iterator<Item = String> {
        let scram = self.mechanisms.iter().filter(|mechanism| mechanism.starts_with("SCRAM"));
        let pairs =
            scram.flat_map(|mechanism| self.users.iter().map(move |user| (mechanism, user)));
        pairs.map(|(mechanism, user)| {
            format!("{mechanism}=[name={user},password={}]", password(user))
        })
    }
}

fn password(user: &str) -> String {
    format!("{user}-secret")
}
