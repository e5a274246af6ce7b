//! One POST to the collector (OTLP 1.x, binary protobuf).

use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::ConfigError;
use crate::upstream::{ByteStream, tls_connector};

/// Where the figures go.
pub(super) struct Collector {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl Collector {
    pub(super) fn new(endpoint: &str, ca: Option<&Path>) -> Result<Self, ConfigError> {
        let bad = || {
            ConfigError::new(format!("otlp.endpoint: {endpoint:?} is no http:// or https:// URL"))
        };
        let uri: Uri = endpoint.parse().map_err(|_| bad())?;
        let (default, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, Some(tls_connector(ca, "otlp.ca")?)),
            _ => return Err(bad()),
        };
        let host = uri.host().ok_or_else(bad)?.to_owned();
        let port = uri.port_u16().unwrap_or(default);
        Ok(Self { uri, host, port, tls })
    }

    /// Sends a request; the error says why it was not taken.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<(), String> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends with the sender.
        tokio::spawn(async move { drop(connection.await) });
        let authority = self.uri.authority().map_or(self.host.as_str(), |it| it.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answers {status}")),
        }
    }

    async fn connect(&self) -> Result<Box<dyn ByteStream>, String> {
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = self.host.trim_matches(['[', ']']);
        let stream =
            TcpStream::connect((host, self.port)).await.map_err(|error| error.to_string())?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let stream = tls.connect(name, stream).await.map_err(|error| error.to_string())?;
        Ok(Box::new(stream))
    }
}
