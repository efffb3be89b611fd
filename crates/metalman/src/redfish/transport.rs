//! Requests and answers: bounded, without redirects to elsewhere, and with errors that say at which layer it ended.

use std::{
    error::Error as _,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use reqwest::{
    Method, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, LOCATION},
};
use serde_json::Value;

use super::{
    Endpoint, Patience, RedfishError, RedfishMetrics,
    etag::Tags,
    messages::{Messages, clean},
    tls::{self, Greeting, PinMismatch, SmallKey, Witness},
};

/// Largest answer that is read. A ComputerSystem of a large server has some 100 KB.
const LARGEST: usize = 2 << 20;
/// Redirects that are followed, within the endpoint.
const MOST_REDIRECTS: usize = 3;

/// What to send. Debug tells nothing of the body: it may be a password.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Value>,
    pub(super) if_match: Option<String>,
}

impl Request {
    pub(super) fn get(url: &Url) -> Self {
        Self { method: Method::GET, url: url.clone(), body: None, if_match: None }
    }

    pub(super) fn with(method: Method, url: &Url, body: Value) -> Self {
        Self { method, url: url.clone(), body: Some(body), if_match: None }
    }

    /// Method and path, for messages.
    pub(super) fn operation(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.operation())
    }
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Null where there is none or where it is no JSON.
    pub(super) body: Value,
    /// The first words of what is no JSON.
    pub(super) text: String,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn location(&self) -> Option<&str> {
        self.header(LOCATION).filter(|location| !location.is_empty())
    }

    pub(super) fn tags(&self) -> Tags {
        Tags::of(self.header(ETAG), &self.body)
    }

    pub(super) fn messages(&self) -> Messages<'_> {
        Messages::of(&self.body)
    }
}

/// The way to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    endpoint: Endpoint,
    metrics: RedfishMetrics,
    patience: Patience,
    pub(super) witness: Arc<Witness>,
    usual: reqwest::Client,
    small_key: reqwest::Client,
    /// The second greeting is needed.
    small: Arc<AtomicBool>,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint, metrics: RedfishMetrics, patience: Patience) -> Result<Self, RedfishError> {
        let witness = Arc::new(Witness::new(endpoint.pin()));
        let client = |greeting| -> Result<reqwest::Client, RedfishError> {
            let tls = tls::config(witness.clone(), greeting)
                .map_err(|error| RedfishError::Tls { bmc: endpoint.host(), reason: error.to_string() })?;
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .dns_resolver(SystemResolver)
                // A BMC is reached directly; HTTPS_PROXY is for the registry.
                .no_proxy()
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(patience.connect)
                .timeout(patience.request)
                .pool_max_idle_per_host(1)
                .user_agent(concat!("metalman/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|source| RedfishError::Setup { bmc: endpoint.host(), source })
        };
        let (usual, small_key) = (client(Greeting::Usual)?, client(Greeting::SmallKey)?);
        let small = Arc::default();
        Ok(Self { endpoint, metrics, patience, witness, usual, small_key, small })
    }

    /// Sends the request once, and follows redirects within the endpoint. A GET on a connection that broke is sent again, as
    /// a BMC closes idle connections when it likes.
    pub(super) async fn send(
        &self,
        request: &Request,
        authorization: Option<(&'static str, HeaderValue)>,
    ) -> Result<Answer, RedfishError> {
        let mut request = request.clone();
        let mut again = request.method == Method::GET;
        let mut redirects = 0;
        loop {
            let answer = match self.once(&request, authorization.as_ref()).await {
                Err(RedfishError::Broken { .. }) if std::mem::take(&mut again) => continue,
                other => other?,
            };
            if !(300..400).contains(&answer.status) || answer.status == 304 {
                return Ok(answer);
            }
            redirects += 1;
            request.url = self.redirect(&request, &answer, redirects)?;
        }
    }

    fn redirect(&self, request: &Request, answer: &Answer, count: usize) -> Result<Url, RedfishError> {
        let to = answer.location().unwrap_or_default();
        let url = request.url.join(to).ok().filter(|_| !to.is_empty());
        // RFC 9110 section 15.4: only 307 and 308 keep the method.
        let same_method = request.method == Method::GET || matches!(answer.status, 307 | 308);
        match url {
            Some(url) if same_method && count <= MOST_REDIRECTS && url.origin() == self.endpoint.root().origin() => {
                Ok(url)
            }
            _ => Err(RedfishError::Redirect {
                bmc: self.endpoint.host(),
                operation: request.operation(),
                to: if to.is_empty() { "nowhere".into() } else { clean(to) },
            }),
        }
    }

    async fn once(
        &self,
        request: &Request,
        authorization: Option<&(&'static str, HeaderValue)>,
    ) -> Result<Answer, RedfishError> {
        let outcome = match self.exchange(request, authorization).await {
            // Nothing was sent: the handshake did not end.
            Err(error) if !self.small.load(Relaxed) && find::<SmallKey>(&error).is_some() => {
                self.small.store(true, Relaxed);
                self.exchange(request, authorization).await
            }
            other => other,
        };
        self.metrics.request(&request.method, outcome.as_ref().ok().map(|answer| answer.status));
        let answer = outcome.map_err(|error| self.classify(&error, request))?;
        if answer.text.len() > LARGEST {
            return Err(RedfishError::Malformed {
                bmc: self.endpoint.host(),
                operation: request.operation(),
                what: format!("its answer is longer than {LARGEST} bytes"),
            });
        }
        Ok(answer)
    }

    async fn exchange(
        &self,
        request: &Request,
        authorization: Option<&(&'static str, HeaderValue)>,
    ) -> Result<Answer, reqwest::Error> {
        let client = if self.small.load(Relaxed) { &self.small_key } else { &self.usual };
        let mut builder = client
            .request(request.method.clone(), request.url.clone())
            .header(ACCEPT, "application/json")
            // DSP0266, "Request headers".
            .header("OData-Version", "4.0");
        if let Some((name, value)) = authorization {
            builder = builder.header(*name, value);
        }
        if let Some(tag) = &request.if_match {
            builder = builder.header(IF_MATCH, tag);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = builder.send().await?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                // Told as too long by its length.
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Answer { status, headers, body: Value::Null, text: text + &" ".repeat(LARGEST) });
            }
        }
        let body = serde_json::from_slice(&bytes);
        let text = body.is_err().then(|| clean(&String::from_utf8_lossy(&bytes)));
        Ok(Answer { status, headers, body: body.unwrap_or_default(), text: text.unwrap_or_default() })
    }

    fn classify(&self, error: &reqwest::Error, request: &Request) -> RedfishError {
        let bmc = self.endpoint.host();
        let operation = request.operation();
        if let Some(Unresolved(source)) = find(error) {
            return RedfishError::Dns { bmc, source: io::Error::new(source.kind(), source.to_string()) };
        }
        if let Some(PinMismatch { pinned, shown }) = find(error) {
            return RedfishError::PinMismatch { bmc, pinned: *pinned, shown: *shown };
        }
        if let Some(error) = find::<rustls::Error>(error) {
            return RedfishError::Tls { bmc, reason: tls::explain(error) };
        }
        if error.is_connect() {
            if is_closed(error) && !self.endpoint.is_plain() {
                let reason = "it closed the connection when it was greeted: BMCs that only speak TLS 1.1 or older do that; \
                              update its firmware, or enable TLS 1.2 in its settings";
                return RedfishError::Tls { bmc, reason: reason.into() };
            }
            let late = || format!("nothing within {} s", self.patience.connect.as_secs_f32());
            let reason = if error.is_timeout() { late() } else { innermost(error) };
            return RedfishError::Connect { bmc, reason };
        }
        if error.is_timeout() {
            return RedfishError::Timeout { bmc, operation, patience: self.patience.request };
        }
        RedfishError::Broken { bmc, operation, reason: innermost(error) }
    }
}

/// Any error.
type Cause = dyn std::error::Error + 'static;

/// An error and its causes, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &Cause> {
    let first: &Cause = error;
    std::iter::successors(Some(first), |error| cause_of(*error))
}

/// An `io::Error` hides what it wraps from `source`, and so does rustls.
fn cause_of(error: &Cause) -> Option<&Cause> {
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        let inner: &Cause = inner;
        return Some(inner);
    }
    match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::Other(rustls::OtherError(inner))) => {
            let inner: &Cause = &**inner;
            Some(inner)
        }
        _ => error.source(),
    }
}

/// Finds a cause by its type.
fn find<T: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}

/// Whether the other side closed the connection.
fn is_closed(error: &reqwest::Error) -> bool {
    let mut kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.any(|kind| matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset))
}

fn innermost(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = error.to_string();
        source = error.source();
    }
    clean(&words)
}

/// The system's resolver, with errors that can be told from those of connecting.
#[derive(Debug)]
struct SystemResolver;

#[derive(Debug, thiserror::Error)]
#[error("name not resolved")]
struct Unresolved(#[source] io::Error);

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(Unresolved)?;
            let found: Vec<SocketAddr> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
