//! What machines are told to boot from. A machine cannot reach 0.0.0.0, so it is never told that.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use super::{ConfigError, DhcpMode, HostFacts, Interface};

/// The URL that machines are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServeUrl {
    /// As given, without a slash at its end.
    Explicit(String),
    /// An address of this host; the port is the one the HTTP server got.
    Derived(Ipv4Addr),
}

impl ServeUrl {
    /// The URL, once the HTTP server's port is known.
    pub fn with_port(&self, port: u16) -> String {
        match self {
            Self::Explicit(url) => url.clone(),
            Self::Derived(address) => format!("http://{address}:{port}"),
        }
    }

    /// The address in it, if it holds one instead of a name.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Explicit(url) => split(url).and_then(|u| u.host.parse().ok()),
            Self::Derived(address) => Some(*address),
        }
    }
}

/// A URL taken apart as far as this needs.
struct Parts<'a> {
    scheme: &'a str,
    authority: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    path: &'a str,
}

fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = if let Some(v6) = authority.strip_prefix('[') {
        let (host, tail) = v6.split_once(']')?;
        (host, if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) })
    } else {
        authority.rsplit_once(':').map_or((authority, None), |(h, p)| (h, Some(p)))
    };
    Some(Parts { scheme, authority, host, port, path })
}

/// Checks a URL that machines will be told, and takes the slash off its end. `schemes` are those that the machines speak.
pub(super) fn check_url(
    flag: &'static str,
    given: &str,
    schemes: &[&str],
    example: &str,
) -> Result<String, ConfigError> {
    let refuse = |problem: String| Err(ConfigError::new(flag, given, problem, format!("give a URL such as {example}")));
    let Some(parts) = split(given) else { return refuse("is not a URL".into()) };
    if !schemes.contains(&parts.scheme) {
        return refuse(format!("has the scheme {:?}, not {}", parts.scheme, schemes.join(" or ")));
    }
    if parts.authority.contains('@') {
        return refuse("carries a user name, which every machine would be told".into());
    }
    if parts.path.contains(['?', '#']) {
        return refuse("has a query or a fragment".into());
    }
    let name_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if parts.host.is_empty() || !(parts.host.chars().all(name_like) || parts.host.parse::<IpAddr>().is_ok()) {
        return refuse("has no valid host".into());
    }
    // "0" and "0.0" are spellings of the wildcard that resolvers accept.
    let zeros = parts.host.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b == b'0'));
    if zeros || parts.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_unspecified()) {
        return refuse("is a wildcard address, which no machine can reach".into());
    }
    if let Some(port) = parts.port
        && port.parse::<u16>().unwrap_or(0) == 0
    {
        return refuse(format!("has the port {port:?}, not a number from 1 to 65535"));
    }
    if !parts.path.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("has a space or another character that must be escaped".into());
    }
    Ok(given.trim_end_matches('/').to_owned())
}

/// The host of a URL that [`check_url`] passed.
pub(super) fn host_of(url: &str) -> Option<&str> {
    split(url).map(|u| u.host)
}

/// Works out the serve URL: as given; else the bind address; else the DHCP interface's; else the default route's.
pub(super) fn resolve_serve_url(
    given: Option<&str>,
    bind: IpAddr,
    dhcp: &DhcpMode,
    host: &HostFacts<'_>,
) -> Result<ServeUrl, ConfigError> {
    if let Some(given) = given {
        return check_url("--serve-url", given, &["http", "https"], "http://192.0.2.1:8880").map(ServeUrl::Explicit);
    }
    if !bind.is_unspecified() {
        return match bind.to_canonical() {
            IpAddr::V4(address) => Ok(ServeUrl::Derived(address)),
            IpAddr::V6(_) => Err(ConfigError::new(
                "--bind-address",
                bind,
                "machines boot over IPv4 and cannot reach it",
                "bind an IPv4 address, or say with --serve-url what machines reach metalman by",
            )),
        };
    }
    let candidates: Vec<&Interface> = match dhcp {
        DhcpMode::Interfaces(names) => host.interfaces.iter().filter(|i| names.contains(&i.name)).collect(),
        DhcpMode::Relay => host.interfaces.iter().filter(|i| i.up && !i.loopback).collect(),
    };
    let candidates: Vec<(&Interface, Ipv4Addr)> =
        candidates.into_iter().filter_map(|i| Some((i, *i.addresses.first()?))).collect();
    match candidates[..] {
        [(_, address)] => Ok(ServeUrl::Derived(address)),
        [] => Err(ConfigError::missing(
            "--serve-url",
            match dhcp {
                DhcpMode::Relay => "no network interface that is up has an IPv4 address to tell machines".to_owned(),
                DhcpMode::Interfaces(names) => {
                    format!("{} has no IPv4 address to tell machines", names.join(", "))
                }
            },
            "give the URL that machines reach metalman by, or bind one address with --bind-address",
        )),
        _ => candidates
            .iter()
            .find(|(i, _)| Some(&i.name) == host.default_route.as_ref())
            .map(|(_, address)| ServeUrl::Derived(*address))
            .ok_or_else(|| {
                let list: Vec<String> = candidates.iter().map(|(i, a)| format!("{a} ({})", i.name)).collect();
                ConfigError::missing(
                    "--serve-url",
                    format!("several addresses could be told to machines: {}", list.join(", ")),
                    "choose one with --serve-url, or bind one with --bind-address",
                )
            }),
    }
}

impl fmt::Display for ServeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit(url) => f.write_str(url),
            Self::Derived(address) => write!(f, "http://{address}"),
        }
    }
}
