//! What machines are told about the cluster: the API server's URL and CA, the Kubernetes version, the cluster's DNS.
//!
//! Each fact comes from a flag, else from where every cluster publishes it, else from a fallback:
//!
//! | fact | published in | fallback |
//! |---|---|---|
//! | API server URL and CA | ConfigMap kube-public/cluster-info (watched) | what metalman's own client uses |
//! | Kubernetes version | `/version` | none: Machines must name one |
//! | cluster DNS | Service kube-system/kube-dns | 10.96.0.10, kubeadm's default |
//!
//! Invariants: a missing fact never keeps metalman from starting; where each fact comes from is in the log when it changes,
//! and in the metric `metalman_cluster_fact`.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::Api;
use metalman_core::cluster::{self, CLUSTER_DNS, CLUSTER_INFO, ClusterInfo};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    client::Connection,
    config::ClusterOverrides,
    explain::explain,
    health::Readiness,
    metrics::Metrics,
    watch::{Change, Follower, Selection},
};

/// kubeadm's default service subnet, and its tenth address.
const FALLBACK_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10));

/// How often the facts that cannot be watched are read again: when something is missing, and when all is well.
const AGAIN: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(5));

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The check in `/readyz`.
pub const CHECK: &str = "cluster-facts-looked-up";

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag or its variable.
    Flag,
    /// The cluster.
    Discovered,
    /// Documented, and perhaps wrong here.
    Fallback,
    /// Nowhere.
    Missing,
}

impl Source {
    const ALL: [&'static str; 4] = ["flag", "discovered", "fallback", "missing"];

    fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Discovered => "discovered",
            Self::Fallback => "fallback",
            Self::Missing => "missing",
        }
    }
}

/// A fact and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub source: Source,
}

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// URL of the API server.
    pub apiserver_url: Fact<String>,
    /// Certificates of its CA, PEM.
    pub ca_pem: Fact<Option<String>>,
    /// Version that Machines get when they name none.
    pub kubernetes_version: Fact<Option<String>>,
    /// The cluster's DNS.
    pub cluster_dns: Fact<IpAddr>,
}

/// What the cluster said so far.
#[derive(Debug, Clone, Default)]
struct Discovered {
    info: Option<ClusterInfo>,
    version: Option<String>,
    dns: Option<IpAddr>,
    looked: [bool; 2],
}

impl Discovered {
    fn facts(&self, overrides: &ClusterOverrides, connection: &Connection) -> ClusterFacts {
        let pick = |flag: Option<String>, found: Option<&String>, fallback: &str| match (flag, found) {
            (Some(value), _) => Fact { value, source: Source::Flag },
            (None, Some(value)) => Fact { value: value.clone(), source: Source::Discovered },
            (None, None) => Fact { value: fallback.to_owned(), source: Source::Fallback },
        };
        let info = self.info.as_ref();
        let version = overrides.kubernetes_version.clone();
        ClusterFacts {
            apiserver_url: pick(overrides.apiserver_url.clone(), info.map(|i| &i.server), &connection.url),
            ca_pem: match (info, &connection.ca_pem) {
                (Some(info), _) => Fact { value: Some(info.ca_pem.clone()), source: Source::Discovered },
                (None, Some(pem)) => Fact { value: Some(pem.clone()), source: Source::Fallback },
                (None, None) => Fact { value: None, source: Source::Missing },
            },
            kubernetes_version: match (version, &self.version) {
                (Some(version), _) => Fact { value: Some(version), source: Source::Flag },
                (None, Some(version)) => Fact { value: Some(version.clone()), source: Source::Discovered },
                (None, None) => Fact { value: None, source: Source::Missing },
            },
            cluster_dns: match (overrides.cluster_dns, self.dns) {
                (Some(value), _) => Fact { value, source: Source::Flag },
                (None, Some(value)) => Fact { value, source: Source::Discovered },
                (None, None) => Fact { value: FALLBACK_DNS, source: Source::Fallback },
            },
        }
    }
}

/// Keeps the facts up to date.
pub struct FactFinder {
    connection: Connection,
    overrides: ClusterOverrides,
    discovered: watch::Sender<Discovered>,
    facts: watch::Sender<ClusterFacts>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

impl FactFinder {
    /// A finder that knows the flags and fallbacks only.
    pub fn new(
        connection: Connection,
        overrides: ClusterOverrides,
        metrics: Arc<Metrics>,
        readiness: Readiness,
    ) -> Self {
        readiness.expect(CHECK);
        let facts = Discovered::default().facts(&overrides, &connection);
        Self {
            connection,
            overrides,
            discovered: watch::Sender::default(),
            facts: watch::Sender::new(facts),
            metrics,
            readiness,
        }
    }

    /// The facts as they are and become.
    pub fn subscribe(&self) -> watch::Receiver<ClusterFacts> {
        self.facts.subscribe()
    }

    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let client = self.connection.client.clone();
        let maps: Api<ConfigMap> = Api::namespaced(client, CLUSTER_INFO.0);
        let only = Selection { fields: format!("metadata.name={}", CLUSTER_INFO.1), ..Selection::default() };
        let follower = Follower::new(maps, only, "configmaps", self.metrics.clone());
        let learn = |change| {
            let map: Option<ConfigMap> = match change {
                Change::Replace(mut maps) => maps.pop(),
                Change::Apply(map) => Some(map),
                Change::Delete(_) => None,
            };
            let info = map.as_ref().map(cluster::cluster_info);
            if let Some(Err(error)) = &info {
                warn!(error = explain(error), "cluster-info is not usable");
            }
            self.learn(|d| {
                d.info = info.and_then(Result::ok);
                d.looked[0] = true;
            });
        };
        let failed = |_: &str| self.learn(|d| d.looked[0] = true);
        tokio::join!(follower.run(stop.clone(), learn, failed), self.poll(stop));
    }

    async fn poll(&self, stop: CancellationToken) {
        loop {
            let (version, dns) = tokio::join!(self.version(), self.dns());
            let complete = version.is_some() && dns.is_some();
            self.learn(|d| {
                // What is known stays known while the API server is away.
                d.version = version.or(d.version.take());
                d.dns = dns.or(d.dns);
                d.looked[1] = true;
            });
            let pause = if complete { AGAIN.1 } else { AGAIN.0 };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn version(&self) -> Option<String> {
        let answer = tokio::time::timeout(PATIENCE, self.connection.client.apiserver_version()).await.ok()?;
        match answer {
            Ok(info) => cluster::kubernetes_version(&info.git_version)
                .inspect_err(|error| warn!(%error, "the API server's version is not usable"))
                .ok(),
            Err(error) => {
                self.metrics.api_error("version", &error);
                warn!(error = explain(&error), "the API server's version cannot be read");
                None
            }
        }
    }

    async fn dns(&self) -> Option<IpAddr> {
        let services: Api<Service> = Api::namespaced(self.connection.client.clone(), CLUSTER_DNS.0);
        match tokio::time::timeout(PATIENCE, services.get_opt(CLUSTER_DNS.1)).await.ok()? {
            Ok(Some(service)) => cluster::cluster_dns(&service)
                .inspect_err(|error| warn!(%error, "the cluster's DNS is not usable"))
                .ok(),
            Ok(None) => None,
            Err(error) => {
                self.metrics.api_error("cluster_dns", &error);
                warn!(error = explain(&error), "the Service kube-system/kube-dns cannot be read");
                None
            }
        }
    }

    /// Takes in what was learned, and tells what became of it.
    fn learn(&self, change: impl FnOnce(&mut Discovered)) {
        self.discovered.send_modify(change);
        let discovered = self.discovered.borrow().clone();
        if discovered.looked != [true, true] {
            return;
        }
        let facts = discovered.facts(&self.overrides, &self.connection);
        let first = !self.readiness.passes(CHECK);
        let changed = self.facts.send_if_modified(|old| std::mem::replace(old, facts.clone()) != facts);
        if changed || first {
            self.tell(&facts);
        }
        self.readiness.pass(CHECK);
    }

    fn tell(&self, facts: &ClusterFacts) {
        let version = facts.kubernetes_version.value.as_deref();
        info!(
            apiserver_url = facts.apiserver_url.value,
            apiserver_url_source = facts.apiserver_url.source.as_str(),
            ca_source = facts.ca_pem.source.as_str(),
            kubernetes_version = version,
            kubernetes_version_source = facts.kubernetes_version.source.as_str(),
            cluster_dns = %facts.cluster_dns.value,
            cluster_dns_source = facts.cluster_dns.source.as_str(),
            "facts about the cluster that machines are told"
        );
        let sources = [
            ("apiserver_url", facts.apiserver_url.source, "ConfigMap kube-public/cluster-info", "--apiserver-url"),
            ("ca", facts.ca_pem.source, "ConfigMap kube-public/cluster-info", "a kubeconfig with the cluster's CA"),
            ("kubernetes_version", facts.kubernetes_version.source, "/version", "--kubernetes-version"),
            ("cluster_dns", facts.cluster_dns.source, "Service kube-system/kube-dns", "--cluster-dns"),
        ];
        for (fact, source, published, remedy) in sources {
            self.metrics.set_cluster_fact(fact, source.as_str(), &Source::ALL);
            if matches!(source, Source::Fallback | Source::Missing) {
                warn!(fact, source = source.as_str(), published, remedy, "a fact about the cluster is not published");
            }
        }
    }
}

#[cfg(test)]
mod tests;
