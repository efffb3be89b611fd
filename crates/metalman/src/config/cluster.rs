//! Which cluster, and what machines are told about it.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{
    BindConfig, ClusterOverrides, ClusterSource, ConfigError, HostFacts, ServeUrl,
    listen::parse_listen,
    serve_url::{check_url, host_of},
};
use crate::cli::{ClusterArgs, ServePxeArgs};

/// Port that Kubernetes API servers conventionally listen on.
const APISERVER_PORT: u16 = 6443;

/// Where the kubelet puts a pod's token; its absence means that this is no pod.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
pub(super) fn cluster_source(
    args: &ServePxeArgs,
    bind: &BindConfig,
    serve_url: &ServeUrl,
    overrides: &ClusterOverrides,
    host: &HostFacts<'_>,
) -> Result<ClusterSource, ConfigError> {
    if let Some(dir) = &args.standalone {
        if let Some(kubeconfig) = &args.kubeconfig {
            return Err(ConfigError::new(
                "--standalone",
                dir.display(),
                format!("excludes --kubeconfig {}", kubeconfig.display()),
                "run against a cluster or stand alone, not both",
            ));
        }
        let listen = match args.standalone_listen.as_deref() {
            Some(text) => parse_listen("--standalone-listen", text)?,
            None => SocketAddr::new(bind.address, APISERVER_PORT),
        };
        let mut names: Vec<String> = Vec::new();
        let told = overrides.apiserver_url.as_deref().and_then(host_of).map(str::to_owned);
        let every_address = host.interfaces.iter().filter(|i| i.up).flat_map(|i| &i.addresses).map(ToString::to_string);
        let serve_address = serve_url.address().map(|a| a.to_string());
        // Listening everywhere, a client may come by any address of this host.
        let own = if listen.ip().is_unspecified() { every_address.collect() } else { vec![listen.ip().to_string()] };
        for name in told.into_iter().chain(serve_address).chain(own) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let advertise_host = if listen.ip().is_unspecified() { serve_url.address() } else { None };
        return Ok(ClusterSource::Standalone { dir: dir.clone(), listen, names, advertise_host });
    }
    if let Some(listen) = &args.standalone_listen {
        return Err(ConfigError::new(
            "--standalone-listen",
            listen,
            "is about the embedded API server, which does not run",
            "add --standalone DIR, or take it away",
        ));
    }
    let args = ClusterArgs { kubeconfig: args.kubeconfig.clone(), context: None };
    find_cluster(&args, true, host)
}

/// The cluster of a one-shot command, found like kubectl finds it: the pod's ServiceAccount comes last.
pub fn cluster_of(args: &ClusterArgs, host: &HostFacts<'_>) -> Result<ClusterSource, ConfigError> {
    find_cluster(args, false, host)
}

/// The flag, else KUBECONFIG, else for a server the pod's ServiceAccount before the home's kubeconfig, for a person after.
fn find_cluster(args: &ClusterArgs, pod_first: bool, host: &HostFacts<'_>) -> Result<ClusterSource, ConfigError> {
    let kubeconfig = |files: Vec<PathBuf>| ClusterSource::Kubeconfig { files, context: args.context.clone() };
    if let Some(file) = &args.kubeconfig {
        (host.read)(file).map_err(|e| {
            ConfigError::new(
                "--kubeconfig",
                file.display(),
                format!("cannot be read: {e}"),
                "give a readable kubeconfig file",
            )
        })?;
        return Ok(kubeconfig(vec![file.clone()]));
    }
    if let Some(list) = host.env("KUBECONFIG") {
        // Like kubectl: a list, of which missing members are skipped.
        let files: Vec<PathBuf> =
            std::env::split_paths(list).filter(|p| !p.as_os_str().is_empty() && (host.read)(p).is_ok()).collect();
        if files.is_empty() {
            return Err(ConfigError::new(
                "--kubeconfig",
                list,
                "comes from KUBECONFIG and names no file that can be read",
                "correct KUBECONFIG, or give --kubeconfig",
            ));
        }
        return Ok(kubeconfig(files));
    }
    let in_pod = host.env("KUBERNETES_SERVICE_HOST").is_some() && (host.read)(Path::new(SERVICE_ACCOUNT_TOKEN)).is_ok();
    if in_pod && pod_first {
        return Ok(ClusterSource::InCluster);
    }
    let home = host.env("HOME").map(|home| Path::new(home).join(".kube/config"));
    if let Some(file) = home.filter(|file| (host.read)(file).is_ok()) {
        return Ok(kubeconfig(vec![file]));
    }
    if in_pod {
        return Ok(ClusterSource::InCluster);
    }
    Err(ConfigError::missing(
        "--kubeconfig",
        "no cluster: KUBECONFIG is not set, this is not a pod with a ServiceAccount, and there is no ~/.kube/config",
        "name a kubeconfig, or run without a cluster with --standalone DIR",
    ))
}

pub(super) fn resolve_overrides(args: &ServePxeArgs) -> Result<ClusterOverrides, ConfigError> {
    let apiserver_url = args
        .apiserver_url
        .as_deref()
        .map(|url| check_url("--apiserver-url", url, &["https", "http"], "https://192.0.2.1:6443"))
        .transpose()?;
    let kubernetes_version = args.kubernetes_version.as_deref().map(check_version).transpose()?;
    let cluster_dns = args.cluster_dns.as_deref().map(|text| {
        text.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified()).ok_or_else(|| {
            ConfigError::new(
                "--cluster-dns",
                text,
                "is not an address",
                "give the address of the kube-dns Service, such as 10.96.0.10",
            )
        })
    });
    Ok(ClusterOverrides { apiserver_url, kubernetes_version, cluster_dns: cluster_dns.transpose()? })
}

/// `1.34.2` or `v1.34.2`, with what a distribution may append (`v1.34.2+k3s1`, `v1.35.0-rc.1`).
fn check_version(text: &str) -> Result<String, ConfigError> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let core = bare.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let numeric = numbers.len() == 3 && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let suffix = bare[core.len()..].bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'));
    if numeric && suffix {
        Ok(format!("v{bare}"))
    } else {
        Err(ConfigError::new("--kubernetes-version", text, "is not a version", "give one such as v1.34.2"))
    }
}
