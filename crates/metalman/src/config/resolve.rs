//! From flags and facts to the checked [`Config`].

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use metalman_core::selection::Selection;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    BindConfig, Cidr, CidrError, Config, ConfigError, DEFAULT_NAMESPACE, DhcpMode, EkCaBundle, ElectionConfig,
    ElectionTimings, HostFacts, LayoutRoot, ServeUrl,
    cluster::{cluster_source, resolve_overrides},
    duration::{format_go_duration, parse_go_duration},
    lifecycle::lifecycle,
    names::{check_namespace, check_site},
    serve_url::{host_of, resolve_serve_url},
    size::parse_size,
};
use crate::{
    cli::ServePxeArgs,
    images::{CacheLimits, registry::Trust},
};

/// Checks everything. The first problem found is returned.
pub fn resolve(args: &ServePxeArgs, host: &HostFacts<'_>) -> Result<Config, ConfigError> {
    let site = args.site.as_deref().filter(|s| !s.is_empty()).map(check_site).transpose()?;
    let selection = Selection::new(site.as_deref()).map_err(|e| {
        ConfigError::new("--site", &e.site, e.to_string(), "give the value of the Machines' site label")
    })?;
    let bind = resolve_bind(args)?;
    let explicit_dhcp = explicit_dhcp(args, host)?;
    let serve_url = resolve_serve_url(args.serve_url.as_deref(), bind.address, &explicit_dhcp, host)?;
    let dhcp = auto_dhcp(args, explicit_dhcp, &bind, &serve_url, host)?;
    let overrides = resolve_overrides(args)?;
    Ok(Config {
        dhcp,
        trusted_proxies: args.trusted_proxies.iter().map(|text| check_proxy(text)).collect::<Result<_, _>>()?,
        cache_dir: cache_dir(args.cache_dir.as_deref(), host)?,
        cache_limits: cache_limits(args)?,
        registries: registries(args, host)?,
        layout_root: layout_root(args)?,
        ek_ca_bundle: args.ek_ca_bundle.as_deref().map(|path| read_ca_bundle(path, host)).transpose()?,
        cluster: cluster_source(args, &bind, &serve_url, &overrides, host)?,
        namespace: check_namespace(args.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE))?,
        election: ElectionConfig { lease_name: selection.lease_name(), timings: timings(args)? },
        lifecycle: lifecycle(args)?,
        site,
        selection,
        bind,
        serve_url,
        overrides,
    })
}

fn port(flag: &'static str, given: Option<&str>, default: u16) -> Result<u16, ConfigError> {
    given.map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            ConfigError::new(flag, text, "is not a port", format!("give a number up to 65535, such as {default}"))
        })
    })
}

fn resolve_bind(args: &ServePxeArgs) -> Result<BindConfig, ConfigError> {
    let address = match args.bind_address.as_deref() {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(text) => text.parse().map_err(|_| {
            ConfigError::new(
                "--bind-address",
                text,
                "is not an IP address",
                "give one of this host's, or 0.0.0.0 for all",
            )
        })?,
    };
    let bind = BindConfig {
        address,
        http_port: port("--http-port", args.http_port.as_deref(), 8880)?,
        health_port: port("--health-port", args.health_port.as_deref(), 8081)?,
        dhcp_port: port("--dhcp-port", args.dhcp_port.as_deref(), 67)?,
        tftp_port: port("--tftp-port", args.tftp_port.as_deref(), 69)?,
    };
    for (flag, port, other, other_port) in [
        ("--health-port", bind.health_port, "--http-port", bind.http_port),
        ("--tftp-port", bind.tftp_port, "--dhcp-port", bind.dhcp_port),
    ] {
        // Port 0 means "any free one", which differs by itself.
        if port == other_port && port != 0 {
            return Err(ConfigError::new(flag, port, format!("is also {other}"), "give each server a port of its own"));
        }
    }
    Ok(bind)
}

fn explicit_dhcp(args: &ServePxeArgs, host: &HostFacts<'_>) -> Result<DhcpMode, ConfigError> {
    let mut names: Vec<String> = Vec::new();
    for name in args.dhcp_interfaces.iter().filter(|n| !n.is_empty()) {
        let Some(interface) = host.interfaces.iter().find(|i| i.name == *name) else {
            let known: Vec<&str> = host.interfaces.iter().map(|i| i.name.as_str()).collect();
            return Err(ConfigError::new(
                "--dhcp-interface",
                name,
                "this host has no such interface",
                format!("choose among {}", if known.is_empty() { "none".into() } else { known.join(", ") }),
            ));
        };
        if interface.loopback {
            return Err(ConfigError::new(
                "--dhcp-interface",
                name,
                "is the loopback, where no machine can broadcast",
                "name the interface of the provisioning network",
            ));
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Ok(DhcpMode::Relay);
    }
    if args.dhcp_auto_interface == Some(true) {
        return Err(ConfigError::new(
            "--dhcp-auto-interface",
            true,
            format!("excludes --dhcp-interface, which names {}", names.join(", ")),
            "give one of them",
        ));
    }
    Ok(DhcpMode::Interfaces(names))
}

/// `--dhcp-auto-interface`: the interface that holds the address machines are told, or else the one that is bound.
fn auto_dhcp(
    args: &ServePxeArgs,
    explicit: DhcpMode,
    bind: &BindConfig,
    serve_url: &ServeUrl,
    host: &HostFacts<'_>,
) -> Result<DhcpMode, ConfigError> {
    if args.dhcp_auto_interface != Some(true) {
        return Ok(explicit);
    }
    let bound = (!bind.address.is_unspecified()).then_some(bind.address);
    let candidates = [serve_url.address().map(IpAddr::V4), bound];
    let found = candidates.into_iter().flatten().find_map(|address| host.interface_with(address));
    match found {
        Some(interface) if !interface.loopback => Ok(DhcpMode::Interfaces(vec![interface.name.clone()])),
        _ => Err(ConfigError::new(
            "--dhcp-auto-interface",
            true,
            format!(
                "no interface but the loopback holds the serve address {}",
                host_of(&serve_url.to_string()).unwrap_or("?")
            ),
            "name the interface with --dhcp-interface, or an address of this host with --bind-address",
        )),
    }
}

fn check_proxy(text: &str) -> Result<Cidr, ConfigError> {
    text.parse().map_err(|error: CidrError| {
        let remedy = match &error {
            CidrError::HostBits(network) => format!("did you mean {network}?"),
            _ => "give a network such as 192.0.2.0/24 or 2001:db8::/64".to_owned(),
        };
        ConfigError::new("--trusted-proxy", text, error.to_string(), remedy)
    })
}

fn cache_dir(given: Option<&Path>, host: &HostFacts<'_>) -> Result<PathBuf, ConfigError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    if host.root {
        return Ok(PathBuf::from("/var/cache/metalman"));
    }
    // XDG Base Directory: a relative XDG_CACHE_HOME is invalid and ignored.
    let xdg = host.env("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = xdg.or_else(|| host.env("HOME").map(|home| Path::new(home).join(".cache")));
    cache.map(|cache| cache.join("metalman")).ok_or_else(|| {
        ConfigError::missing(
            "--cache-dir",
            "not root, and neither XDG_CACHE_HOME nor HOME is set",
            "give a folder that metalman may write to",
        )
    })
}

fn layout_root(args: &ServePxeArgs) -> Result<LayoutRoot, ConfigError> {
    match args.layout_root.as_deref() {
        Some(dir) if dir.is_absolute() => Ok(LayoutRoot::Below(dir.to_owned())),
        Some(dir) => {
            Err(ConfigError::new("--layout-root", dir.display(), "is not absolute", "give a path that starts with /"))
        }
        None if args.standalone.is_some() => Ok(LayoutRoot::Anywhere),
        None => Ok(LayoutRoot::Nowhere),
    }
}

fn cache_limits(args: &ServePxeArgs) -> Result<CacheLimits, ConfigError> {
    const SIZE: &str = "--cache-max-size";
    const AGE: &str = "--cache-max-age";
    let default = CacheLimits::default();
    let max_bytes = args.cache_max_size.as_deref().map_or(Ok(default.max_bytes), |text| {
        parse_size(text).map_err(|e| ConfigError::new(SIZE, text, e.to_string(), "give a size such as 20GiB"))
    })?;
    let max_age = args.cache_max_age.as_deref().map_or(Ok(default.max_age), |text| {
        parse_go_duration(text).map_err(|e| ConfigError::new(AGE, text, e.to_string(), "give a duration such as 168h"))
    })?;
    Ok(CacheLimits { max_bytes, max_age })
}

/// Which registries are believed, by `--insecure-registry` and `--registry-ca-bundle`.
pub(crate) fn registries(args: &ServePxeArgs, host: &HostFacts<'_>) -> Result<Trust, ConfigError> {
    const CA: &str = "--registry-ca-bundle";
    let insecure = args.insecure_registries.iter().filter(|text| !text.is_empty()).map(|text| {
        let remedy = "give a registry as references name it, such as registry.example:5000";
        text.parse().map_err(|e| ConfigError::new("--insecure-registry", text, format!("{e}"), remedy))
    });
    let insecure = insecure.collect::<Result<_, _>>()?;
    let remedy = "give a readable PEM file with the CA certificates of the registries";
    let bundle =
        args.registry_ca_bundle.as_deref().map(|path| read_certificates(CA, path, remedy, host)).transpose()?;
    Ok(Trust { insecure, certificates: bundle.unwrap_or_default() })
}

fn read_ca_bundle(path: &Path, host: &HostFacts<'_>) -> Result<EkCaBundle, ConfigError> {
    let remedy = "give a readable PEM file with the CA certificates of the TPM makers";
    let certificates = read_certificates("--ek-ca-bundle", path, remedy, host)?;
    Ok(EkCaBundle { path: path.to_owned(), certificates })
}

fn read_certificates(
    flag: &'static str,
    path: &Path,
    remedy: &'static str,
    host: &HostFacts<'_>,
) -> Result<Vec<Vec<u8>>, ConfigError> {
    let refuse = |problem: String| ConfigError::new(flag, path.display(), problem, remedy);
    let pem = (host.read)(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .map(|c| c.map(|c| c.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|e| refuse(format!("is not valid PEM: {e}")))?;
    if certificates.is_empty() {
        // An empty bundle would refuse every machine, or worse, be taken for "no certificate required".
        return Err(refuse("holds no certificate".into()));
    }
    Ok(certificates)
}

fn timings(args: &ServePxeArgs) -> Result<ElectionTimings, ConfigError> {
    const LEASE: &str = "--leader-elect-lease-duration";
    const RENEW: &str = "--leader-elect-renew-deadline";
    const RETRY: &str = "--leader-elect-retry-period";
    let parse = |flag, given: &Option<String>, default: Duration| {
        given.as_deref().map_or(Ok(default), |text| {
            parse_go_duration(text)
                .map_err(|e| ConfigError::new(flag, text, e.to_string(), "give a duration such as 15s or 1m30s"))
        })
    };
    let timings = ElectionTimings {
        lease_duration: parse(LEASE, &args.leader_elect_lease_duration, Duration::from_secs(15))?,
        renew_deadline: parse(RENEW, &args.leader_elect_renew_deadline, Duration::from_secs(10))?,
        retry_period: parse(RETRY, &args.leader_elect_retry_period, Duration::from_secs(2))?,
    };
    let show = format_go_duration;
    let refuse = |flag, value, problem: String, remedy: &str| Err(ConfigError::new(flag, show(value), problem, remedy));
    if timings.retry_period.is_zero() {
        return refuse(RETRY, timings.retry_period, "would never wait".into(), "give a duration such as 2s");
    }
    if timings.lease_duration < Duration::from_secs(1) {
        // leaseDurationSeconds is a whole number of seconds, and zero is invalid.
        return refuse(LEASE, timings.lease_duration, "is under a second".into(), "give a duration such as 15s");
    }
    if timings.lease_duration.as_secs() > i32::MAX.unsigned_abs().into() {
        return refuse(
            LEASE,
            timings.lease_duration,
            "is more than a Lease can hold".into(),
            "give a duration such as 15s",
        );
    }
    if timings.lease_duration <= timings.renew_deadline {
        let problem = format!("must be longer than {RENEW} {}", show(timings.renew_deadline));
        let remedy = "a leader must step down before another may take over: lengthen the one or shorten the other";
        return refuse(LEASE, timings.lease_duration, problem, remedy);
    }
    if timings.renew_deadline <= timings.retry_period {
        let problem = format!("must be longer than {RETRY} {}", show(timings.retry_period));
        let remedy = "a leader must be able to try again before it steps down: lengthen the one or shorten the other";
        return refuse(RENEW, timings.renew_deadline, problem, remedy);
    }
    Ok(timings)
}
