//! What the operator does and sees: T25, T31 of `SECURITY.md`, draining, reloading, TLS.

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ottla_bridge::config::SecretText;
use ottla_bridge::{Config, Running};
use ottla_bridge_protocol::{Frame, OpenRefusal};
use serde_json::json;
use support::bench::{Bench, open_config};
use support::client::{Client, Greeting, Said};
use support::fake_broker::{FakeBroker, Manners};
use support::http::{get, one_shot_body, post};
use support::kafka;
use support::tokens::{Folder, Issuer, SHOP, claims, encode, with_tokens};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn t25_no_secret_is_logged_or_measured() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    subscriber.init();
    let (issuer, folder) = (Issuer::new(), Folder::new());
    let bench = Bench::new(1, |config| with_tokens(config, &issuer, &folder));
    let address = bench.bridge.address();
    let good = issuer.page("alice\nlevel=ERROR forged line");
    let mut expired = claims("alice");
    expired["exp"] = json!(1);
    let expired = issuer.token("ES256", &expired);
    for token in [&expired, &good] {
        for early in [true, false] {
            let greeting = Greeting { early, ..Greeting::token(token) };
            drop(Client::connect(address, &greeting).await);
        }
        drop(
            post(
                address,
                "Content-Type: text/plain\r\n",
                &one_shot_body(&Greeting::token(token), &[]),
            )
            .await,
        );
    }
    let mut page = Client::connect(address, &Greeting::token(&good)).await.unwrap();
    let ticket = page.lease().ticket;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["canary in a value"]);
    page.ask(stream, &kafka::produce(&[("clicks", 0, batch.clone())])).await.unwrap();
    page.ask(stream, &kafka::produce(&[("orders", 0, batch)])).await.unwrap();
    page.say(&Frame::Auth { token: &expired }).await;
    page.gone().await;
    let metrics = get(bench.bridge.admin_address().unwrap(), "/metrics").await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let told = format!("{log}{}", String::from_utf8(metrics.body).unwrap());
    assert!(told.contains("T6") && told.contains("T1"), "what was refused is told");
    assert!(told.contains(r"alice\nlevel=ERROR"), "a client's words are escaped");
    let signature = good.rsplit('.').next().unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let secrets = [
        good.clone(),
        signature.to_owned(),
        expired.rsplit('.').next().unwrap().to_owned(),
        encode(&ticket),
        hex(&ticket),
        format!("{:?}", &ticket[..20]).trim_matches(['[', ']']).to_owned(),
        encode(&Greeting::token(&good).frame()[5..]),
        "canary in a value".to_owned(),
        "ottla.hello.".to_owned(),
    ];
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret}");
    }
}

#[test]
fn t25_a_configuration_shows_no_secret() {
    let mut config = Config::default();
    config.kafka.password = Some(SecretText::new("canary"));
    assert!(!format!("{config:?}").contains("canary"));
    let folder = Folder::new();
    let file = folder.write("bridge.toml", "[kafka]\npassword = \"canary\nbootstrap = []\n");
    assert!(!Config::load(&file).unwrap_err().to_string().contains("canary"));
}

#[tokio::test]
async fn t31_the_operators_listener_is_its_own() {
    let bench = Bench::new(1, |_| {});
    let (public, admin) = (bench.bridge.address(), bench.bridge.admin_address().unwrap());
    assert_ne!(public, admin);
    for path in ["/metrics", "/livez", "/readyz", "/", "/v1"] {
        assert_eq!(get(public, path).await.status, 404, "{path}");
    }
    for path in ["/v1/session", "/v1/produce", "/"] {
        assert_eq!(get(admin, path).await.status, 404, "{path}");
    }
    let _page = Client::open(public).await;
    assert_eq!(get(admin, "/livez").await.status, 200);
    // As soon as it has looked for the cluster.
    while get(admin, "/readyz").await.status != 200 {
        tokio::task::yield_now().await;
    }
    let metrics = get(admin, "/metrics").await;
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.contains("ottla_bridge_sessions 1\n"), "{text}");
    assert!(text.contains("ottla_bridge_leases 1\n"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_collector_hears_what_metrics_tell() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = listener.local_addr().unwrap();
    let bench = Bench::new(1, |config| {
        config.otlp.endpoint = Some(format!("http://{collector}/v1/metrics"));
        config.otlp.interval_ms = 1000;
    });
    let mut page = Client::open(bench.bridge.address()).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    page.ask(stream, &kafka::produce(&[("clicks", 0, batch)])).await.unwrap();
    let evil = Some("https://evil.example".to_owned());
    let greeting = Greeting { origin: evil, ..Greeting::default() };
    let refused = Client::connect(bench.bridge.address(), &greeting).await;
    assert_eq!(refused.err(), Some(403));
    // The first may have been sent before all of this.
    let mut told = Vec::new();
    for _ in 0..2 {
        let (head, body) = take_post(&listener).await;
        assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        told = figures(&body);
    }
    let value = |name: &str| {
        told.iter().find(|(told, _)| told == name).unwrap_or_else(|| panic!("{told:?}")).1
    };
    assert_eq!(value("ottla_bridge_sessions"), 1);
    assert_eq!(value("ottla_bridge_produce_requests"), 1);
    assert_eq!(value("ottla_bridge_refused threat=T4"), 1);
    assert_eq!(value("ottla_bridge_produce_seconds"), 1);
}

/// Takes one POST and answers it well; returns its head and its body.
async fn take_post(listener: &tokio::net::TcpListener) -> (String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let (head, length) = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        break (head, length);
    };
    while bytes.len() < length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    (head, bytes)
}

/// Each figure's name with its attributes, and its value; of a histogram its count, which is that
/// of its buckets too.
fn figures(body: &[u8]) -> Vec<(String, i64)> {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    let request: ExportMetricsServiceRequest = prost::Message::decode(body).unwrap();
    let mut figures = Vec::new();
    for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
        let points = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                &sum.data_points
            }
            Data::Gauge(gauge) => &gauge.data_points,
            Data::Histogram(histogram) => {
                let point = &histogram.data_points[0];
                assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
                figures.push((metric.name.clone(), point.count as i64));
                continue;
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            let Some(Value::AsInt(value)) = point.value else { panic!("{point:?}") };
            let mut name = metric.name.clone();
            for attribute in &point.attributes {
                let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
                let opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(value) =
                    value
                else {
                    panic!("{value:?}")
                };
                name += &format!(" {}={value}", attribute.key);
            }
            figures.push((name, value));
        }
    }
    figures
}

/// What is wrong with a configuration after `change`.
fn check(change: fn(&mut Config)) -> Result<(), String> {
    let mut config = open_config("localhost:9092".to_owned());
    change(&mut config);
    config.check().map_err(|error| error.to_string())
}

#[test]
fn t31_what_others_can_reach_has_to_be_meant() {
    assert_eq!(check(|_| {}), Ok(()));
    let admin = check(|config| config.admin.address = "0.0.0.0:9081".parse().unwrap());
    assert!(admin.unwrap_err().contains("admin.public"));
    let plain = check(|config| config.listen.address = "0.0.0.0:9080".parse().unwrap());
    assert!(plain.unwrap_err().contains("listen.behind_proxy"));
    let anonymous = check(|config| {
        config.listen.address = "0.0.0.0:9080".parse().unwrap();
        config.listen.behind_proxy = true;
    });
    assert!(anonymous.unwrap_err().contains("auth.allow_anonymous_network"));
    let meant = check(|config| {
        config.listen.address = "0.0.0.0:9080".parse().unwrap();
        config.listen.behind_proxy = true;
        config.auth.allow_anonymous_network = true;
    });
    assert_eq!(meant, Ok(()));
    let jwt = check(|config| config.auth.mode = ottla_bridge::config::AuthMode::Jwt);
    assert!(jwt.unwrap_err().contains("auth.jwks"));
}

#[tokio::test]
async fn without_a_broker_the_bridge_is_alive_but_not_ready() {
    let bridge = Running::start(open_config("127.0.0.1:1".to_owned())).unwrap();
    let admin = bridge.admin_address().unwrap();
    assert_eq!(get(admin, "/livez").await.status, 200);
    assert_eq!(get(admin, "/readyz").await.status, 503);
}

#[tokio::test]
async fn a_drain_answers_what_is_under_way_and_sends_clients_elsewhere() {
    let manners = Manners { delay: |_| Duration::from_millis(500), ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let mut config = open_config(broker.address.to_string());
    config.times.drain_ms = 1500;
    let bridge = Running::start(config).unwrap();
    let address = bridge.address();
    let mut page = Client::open(address).await;
    let mut idle = Client::open(address).await;
    let stream = page.open_stream(Some(0)).await.unwrap();
    let batch = kafka::batch(page.identity(), 0, &["x"]);
    page.write(stream, &kafka::produce(&[("clicks", 5, batch)])).await;
    while broker.produced().is_empty() {
        tokio::task::yield_now().await;
    }
    let admin = bridge.admin_address().unwrap();
    let draining = tokio::task::spawn_blocking(move || bridge.drain());
    assert_eq!(page.next().await, Said::Drain);
    assert_eq!(get(admin, "/readyz").await.status, 503);
    assert_eq!(get(admin, "/livez").await.status, 200);
    // An OPEN that was on its way is refused.
    let late = ottla_bridge_protocol::StreamId::new(2).unwrap();
    let mut open = Vec::new();
    Frame::Open { stream: late, node: Some(0), window: 1000 }.encode(&mut open).unwrap();
    page.raw(open).await;
    page.expect_opening(late);
    assert_eq!(page.next().await, Said::Refused(late, OpenRefusal::Draining));
    let answer = page.response(stream).await.unwrap();
    assert_eq!(kafka::outcomes(&answer)[0].3, 1005);
    page.leave().await;
    assert_eq!(idle.gone().await, 1001, "at the deadline");
    draining.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[test]
fn a_wrong_file_is_told_by_line_and_key() {
    let folder = Folder::new();
    let told = |text: &str| {
        let error = Config::load(&folder.write("bridge.toml", text)).unwrap_err().to_string();
        error.split_once("bridge.toml").unwrap().1.to_owned()
    };
    let kafka = "[kafka]\nbootstrap = [\"localhost:9092\"]\n[auth]\nmode = \"none\"\n";
    let type_ = told(&format!("{kafka}[limits]\nstreams = \"all\"\n"));
    assert!(type_.starts_with(", line 6, limits.streams: invalid type"), "{type_}");
    let unknown = told("[kafka]\nbotstrap = []\n");
    assert!(unknown.starts_with(", line 2, kafka: unknown field `botstrap`"), "{unknown}");
    let syntax = told("[kafka]\n\nbootstrap = [\n");
    assert!(syntax.starts_with(", line 3"), "{syntax}");
    let bounds = told(&format!("{kafka}[limits]\n\nstreams = 99\n"));
    assert_eq!(bounds, ", line 7: limits.streams = 99: it must be 1 to 63");
    for key in ["limits.session_bytes", "limits.total_bytes", "times.tls_ms", "times.http_ms"]
        .into_iter()
        .chain(["times.hello_ms", "times.progress_ms", "times.connect_ms"])
    {
        let (section, name) = key.split_once('.').unwrap();
        let zero = told(&format!("{kafka}[{section}]\n{name} = 0\n"));
        assert!(zero.starts_with(&format!(", line 6: {key} = 0: it must be 1 ")), "{zero}");
    }
    let missing = told("[auth]\nmode = \"none\"\n");
    assert_eq!(missing, ": kafka.bootstrap names no server");
    let number = told("[kafka]\npassword = 1234567\n");
    assert!(number.starts_with(", line 2, kafka.password: "), "{number}");
    assert!(!number.contains("1234567"), "{number}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for key in ["listen.address", "admin.address"] {
        let mut config = open_config("127.0.0.1:1".to_owned());
        match key {
            "listen.address" => config.listen.address = address,
            _ => config.admin.address = address,
        }
        let error = Running::start(config).unwrap_err().to_string();
        assert!(error.contains(&format!("{key} {address}: ")), "{error}");
    }
}

#[test]
fn a_value_that_nothing_could_run_with_is_refused() {
    let none = check(|config| config.limits.connects_per_ip_per_s = 0);
    assert!(none.unwrap_err().starts_with("limits.connects_per_ip_per_s = 0"));
    let ages = check(|config| config.limits.timestamp_past_s = u64::MAX / 2);
    assert!(ages.unwrap_err().starts_with("limits.timestamp_past_s"));
}

#[tokio::test]
async fn a_drain_answers_requests_without_a_session_too() {
    let manners = Manners { delay: |_| Duration::from_millis(500), ..Manners::default() };
    let broker = FakeBroker::start(manners).await;
    let bridge = Running::start(open_config(broker.address.to_string())).unwrap();
    let address = bridge.address();
    let page = Client::open(address).await;
    let lease = page.lease();
    page.leave().await;
    let request = kafka::produce(&[("clicks", 5, kafka::batch(lease.identity, 0, &["x"]))]);
    let greeting =
        Greeting { tickets: vec![lease.ticket], wants_lease: false, ..Greeting::default() };
    let body = one_shot_body(&greeting, &request);
    let posted =
        tokio::spawn(async move { post(address, "Content-Type: text/plain\r\n", &body).await });
    while broker.produced().is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || bridge.drain()).await.unwrap();
    let reply = posted.await.unwrap().reply();
    assert_eq!(kafka::outcomes(&reply.responses[0])[0].3, 1005);
}

#[tokio::test]
async fn a_changed_file_opens_nothing_that_needs_a_restart() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    folder.write("jwks.json", issuer.jwks().to_string());
    let write = |auth: &str| {
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\nenabled = false\n[kafka]\n\
             bootstrap = [\"127.0.0.1:1\"]\n[auth]\njwks = \"jwks.json\"\naudience = \"bridge\"\n\
             {auth}"
        );
        folder.write("bridge.toml", text)
    };
    let bridge = Running::start_from(&write("")).unwrap();
    let anybody = Greeting { wants_lease: false, ..Greeting::default() };
    let connect = || async { Client::connect(bridge.address(), &anybody).await.err() };
    assert_eq!(connect().await, Some(4401));
    // With the new address this would be allowed; but the bridge listens where it did.
    write("mode = \"none\"");
    bridge.reload();
    assert_eq!(connect().await, Some(4401));
}

#[tokio::test]
async fn a_changed_file_is_taken_and_a_wrong_one_is_not() {
    let (issuer, folder) = (Issuer::new(), Folder::new());
    folder.write("jwks.json", issuer.jwks().to_string());
    let broker = FakeBroker::start(Manners::default()).await;
    let write = |origin: &str, more: &str| {
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\nenabled = false\n\
             [kafka]\nbootstrap = [\"{}\"]\n[auth]\njwks = \"jwks.json\"\naudience = \"bridge\"\n\
             origins = [\"{origin}\"]\n{more}",
            broker.address
        );
        folder.write("bridge.toml", text)
    };
    let bridge = Running::start_from(&write(SHOP, "")).unwrap();
    let token = issuer.page("alice");
    let connect = |origin: &str| {
        let origin = Some(origin.to_owned());
        let greeting = Greeting { origin, wants_lease: false, ..Greeting::token(&token) };
        let address = bridge.address();
        async move { Client::connect(address, &greeting).await.err() }
    };
    assert_eq!(connect(SHOP).await, None);
    let session = Client::connect(bridge.address(), &Greeting::token(&token)).await.unwrap();
    write("https://other.example", "");
    bridge.reload();
    assert_eq!(connect(SHOP).await, Some(403));
    assert_eq!(connect("https://other.example").await, None);
    for wrong in ["origin = [\"*\"]", "mode = \"non\"", "[nonsense]", "max_ttl_s = -1"] {
        write("*", wrong);
        bridge.reload();
        assert_eq!(connect(SHOP).await, Some(403), "{wrong}");
    }
    // The keys too: they are followed without being told.
    write("https://other.example", "");
    let another = Issuer::new();
    folder.write("jwks.json", another.jwks().to_string());
    bridge.reload();
    assert_eq!(connect("https://other.example").await, Some(4401));
    drop(session);
}

#[tokio::test]
async fn tls_is_spoken_where_there_is_a_certificate() {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.write("cert.pem", made.cert.pem());
    let key = folder.write("key.pem", made.signing_key.serialize_pem());
    let bench = Bench::new(1, |config| {
        config.listen.certificate = Some(certificate);
        config.listen.key = Some(key);
        config.times.tls_ms = 300;
    });
    let address = bench.bridge.address();
    assert!(bench.bridge.url().starts_with("wss://"));
    assert_eq!(get(address, "/v1/session").await.status, 0, "plain text gets no answer");
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let ended = AsyncReadExt::read_to_end(&mut silent, &mut answer);
    assert!(
        tokio::time::timeout(Duration::from_secs(20), ended).await.is_ok(),
        "T15: no handshake"
    );
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let request = "GET /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}
