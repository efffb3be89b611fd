//! The configuration of `metalman apiserver`, and listening addresses.

use std::{net::SocketAddr, path::PathBuf};

use super::{ConfigError, HostFacts, serve_url::check_url};
use crate::cli::ApiserverArgs;

/// Everything that `metalman apiserver` was told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenConfig {
    /// State, keys, kubeconfig.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Further names for the certificate.
    pub names: Vec<String>,
    /// What clients are told; none: from the listening address.
    pub advertise_url: Option<String>,
}

pub(super) fn parse_listen(flag: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::new(flag, text, "is not an address with a port", "give one such as 127.0.0.1:6443 or [::1]:6443")
    })
}

/// Checks the flags of `metalman apiserver`.
pub fn resolve_listen(args: &ApiserverArgs, host: &HostFacts<'_>) -> Result<ListenConfig, ConfigError> {
    let listen = parse_listen("--listen", &args.listen)?;
    let mut names: Vec<String> = args.names.iter().filter(|n| !n.is_empty()).cloned().collect();
    for name in &names {
        let name_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*');
        if name.parse::<std::net::IpAddr>().is_err() && !name.chars().all(name_like) {
            return Err(ConfigError::new(
                "--name",
                name,
                "is neither a DNS name nor an IP address",
                "give one of them",
            ));
        }
    }
    if listen.ip().is_unspecified() {
        names.extend(host.interfaces.iter().filter(|i| i.up).flat_map(|i| &i.addresses).map(ToString::to_string));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|n| seen.insert(n.clone()));
    let advertise_url = args
        .advertise_url
        .as_deref()
        .map(|url| check_url("--advertise-url", url, &["https"], "https://192.0.2.1:6443"))
        .transpose()?;
    Ok(ListenConfig { data_dir: args.data.clone(), listen, names, advertise_url })
}
