//! Facts about the cluster that machines are told, read from where every cluster publishes them.
//!
//! Role: parses what the shell fetched: the `cluster-info` ConfigMap of kube-public, `/version` and the `kube-dns` Service.
//!
//! Invariant: each error names the object and the key, and what to set instead; nothing is guessed.

use crate::api::spec::with_v;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use serde::Deserialize;
use std::net::IpAddr;
use thiserror::Error;

/// Where the ConfigMap with the cluster's address and CA is (kubeadm's convention, used by token discovery).
pub const CLUSTER_INFO: (&str, &str) = ("kube-public", "cluster-info");
/// Its key, holding a kubeconfig without users.
pub const CLUSTER_INFO_KEY: &str = "kubeconfig";
/// Where the Service of the cluster's DNS is; CoreDNS keeps the name of its predecessor.
pub const CLUSTER_DNS: (&str, &str) = ("kube-system", "kube-dns");

/// How to reach the API server from outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// URL of the API server.
    pub server: String,
    /// Certificates of its CA, in PEM.
    pub ca_pem: String,
}

/// A fact that could not be read.
#[derive(Debug, Error)]
pub enum FactError {
    /// The ConfigMap lacks the key.
    #[error("ConfigMap kube-public/cluster-info has no key kubeconfig; set --apiserver-url or METALMAN_APISERVER_URL")]
    NoKubeconfig,
    /// The kubeconfig is not one.
    #[error("key kubeconfig of ConfigMap kube-public/cluster-info is not a kubeconfig")]
    Kubeconfig(#[source] Box<serde_saphyr::Error>),
    /// Something in the kubeconfig is missing or malformed.
    #[error("key kubeconfig of ConfigMap kube-public/cluster-info: {problem}")]
    Cluster {
        /// What is wrong, naming the field.
        problem: &'static str,
    },
    /// The version is not one of Kubernetes.
    #[error("gitVersion {version:?} of the API server is not a Kubernetes version vX.Y.Z")]
    Version {
        /// As the server said it.
        version: String,
    },
    /// The DNS Service has no address of its own.
    #[error("Service kube-system/kube-dns has no clusterIP (it says {cluster_ip:?})")]
    Dns {
        /// As the Service says it.
        cluster_ip: String,
    },
}

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
}

#[derive(Deserialize)]
struct NamedCluster {
    #[serde(default)]
    cluster: Cluster,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: String,
}

/// Reads the `cluster-info` ConfigMap.
pub fn cluster_info(config_map: &ConfigMap) -> Result<ClusterInfo, FactError> {
    let kubeconfig =
        config_map.data.as_ref().and_then(|data| data.get(CLUSTER_INFO_KEY)).ok_or(FactError::NoKubeconfig)?;
    parse_kubeconfig(kubeconfig)
}

/// Reads the address and CA of the only cluster in a kubeconfig.
pub fn parse_kubeconfig(kubeconfig: &str) -> Result<ClusterInfo, FactError> {
    let problem = |problem| FactError::Cluster { problem };
    let parsed: Kubeconfig =
        serde_saphyr::from_str(kubeconfig).map_err(|error| FactError::Kubeconfig(Box::new(error)))?;
    let [NamedCluster { cluster }] = parsed.clusters.as_slice() else {
        return Err(problem(if parsed.clusters.is_empty() {
            "clusters is empty"
        } else {
            "clusters has several entries; one is expected"
        }));
    };
    let server = cluster.server.trim_end_matches('/');
    if !server.starts_with("https://") && !server.starts_with("http://") {
        return Err(problem("clusters[0].cluster.server is not an http(s) URL"));
    }
    // YAML folds long values over several lines; base64 readers want none of that.
    let encoded: String = cluster.certificate_authority_data.split_whitespace().collect();
    let pem = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(problem("clusters[0].cluster.certificate-authority-data is not base64 of PEM"))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(problem("clusters[0].cluster.certificate-authority-data holds no PEM certificate"));
    }
    Ok(ClusterInfo { server: server.to_owned(), ca_pem: pem })
}

/// The version of Kubernetes that nodes install by default, from the API server's `gitVersion`.
///
/// What a distribution appends (`+k3s1`, `-gke.1706000`, `-eks-5e0fdde`) names its own build, for which there is no release
/// to download, and is cut; Kubernetes' own pre-releases (`-alpha.N`, `-beta.N`, `-rc.N`) are kept.
pub fn kubernetes_version(git_version: &str) -> Result<String, FactError> {
    let error = || FactError::Version { version: git_version.chars().take(64).collect() };
    let version = git_version.strip_prefix('v').unwrap_or(git_version);
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (release, suffix) = version.split_once('-').map_or((version, None), |(release, rest)| (release, Some(rest)));
    let numbers: Vec<&str> = release.split('.').collect();
    let is_number = |text: &&str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() != 3 || !numbers.iter().all(is_number) {
        return Err(error());
    }
    Ok(match suffix {
        Some(suffix) if is_prerelease(suffix) => with_v(&format!("{release}-{suffix}")),
        _ => with_v(release),
    })
}

fn is_prerelease(suffix: &str) -> bool {
    suffix.split_once('.').is_some_and(|(word, number)| {
        ["alpha", "beta", "rc"].contains(&word)
            && !number.is_empty()
            && number.len() <= 9
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The address of the cluster's DNS.
pub fn cluster_dns(service: &Service) -> Result<IpAddr, FactError> {
    let cluster_ip = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()).unwrap_or_default();
    // A headless Service says "None".
    cluster_ip.parse().map_err(|_| FactError::Dns { cluster_ip: cluster_ip.chars().take(64).collect() })
}

#[cfg(test)]
mod tests;
