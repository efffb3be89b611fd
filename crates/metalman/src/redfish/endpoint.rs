//! Who is asked, as whom, and what it must show.

use std::fmt;

use reqwest::Url;

use super::{Fingerprint, RedfishError};

/// As whom. Debug tells no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, ***)", self.username)
    }
}

/// A BMC's address, as whom to log in there, and the certificate that it must show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
    credentials: Option<Credentials>,
    pin: Option<Fingerprint>,
}

impl Endpoint {
    /// `url` is `spec.pxe.redfish.url`. Without credentials nobody logs in; without a pin, first contact accepts any
    /// certificate and [`super::Client::certificate`] tells which.
    pub fn new(url: &str, credentials: Option<Credentials>, pin: Option<Fingerprint>) -> Result<Self, RedfishError> {
        let error = |reason: String| RedfishError::Url { url: url.chars().take(200).collect(), reason };
        let mut parsed = Url::parse(url).map_err(|source| error(source.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(error("only http and https are spoken".into()));
        }
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(error("it names no host".into()));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            // Not repeated in the message: it may be a password.
            return Err(RedfishError::Url {
                url: parsed.host_str().unwrap_or_default().to_owned(),
                reason: "it contains credentials: they belong in username and passwordRef".into(),
            });
        }
        parsed.set_query(None);
        parsed.set_fragment(None);
        // People copy the service root's own URL too.
        let path = parsed.path().trim_end_matches('/');
        let path = path.strip_suffix("/redfish/v1").or_else(|| path.strip_suffix("/redfish")).unwrap_or(path);
        let path = format!("{path}/redfish/v1/");
        parsed.set_path(&path);
        Ok(Self { url: parsed, credentials, pin })
    }

    /// The service root.
    pub fn root(&self) -> &Url {
        &self.url
    }

    /// As whom.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The certificate that it must show.
    pub fn pin(&self) -> Option<Fingerprint> {
        self.pin
    }

    /// The same, with another pin.
    pub fn with_pin(&self, pin: Option<Fingerprint>) -> Self {
        Self { pin, ..self.clone() }
    }

    /// `host` or `host:port`, for logs and messages.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether nothing protects what is said there.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}
