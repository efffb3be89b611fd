//! Which registries are believed: CA certificates, and who may be spoken to without TLS.
//!
//! Plain HTTP is tried where TLS does not answer, at loopback and private addresses (RFC 1918, and RFC 4193 for IPv6) and at
//! hosts that the operator named. Only the latter are told credentials over it.

use std::{fmt, net::IpAddr, str::FromStr};

/// A host, with a port or with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: Option<u16>,
}

/// A text that is no `HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a host or host:port")]
pub struct HostPortError;

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let (host, port) = split(text);
        let port = port.map(|port| port.parse().map_err(|_| HostPortError)).transpose()?;
        let name = |host: &str| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        };
        if host.parse::<IpAddr>().is_err() && !name(host) {
            return Err(HostPortError);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.host.contains(':');
        match (self.port, v6) {
            (None, false) => f.write_str(&self.host),
            (None, true) => write!(f, "[{}]", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
        }
    }
}

/// Whether a registry may be spoken to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// It must have TLS.
    Never,
    /// It may do without, and is told no credentials then.
    WithoutCredentials,
    /// It may do without, as the operator says.
    WithCredentials,
}

/// What is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Hosts named by `--insecure-registry`.
    pub insecure: Vec<HostPort>,
    /// CA certificates of `--registry-ca-bundle`, DER; besides those of the system.
    pub certificates: Vec<Vec<u8>>,
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A certificate of the bundle.
    #[error("a certificate of --registry-ca-bundle cannot be used")]
    Certificate(#[source] reqwest::Error),
    /// The system's certificates, most likely.
    #[error("no TLS client can be made")]
    Client(#[source] reqwest::Error),
}

impl Trust {
    /// Whether that `host[:port]` may be spoken to without TLS.
    pub fn plain_http(&self, host_port: &str) -> PlainHttp {
        let (host, port) = split(host_port);
        let port = port.and_then(|port| port.parse().ok());
        let named = |h: &HostPort| h.host.eq_ignore_ascii_case(host) && (h.port.is_none() || h.port == port);
        if self.insecure.iter().any(named) {
            PlainHttp::WithCredentials
        } else if is_near(host) {
            PlainHttp::WithoutCredentials
        } else {
            PlainHttp::Never
        }
    }

    pub(super) fn certificates(&self) -> Result<Vec<reqwest::Certificate>, TrustError> {
        let read = |der: &Vec<u8>| reqwest::Certificate::from_der(der).map_err(TrustError::Certificate);
        self.certificates.iter().map(read).collect()
    }
}

/// Loopback and private addresses, as literals: a name may resolve to anything.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private(),
        Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn split(host_port: &str) -> (&str, Option<&str>) {
    match host_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match host_port.split_once(':') {
            // More than one colon without brackets: an IPv6 address.
            Some((_, rest)) if rest.contains(':') => (host_port, None),
            Some((host, port)) => (host, Some(port)),
            None => (host_port, None),
        },
    }
}

/// Whether TLS failed because of the certificate, in which case the peer does speak TLS.
pub(super) fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, InvalidCertificate(_) | NoCertificatesPresented);
    }
    // The source of an I/O error is the source of what it wraps: what it wraps would be passed over.
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_certificate(inner)) || error.source().is_some_and(is_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_near_and_named_hosts() {
        let trust = Trust {
            insecure: vec!["plain.example:5000".parse().unwrap(), "any.example".parse().unwrap()],
            ..Trust::default()
        };
        for (host, expected) in [
            ("registry.example", PlainHttp::Never),
            ("192.0.2.1:5000", PlainHttp::Never),
            ("172.32.0.1", PlainHttp::Never),
            ("localhost.example", PlainHttp::Never),
            ("plain.example", PlainHttp::Never),
            ("plain.example:5001", PlainHttp::Never),
            ("localhost:5000", PlainHttp::WithoutCredentials),
            ("127.0.0.9", PlainHttp::WithoutCredentials),
            ("[::1]:5000", PlainHttp::WithoutCredentials),
            ("[fd00::1]", PlainHttp::WithoutCredentials),
            ("10.1.2.3:80", PlainHttp::WithoutCredentials),
            ("172.16.0.1", PlainHttp::WithoutCredentials),
            ("PLAIN.example:5000", PlainHttp::WithCredentials),
            ("any.example:7", PlainHttp::WithCredentials),
        ] {
            assert_eq!(trust.plain_http(host), expected, "{host}");
        }
    }

    #[test]
    fn hosts_round_trip() {
        for text in ["a.example", "a.example:80", "[::1]", "[::1]:5000", "192.0.2.1:1"] {
            assert_eq!(text.parse::<HostPort>().map(|h| h.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "http://a", "a:b", "a/b", "a:99999"] {
            assert_eq!(text.parse::<HostPort>(), Err(HostPortError), "{text}");
        }
    }
}
