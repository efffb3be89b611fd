//! A client for one registry with one set of credentials (OCI distribution specification 1.1).
//!
//! Role: manifests, blobs from any offset, and requests of one's own with the same authentication. Invariants: credentials go
//! to the registry and to the token service that it names, never along a redirect, and over plain HTTP only where the
//! operator named the host; answers are bounded in size and time; no secret is in an error.

mod auth;
mod challenge;
mod trust;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE},
};

use self::auth::Tokens;
pub use self::{
    auth::Credentials,
    trust::{HostPort, HostPortError, PlainHttp, Trust, TrustError},
};
use super::{digest::Digest, manifest::ACCEPTED};

/// How long nothing may come.
pub const STALL: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What the specification lets registries limit manifests to.
const LARGEST_MANIFEST: usize = 4 << 20;
/// What is read of an error.
const LARGEST_ERROR: usize = 16 << 10;
/// Redirects followed.
const REDIRECTS: usize = 5;
/// What the digest of a manifest is told in.
const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// What a request is to be allowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading.
    Pull,
    /// Writing, and reading.
    Push,
}

/// Why a registry did not give what was asked for. Display holds its own words.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection.
    #[error("registry {host} cannot be reached")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A certificate that is not trusted.
    #[error("registry {host} shows a certificate that is not trusted; give its CA with --registry-ca-bundle")]
    Certificate {
        /// The registry.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke.
    #[error("the connection to registry {host} broke")]
    Broken {
        /// The registry.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Silence.
    #[error("registry {host} stalled: nothing came for {} s", patience.as_secs())]
    Stalled {
        /// The registry.
        host: String,
        /// How long was waited.
        patience: Duration,
    },
    /// It said no.
    #[error("registry {host}: {words}")]
    Refused {
        /// The registry.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Its own words.
        words: String,
    },
    /// It wants to know who asks, or does not like who asks.
    #[error("registry {host} refuses access: {words}; {remedy}")]
    Unauthorized {
        /// The registry.
        host: String,
        /// Its own words.
        words: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It does not follow the specification.
    #[error("registry {host}: {problem}")]
    Protocol {
        /// The registry.
        host: String,
        /// What is wrong.
        problem: String,
    },
    /// Bytes that are not what was asked for.
    #[error("registry {host} sent a manifest with digest {got} for {wanted}")]
    Digest {
        /// The registry.
        host: String,
        /// What was asked for.
        wanted: String,
        /// What came.
        got: Digest,
    },
}

impl RegistryError {
    /// Whether the same request may succeed in a moment.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Stalled { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Its kind, of which there are few.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => "unreachable",
            Self::Certificate { .. } => "certificate",
            Self::Stalled { .. } => "stalled",
            Self::Refused { status: 404, .. } => "not_found",
            Self::Refused { status: 429, .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Protocol { .. } => "protocol",
            Self::Digest { .. } => "digest",
        }
    }
}

/// A manifest as it came, its digest checked where one was known.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The document.
    pub bytes: Bytes,
    /// What the registry says it is.
    pub content_type: Option<String>,
    /// Its digest, computed.
    pub digest: Digest,
}

/// A request.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// Below `/v2/`, or a whole URL of this registry (as upload locations are).
    pub path: &'a str,
    /// Which repository.
    pub repository: &'a str,
    /// For what.
    pub access: Access,
    /// Headers, without authorization.
    pub headers: HeaderMap,
    /// Makes the body, each time the request is sent.
    pub body: Option<&'a (dyn Fn() -> reqwest::Body + Send + Sync)>,
}

/// A blob's bytes from an offset on.
#[derive(Debug)]
pub struct Blob {
    response: Response,
    host: String,
    patience: Duration,
    /// Where in the blob the bytes begin: what was asked for, or 0 from a registry that knows no ranges.
    pub offset: u64,
}

impl Blob {
    /// More bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let (host, patience) = (&self.host, self.patience);
        match tokio::time::timeout(patience, self.response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(RegistryError::Broken { host: host.clone(), source: error.without_url() }),
            Err(_) => Err(RegistryError::Stalled { host: host.clone(), patience }),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
}

/// The client.
#[derive(Debug)]
pub struct RegistryClient {
    host: String,
    trust: Trust,
    http: reqwest::Client,
    credentials: Option<Credentials>,
    tokens: Mutex<Tokens>,
    /// Which of the two the registry was found to speak.
    scheme: Mutex<Option<Scheme>>,
    patience: Duration,
}

impl RegistryClient {
    /// A client for the registry at `host[:port]`.
    pub fn new(host: &str, credentials: Option<Credentials>, trust: &Trust) -> Result<Self, TrustError> {
        Self::with_patience(host, credentials, trust, STALL)
    }

    /// The same, giving up on silence after another while.
    pub fn with_patience(
        host: &str,
        credentials: Option<Credentials>,
        trust: &Trust,
        patience: Duration,
    ) -> Result<Self, TrustError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("metalman/", env!("CARGO_PKG_VERSION")))
            // Followed here, where it is decided who gets credentials.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(patience))
            .tls_certs_merge(trust.certificates()?)
            .build()
            .map_err(TrustError::Client)?;
        Ok(Self {
            host: host.to_owned(),
            trust: trust.clone(),
            http,
            credentials,
            tokens: Mutex::default(),
            scheme: Mutex::default(),
            patience,
        })
    }

    /// Its `host[:port]`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Who it asks as.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The digest that a tag points to now; none if the registry does not say.
    pub async fn head(&self, repository: &str, reference: &str) -> Result<Option<Digest>, RegistryError> {
        let path = format!("{repository}/manifests/{reference}");
        let response = self.ok(&self.manifest_ask(Method::HEAD, &path, repository)).await?;
        Ok(header(response.headers(), &DOCKER_CONTENT_DIGEST).and_then(|text| text.parse().ok()))
    }

    /// The manifest or index of a tag or digest.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<Fetched, RegistryError> {
        let path = format!("{repository}/manifests/{reference}");
        let mut response = self.ok(&self.manifest_ask(Method::GET, &path, repository)).await?;
        let content_type = header(response.headers(), &CONTENT_TYPE).map(str::to_owned);
        let told: Option<Digest> =
            header(response.headers(), &DOCKER_CONTENT_DIGEST).and_then(|text| text.parse().ok());
        let bytes = self.body(&mut response, LARGEST_MANIFEST).await?;
        let wanted: Option<Digest> = reference.parse().ok();
        // The digest that was asked for outranks what the registry says about its own answer.
        if let Some(wanted) = wanted.or(told) {
            if !wanted.matches(&bytes) {
                let got = Digest::sha256(&bytes);
                return Err(RegistryError::Digest { host: self.host.clone(), wanted: wanted.to_string(), got });
            }
            return Ok(Fetched { bytes, content_type, digest: wanted });
        }
        let digest = Digest::sha256(&bytes);
        Ok(Fetched { bytes, content_type, digest })
    }

    /// A blob, from an offset on if the registry can.
    pub async fn blob(&self, repository: &str, digest: &Digest, offset: u64) -> Result<Blob, RegistryError> {
        let path = format!("{repository}/blobs/{digest}");
        let mut headers = HeaderMap::new();
        if offset > 0 {
            headers.insert(RANGE, self.value(&format!("bytes={offset}-"))?);
        }
        let ask = Ask { method: Method::GET, path: &path, repository, access: Access::Pull, headers, body: None };
        let response = self.ok(&ask).await?;
        let offset = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                // RFC 9110 section 14.4: bytes FIRST-LAST/LENGTH.
                let first = header(response.headers(), &CONTENT_RANGE)
                    .and_then(|text| text.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok());
                if first != Some(offset) {
                    return Err(self.protocol("it answers another range than was asked for"));
                }
                offset
            }
            _ => 0,
        };
        Ok(Blob { response, host: self.host.clone(), patience: self.patience, offset })
    }

    /// Sends a request, authenticated as the registry asks; whatever it answers, except that it wants other credentials.
    pub async fn request(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let scope = format!(
            "repository:{}:{}",
            ask.repository,
            match ask.access {
                Access::Pull => "pull",
                Access::Push => "pull,push",
            }
        );
        let known = self.known_authorization(&scope);
        let (response, ours) = self.follow(ask, known.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !ours {
            return Ok(response);
        }
        let challenges = challenge::parse(response.headers());
        let url = response.url().clone();
        let mut refusal = response;
        let words = self.words(&mut refusal).await;
        let authorization = self.authorize(&challenges, &url, &scope, &words).await?;
        let (mut response, ours) = self.follow(ask, Some(authorization)).await?;
        if response.status() == StatusCode::UNAUTHORIZED && ours {
            let words = self.words(&mut response).await;
            return Err(self.unauthorized(words));
        }
        Ok(response)
    }

    /// The same; an answer that is no success is an error in the registry's words.
    pub async fn ok(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut response = self.request(ask).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut words = self.words(&mut response).await;
        if ask.method == Method::HEAD && status == StatusCode::NOT_FOUND {
            // A HEAD has no body to say it in.
            "manifest unknown".clone_into(&mut words);
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.unauthorized(words)),
            _ => Err(RegistryError::Refused { host: self.host.clone(), status: status.as_u16(), words }),
        }
    }

    fn manifest_ask<'a>(&self, method: Method, path: &'a str, repository: &'a str) -> Ask<'a> {
        let mut headers = HeaderMap::new();
        if let Ok(accept) = self.value(&ACCEPTED.join(", ")) {
            headers.insert(ACCEPT, accept);
        }
        Ask { method, path, repository, access: Access::Pull, headers, body: None }
    }

    /// Sends, trying the schemes that are allowed, and follows redirects. Says whether the answer is the registry's own.
    async fn follow(
        &self,
        ask: &Ask<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Response, bool), RegistryError> {
        let mut response = self.send_any_scheme(ask, authorization.as_ref()).await?;
        let origin = response.url().origin();
        for _ in 0..REDIRECTS {
            let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
            let Some(location) = location else {
                let ours = response.url().origin() == origin;
                return Ok((response, ours));
            };
            let next = location.to_str().ok().and_then(|text| response.url().join(text).ok());
            let next = next.filter(|url| self.may_follow(response.url(), url));
            let Some(next) = next else {
                return Err(self.protocol("it redirects to where metalman does not follow"));
            };
            let same = next.origin() == origin;
            // Storage behind registries refuses requests with credentials that are not its own; and they are not its business.
            response = self.send(ask, next, authorization.as_ref().filter(|_| same)).await?;
        }
        Err(self.protocol("it redirects in circles"))
    }

    /// Never from TLS to plain HTTP, except to where plain HTTP is allowed anyway.
    fn may_follow(&self, from: &Url, to: &Url) -> bool {
        match to.scheme() {
            "https" => true,
            "http" => from.scheme() == "http" || self.plain_http_to(to) != PlainHttp::Never,
            _ => false,
        }
    }

    fn plain_http_to(&self, url: &Url) -> PlainHttp {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        self.trust.plain_http(&host)
    }

    async fn send_any_scheme(
        &self,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        if ask.path.starts_with("https://") || ask.path.starts_with("http://") {
            let url = Url::parse(ask.path).map_err(|_| self.protocol("it names a URL that cannot be read"))?;
            return self.send(ask, url, authorization).await;
        }
        let plain = self.trust.plain_http(&self.host) != PlainHttp::Never;
        let known = *lock(&self.scheme);
        let schemes: &[Scheme] = match known {
            Some(Scheme::Http) if plain => &[Scheme::Http],
            Some(Scheme::Https) => &[Scheme::Https],
            _ if plain => &[Scheme::Https, Scheme::Http],
            _ => &[Scheme::Https],
        };
        let mut first_error = None;
        for scheme in schemes {
            let url = self.url(*scheme, &format!("v2/{}", ask.path))?;
            match self.send(ask, url, authorization).await {
                Ok(response) => {
                    *lock(&self.scheme) = Some(*scheme);
                    return Ok(response);
                }
                // A certificate that is wrong is no reason to speak without any.
                Err(error @ RegistryError::Unreachable { .. }) => {
                    *lock(&self.scheme) = None;
                    first_error.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first_error.unwrap_or_else(|| self.protocol("it has no URL")))
    }

    async fn send(
        &self,
        ask: &Ask<'_>,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut request = self.http.request(ask.method.clone(), url.clone()).headers(ask.headers.clone());
        if let Some(authorization) = authorization.filter(|_| self.may_tell(&url)) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = ask.body {
            request = request.body(body());
        }
        self.execute(request).await
    }

    async fn execute(&self, request: reqwest::RequestBuilder) -> Result<Response, RegistryError> {
        let (host, patience) = (self.host.clone(), self.patience);
        match tokio::time::timeout(patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                // URLs of redirects are credentials in themselves.
                let source = error.without_url();
                Err(if trust::is_certificate(&source) {
                    RegistryError::Certificate { host, source }
                } else if source.is_connect() {
                    RegistryError::Unreachable { host, source }
                } else {
                    RegistryError::Broken { host, source }
                })
            }
            Err(_) => Err(RegistryError::Stalled { host, patience }),
        }
    }

    /// Whether credentials may go there.
    fn may_tell(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.plain_http_to(url) == PlainHttp::WithCredentials
    }

    fn url(&self, scheme: Scheme, path: &str) -> Result<Url, RegistryError> {
        let scheme = if scheme == Scheme::Https { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{}/{path}", self.host))
            .map_err(|_| self.protocol("its name cannot be part of a URL"))
    }

    async fn body(&self, response: &mut Response, largest: usize) -> Result<Bytes, RegistryError> {
        let mut bytes = Vec::new();
        loop {
            match tokio::time::timeout(self.patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() <= largest => bytes.extend_from_slice(&chunk),
                Ok(Ok(Some(_))) => return Err(self.protocol(format!("its answer is larger than {largest} bytes"))),
                Ok(Ok(None)) => return Ok(bytes.into()),
                Ok(Err(error)) => {
                    return Err(RegistryError::Broken { host: self.host.clone(), source: error.without_url() });
                }
                Err(_) => return Err(RegistryError::Stalled { host: self.host.clone(), patience: self.patience }),
            }
        }
    }

    /// What the registry says went wrong.
    async fn words(&self, response: &mut Response) -> String {
        let status = response.status();
        let body = self.body(response, LARGEST_ERROR).await.unwrap_or_default();
        let words = error_words(&body).unwrap_or_else(|| {
            status
                .canonical_reason()
                .map_or_else(|| format!("status {status}"), |text| format!("{text} ({})", status.as_u16()))
        });
        self.credentials.as_ref().map_or(words.clone(), |credentials| credentials.redact(words))
    }

    fn unauthorized(&self, words: String) -> RegistryError {
        let remedy = match (&self.credentials, self.trust.plain_http(&self.host), *lock(&self.scheme)) {
            (None, ..) => "if the image is there, name a Secret with credentials in spec.pxe.imagePullSecretRef",
            (Some(_), PlainHttp::WithoutCredentials, Some(Scheme::Http)) => {
                "credentials are not sent over plain HTTP: give it TLS, or name it with --insecure-registry"
            }
            (Some(_), ..) => "check the credentials in the pull secret, and what they allow",
        };
        RegistryError::Unauthorized { host: self.host.clone(), words, remedy }
    }

    fn protocol(&self, problem: impl Into<String>) -> RegistryError {
        RegistryError::Protocol { host: self.host.clone(), problem: problem.into() }
    }

    fn value(&self, text: &str) -> Result<HeaderValue, RegistryError> {
        HeaderValue::from_str(text).map_err(|_| self.protocol("a header that cannot be sent"))
    }
}

/// The messages of an error body (distribution specification, "Error Codes"), cut and on one line.
fn error_words(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Vec<Error>,
        /// What token services say.
        details: Option<String>,
        error_description: Option<String>,
        message: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Error {
        #[serde(default)]
        code: String,
        message: Option<String>,
    }
    const LONGEST: usize = 300;
    let body: Body = serde_json::from_slice(body).ok()?;
    let mut all: Vec<String> = body
        .errors
        .into_iter()
        .take(4)
        .map(|e| e.message.filter(|text| !text.is_empty()).unwrap_or_else(|| e.code.to_lowercase().replace('_', " ")))
        .collect();
    all.extend(body.details.or(body.error_description).or(body.message));
    let text: String = all.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    (!text.trim().is_empty()).then_some(text)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
