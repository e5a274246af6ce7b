//! One line for each thing that is refused, with the number of the threat (`SECURITY.md`).

use std::net::IpAddr;

/// Who was refused.
pub(crate) struct Who<'a> {
    pub(crate) ip: IpAddr,
    /// As the token has it, once that is believed.
    pub(crate) subject: Option<&'a str>,
    pub(crate) session: Option<crate::id::SessionId>,
}

/// Writes the line. `what` is the bridge's own words: nothing of the client's is in them.
pub(crate) fn deny(who: &Who<'_>, threat: &'static str, what: &str) {
    tracing::warn!(
        target: "ottla_bridge::audit",
        threat,
        what,
        ip = %who.ip,
        subject = ?who.subject,
        session = who.session.map(tracing::field::display),
        "refused"
    );
}
