//! The checked configuration of `serve-pxe`: made once, from the flags and the facts of the host, before anything binds.
//!
//! Invariants: [`resolve`] is a function of its arguments (the host's interfaces, environment and files come in as
//! [`HostFacts`]); a [`Config`] never tells machines a wildcard address; every refusal names the flag, the value and what
//! to do instead.

mod cidr;
mod cluster;
mod duration;
mod host;
mod lifecycle;
mod listen;
mod names;
mod resolve;
mod serve_url;
mod size;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use metalman_core::{api::labels, selection::Selection};

pub use self::{
    cidr::{Cidr, CidrError},
    cluster::cluster_of,
    duration::{DurationError, format_go_duration, parse_go_duration},
    host::{HostFacts, Interface, read_host},
    listen::{ListenConfig, resolve_listen},
    names::{check_namespace, check_site},
    resolve::resolve,
    serve_url::ServeUrl,
    size::{SizeError, parse_size},
};

pub(crate) use self::resolve::registries;
use crate::{
    images::{CacheLimits, registry::Trust},
    lifecycle::LifecycleConfig,
};

/// Namespace that metalman lives in unless told otherwise.
pub const DEFAULT_NAMESPACE: &str = labels::DEFAULT_NAMESPACE;

/// Everything that `serve-pxe` was told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The site served; none: the Machines without a site label.
    pub site: Option<String>,
    /// The same as a selection of Machines.
    pub selection: Selection,
    /// Where the servers listen.
    pub bind: BindConfig,
    /// Who gets DHCP answers.
    pub dhcp: DhcpMode,
    /// What machines are told to boot from.
    pub serve_url: ServeUrl,
    /// Whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Where pulled images are kept.
    pub cache_dir: PathBuf,
    /// How much of them.
    pub cache_limits: CacheLimits,
    /// Which registries are believed.
    pub registries: Trust,
    /// Where `oci:` layouts may lie.
    pub layout_root: LayoutRoot,
    /// CA certificates for endorsement keys, as PEM; none: certificates are not required.
    pub ek_ca_bundle: Option<EkCaBundle>,
    /// Which cluster.
    pub cluster: ClusterSource,
    /// metalman's namespace.
    pub namespace: String,
    /// What to tell machines about the cluster, over or instead of what is discovered.
    pub overrides: ClusterOverrides,
    /// Leader election.
    pub election: ElectionConfig,
    /// Power, draining, and how patiently.
    pub lifecycle: LifecycleConfig,
}

/// Addresses and ports of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindConfig {
    /// The address; may be a wildcard.
    pub address: IpAddr,
    /// TCP, boot files.
    pub http_port: u16,
    /// TCP, health and metrics.
    pub health_port: u16,
    /// UDP.
    pub dhcp_port: u16,
    /// UDP.
    pub tftp_port: u16,
}

impl BindConfig {
    /// The HTTP boot server's address.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.http_port)
    }

    /// The TFTP server's address.
    pub fn tftp(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.tftp_port)
    }

    /// The health server's address.
    pub fn health(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.health_port)
    }
}

/// Who gets DHCP answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DhcpMode {
    /// Only what relays forward.
    Relay,
    /// Relays, and broadcasts on these interfaces.
    Interfaces(Vec<String>),
}

/// Where `oci:/path` images may lie on metalman's own disk: whoever can write a Machine must not make metalman read files
/// of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutRoot {
    /// Anywhere: the writer of Machines is the owner of this disk.
    Anywhere,
    /// Below this folder.
    Below(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// CA certificates for endorsement keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EkCaBundle {
    /// The file they came from.
    pub path: PathBuf,
    /// The certificates, DER.
    pub certificates: Vec<Vec<u8>>,
}

/// Which cluster metalman works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterSource {
    /// The embedded API server, in this process.
    Standalone {
        /// State, keys, kubeconfig.
        dir: PathBuf,
        /// Where it listens.
        listen: SocketAddr,
        /// Names for its certificate: whatever machines will call it by.
        names: Vec<String>,
        /// What clients are told; none: from the listening address.
        advertise_host: Option<Ipv4Addr>,
    },
    /// This kubeconfig file or files (KUBECONFIG may list several).
    Kubeconfig {
        /// The files, in order of precedence.
        files: Vec<PathBuf>,
        /// The context; none: the current one.
        context: Option<String>,
    },
    /// The pod's ServiceAccount.
    InCluster,
}

/// What machines are told about the cluster, from flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterOverrides {
    /// The API server's URL.
    pub apiserver_url: Option<String>,
    /// The Kubernetes version.
    pub kubernetes_version: Option<String>,
    /// The cluster's DNS.
    pub cluster_dns: Option<IpAddr>,
}

/// Leader election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionConfig {
    /// The Lease's name: one for each site.
    pub lease_name: String,
    /// The times.
    pub timings: ElectionTimings,
}

/// The times of leader election; [`resolve`] checks lease > renew > retry > 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionTimings {
    /// How long a silent leader keeps the lease, as others observe it.
    pub lease_duration: Duration,
    /// How long after its last renewal a leader steps down.
    pub renew_deadline: Duration,
    /// Between tries.
    pub retry_period: Duration,
}

/// A refusal of one flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag}{}: {problem}; {remedy}", .value.as_deref().map(|v| format!(" {v:?}")).unwrap_or_default())]
pub struct ConfigError {
    /// The flag, with its dashes.
    pub flag: &'static str,
    /// What it was given, if anything.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigError {
    /// A refusal of a value.
    #[expect(clippy::needless_pass_by_value, reason = "text, numbers and flags at some fifty call sites")]
    pub fn new(
        flag: &'static str,
        value: impl ToString,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { flag, value: Some(value.to_string()), problem: problem.into(), remedy: remedy.into() }
    }

    /// A refusal because something was not given.
    pub fn missing(flag: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { flag, value: None, problem: problem.into(), remedy: remedy.into() }
    }
}
