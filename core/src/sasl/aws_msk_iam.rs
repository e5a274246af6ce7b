//! AWS_MSK_IAM, the login of Amazon's managed Kafka: a request that nobody sends, signed as one to
//! AWS would be (Signature Version 4, query parameters), in one message.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::task::{Context, Poll, ready};

use time::OffsetDateTime;

use super::hash::Hash;
use super::login::{Failure, Occasion};
use super::{AwsConfig, AwsCredentials};
use crate::config::SaslConfig;
use crate::quoted::Quoted;

const ACTION: &str = "kafka-cluster:Connect";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kafka-cluster";
const SIGNED_HEADERS: &str = "host";
/// How long a broker takes the signature, in seconds; a login needs less than one.
const EXPIRES: &str = "900";
/// The mechanism's version.
const VERSION: &str = "2020_10_22";
const AGENT: &str = concat!("ottla/", env!("CARGO_PKG_VERSION"));

pub(super) fn poll_message(
    config: &SaslConfig,
    occasion: &Occasion<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<Vec<u8>, Failure>> {
    let credentials = ready!(poll_credentials(&config.aws, cx));
    Poll::Ready(
        credentials
            .map_err(|why| format!("no AWS credentials: {why}").into())
            .and_then(|credentials| message(&credentials, config.aws.region.as_deref(), occasion)),
    )
}

fn message(
    credentials: &AwsCredentials,
    region: Option<&str>,
    occasion: &Occasion<'_>,
) -> Result<Vec<u8>, Failure> {
    let host = occasion.host;
    let region = region.or_else(|| region_of(host)).ok_or_else(|| {
        format!("the name {} does not say which region it is in: set sasl.aws.region", Quoted(host))
    })?;
    let token = credentials.session_token.as_ref().map(|token| token.reveal());
    let id = &credentials.access_key_id;
    // Nothing here is escaped in the message, and nothing here has to be.
    if ![id, host, region, token.unwrap_or_default()].into_iter().all(is_plain) {
        return Err("AWS credentials, region and host name are ASCII without spaces, quotes and \
                    backslashes"
            .into());
    }
    let (day, second) = stamps(occasion.unix_millis).ok_or("the clock is not set")?;
    let scope = format!("{day}/{region}/{SERVICE}/aws4_request");
    let credential = format!("{id}/{scope}");
    let request = canonical_request(host, &credential, &second, token);
    let to_sign = format!("{ALGORITHM}\n{second}\n{scope}\n{}", hex(&digest(&request)));
    let key = signing_key(credentials.secret_access_key.reveal(), &day, region);
    let signature = hex(&Hash::Sha256.hmac(&key, to_sign.as_bytes()));
    let token =
        token.map_or_else(String::new, |token| format!("\"x-amz-security-token\":\"{token}\","));
    let message = format!(
        "{{\"version\":\"{VERSION}\",\"host\":\"{host}\",\"user-agent\":\"{AGENT}\",\
         \"action\":\"{ACTION}\",\"x-amz-algorithm\":\"{ALGORITHM}\",\
         \"x-amz-credential\":\"{credential}\",\"x-amz-date\":\"{second}\",{token}\
         \"x-amz-signedheaders\":\"{SIGNED_HEADERS}\",\"x-amz-expires\":\"{EXPIRES}\",\
         \"x-amz-signature\":\"{signature}\"}}"
    );
    Ok(message.into_bytes())
}

/// Those that are set, or the program's own.
fn poll_credentials(
    config: &AwsConfig,
    cx: &mut Context<'_>,
) -> Poll<Result<AwsCredentials, String>> {
    match (&config.access_key_id, &config.secret_access_key, &config.provider) {
        (Some(id), Some(key), _) => Poll::Ready(Ok(AwsCredentials {
            access_key_id: id.clone(),
            secret_access_key: key.clone(),
            session_token: config.session_token.clone(),
        })),
        (.., Some(provider)) => provider.poll_credentials(cx),
        _ => Poll::Ready(Err("set sasl.aws.access.key.id and sasl.aws.secret.access.key, or an \
                              AwsCredentialsProvider in code"
            .into())),
    }
}

/// `eu-west-1` of `b-1.name.id.c2.kafka.eu-west-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let mut labels = host.split('.');
    labels.find(|label| ["kafka", "kafka-serverless"].contains(label))?;
    let region = labels.next()?;
    labels.next()?.starts_with("amazonaws").then_some(region)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// `20240229` and `20240229T235958Z`.
fn stamps(unix_millis: i64) -> Option<(String, String)> {
    let at = OffsetDateTime::from_unix_timestamp(unix_millis.div_euclid(1000)).ok()?;
    let day = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
    let second = format!("{day}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    Some((day, second))
}

/// The request as both sides write it down before they hash it; its parameters are sorted.
fn canonical_request(host: &str, credential: &str, second: &str, token: Option<&str>) -> String {
    let mut request = format!(
        "GET\n/\nAction={}&X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={second}\
         &X-Amz-Expires={EXPIRES}",
        percent_encoded(ACTION),
        percent_encoded(credential)
    );
    if let Some(token) = token {
        request.push_str("&X-Amz-Security-Token=");
        request.push_str(&percent_encoded(token));
    }
    let no_body = hex(&digest(""));
    // Writing to a String can't fail.
    let _ = write!(
        request,
        "&X-Amz-SignedHeaders={SIGNED_HEADERS}\nhost:{host}\n\n{SIGNED_HEADERS}\n{no_body}"
    );
    request
}

fn signing_key(secret: &str, day: &str, region: &str) -> Vec<u8> {
    let key = format!("AWS4{secret}").into_bytes();
    let parts = [day, region, SERVICE, "aws4_request"];
    parts.iter().fold(key, |key, part| Hash::Sha256.hmac(&key, part.as_bytes()))
}

fn digest(text: &str) -> Vec<u8> {
    Hash::Sha256.digest(text.as_bytes())
}

/// RFC 3986: what is not unreserved is escaped.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::task::Waker;

    use super::super::{AwsCredentialsProvider, Login, Mechanism, Step};
    use super::*;
    use crate::sync::Arc;

    /// 2024-02-29T23:59:58.999Z.
    const NOW: i64 = 1_709_251_198_999;

    fn config(id: &str, key: &str, token: Option<&str>) -> SaslConfig {
        let mut config =
            SaslConfig { mechanism: Some(Mechanism::AwsMskIam), ..SaslConfig::default() };
        config.aws.access_key_id = Some(id.into());
        config.aws.secret_access_key = Some(key.into());
        config.aws.session_token = token.map(Into::into);
        config
    }

    fn begin(config: &SaslConfig, host: &str) -> Result<(Login, String), Failure> {
        let occasion = Occasion { entropy: [0; 4], host, unix_millis: NOW };
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(begun) = Login::begin(config, &occasion, &mut cx) else {
            panic!("credentials are there")
        };
        begun.map(|(login, first)| (login, String::from_utf8(first).unwrap()))
    }

    /// The signatures are those of botocore 1.43 (`SigV4QueryAuth`), AWS's own implementation.
    #[test]
    fn the_message_is_signed_as_aws_does() {
        let host = "b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com";
        let long_lived = config("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None);
        let (mut login, first) = begin(&long_lived, host).unwrap();
        assert_eq!(
            first,
            format!(
                "{{\"version\":\"2020_10_22\",\"host\":\"{host}\",\"user-agent\":\"{AGENT}\",\
                 \"action\":\"kafka-cluster:Connect\",\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\",\
                 \"x-amz-credential\":\
                 \"AKIDEXAMPLE/20240229/eu-central-1/kafka-cluster/aws4_request\",\
                 \"x-amz-date\":\"20240229T235958Z\",\"x-amz-signedheaders\":\"host\",\
                 \"x-amz-expires\":\"900\",\"x-amz-signature\":\
                 \"ec21c10ed10c53ae1c8b7685dbec7d208511cec57dd27f450f74ad840e0b4a21\"}}"
            )
        );
        assert!(login.step(br#"{"version":"2020_10_22","request-id":"1"}"#) == Ok(Step::Done));

        let host = "boot-xyz.c1.kafka-serverless.us-west-2.amazonaws.com";
        let token = "IQoJb3JpZ2luX2VjE//token+with/chars==";
        let (_, first) = begin(&config("ASIAEXAMPLE", "secret", Some(token)), host).unwrap();
        assert!(first.contains(&format!("\"x-amz-security-token\":\"{token}\"")), "{first}");
        let signature = "bec7ed96075f9e82e146ceeba39f44897a81cc93c044a371afe5df44306fff8d";
        assert!(first.contains(signature), "{first}");
    }

    #[test]
    fn a_region_is_given_or_in_the_name() {
        let mut config = config("id", "key", None);
        for host in ["broker.example", "kafka", "a.kafka.b", "10.0.0.1", ""] {
            let error = begin(&config, host).expect_err("no region").to_string();
            assert!(error.ends_with("set sasl.aws.region"), "{error}");
        }
        config.aws.region = Some("us-east-1".into());
        assert!(begin(&config, "broker.example").unwrap().1.contains("/us-east-1/kafka-cluster/"));
        let host = "b-1.kafka.cn-north-1.amazonaws.com.cn";
        config.aws.region = None;
        assert!(begin(&config, host).unwrap().1.contains("/cn-north-1/kafka-cluster/"));
    }

    #[test]
    fn what_would_break_the_message_is_refused() {
        let host = "b-1.kafka.eu-west-1.amazonaws.com";
        for (id, token) in [("a\"b", None), ("a\\", None), ("a", Some("b\n")), ("a b", None)] {
            assert!(begin(&config(id, "key", token), host).is_err(), "{id:?} {token:?}");
        }
    }

    #[test]
    fn a_provider_is_asked_each_time_and_may_have_none() {
        struct None;
        impl AwsCredentialsProvider for None {
            fn poll_credentials(
                &self,
                _: &mut Context<'_>,
            ) -> Poll<Result<AwsCredentials, String>> {
                Poll::Ready(Err("the role is gone".into()))
            }
        }
        let mut config =
            SaslConfig { mechanism: Some(Mechanism::AwsMskIam), ..SaslConfig::default() };
        config.aws.region = Some("us-east-1".into());
        let failure = begin(&config, "b").err().unwrap();
        assert!(failure.contains("sasl.aws.access.key.id"), "{failure}");
        config.aws.provider = Some(Arc::new(None));
        assert_eq!(begin(&config, "b").err().unwrap(), "no AWS credentials: the role is gone");
    }
}
