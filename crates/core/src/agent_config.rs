//! The configuration of the agent on the installed host: who it is, which cluster it joins, where it attests.
//!
//! Role: builds the document from a Machine and the facts about the cluster. Templates see it as `.AgentConfigJSON`.
//!
//! Invariants: the names are those that agents already read; nothing in it is secret (`Auth` stays empty: the credential
//! comes from attestation); the same input gives the same bytes.

use std::{collections::BTreeMap, net::IpAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::api::{
    Machine, labels,
    spec::{ComponentDownload, Downloads as DownloadsSpec},
};

/// What machines are told about the cluster and about metalman.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// URL of the API server.
    pub apiserver_url: String,
    /// Certificates of its CA, in PEM; none if they are not known.
    pub ca_pem: Option<String>,
    /// The version that Machines get when they name none; none if it is not known.
    pub kubernetes_version: Option<String>,
    /// The cluster's DNS.
    pub cluster_dns: IpAddr,
    /// What machines are told to boot from, without a slash at the end.
    pub serve_url: String,
    /// Labels that a provider (cloud) gives its nodes: they win over all others. Bare metal has none.
    pub provider_labels: BTreeMap<String, String>,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentConfig {
    machine_name: String,
    cluster: Cluster,
    kubelet: Kubelet,
    #[serde(rename = "CRI")]
    cri: Cri,
    #[serde(rename = "CNI")]
    cni: Empty,
    #[serde(rename = "OCIImage")]
    oci_image: String,
    attest: Attest,
    #[serde(skip_serializing_if = "Option::is_none")]
    downloads: Option<Downloads>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Empty {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cluster {
    ca_cert_base64: String,
    #[serde(rename = "ClusterDNS")]
    dns: String,
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kubelet {
    api_server: String,
    auth: Empty,
    labels: BTreeMap<String, String>,
    register_with_taints: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cri {
    containerd: Empty,
    runc: Empty,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Attest {
    /// The base of it: agents append `/attest` themselves.
    #[serde(rename = "URL")]
    url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Downloads {
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<Download>,
    #[serde(skip_serializing_if = "Option::is_none")]
    containerd: Option<Download>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runc: Option<Download>,
    #[serde(rename = "CNI", skip_serializing_if = "Option::is_none")]
    cni: Option<Download>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crictl: Option<Download>,
    /// The agent itself, where the Machine says where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Download>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Download {
    #[serde(rename = "BaseURL", skip_serializing_if = "String::is_empty")]
    base_url: String,
    #[serde(rename = "URL", skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(rename = "Version", skip_serializing_if = "String::is_empty")]
    version: String,
}

impl AgentConfig {
    /// The configuration of a Machine's agent.
    pub fn new(machine: &Machine, site: &Site) -> Self {
        let agent = machine.spec.agent.as_ref();
        let kubernetes = machine.spec.kubernetes.as_ref();
        Self {
            machine_name: machine.name().to_owned(),
            cluster: Cluster {
                ca_cert_base64: site.ca_pem.as_ref().map(|pem| STANDARD.encode(pem)).unwrap_or_default(),
                dns: site.cluster_dns.to_string(),
                version: kubernetes_version(machine, site),
            },
            kubelet: Kubelet {
                api_server: site.apiserver_url.clone(),
                auth: Empty {},
                labels: node_labels(machine, site),
                register_with_taints: kubernetes.map(|k| k.register_with_taints.clone()).unwrap_or_default(),
            },
            cri: Cri::default(),
            cni: Empty {},
            oci_image: agent.and_then(|agent| agent.image.clone()).unwrap_or_default(),
            attest: Attest { url: site.serve_url.clone() },
            downloads: downloads(machine),
        }
    }

    /// As `.AgentConfigJSON` gives it: indented by two spaces, each line after the first prefixed by four, since it stands
    /// inside a YAML block at that depth.
    pub fn to_template_json(&self) -> String {
        // Strings, lists and maps with string keys: serializing them does not fail.
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.replace('\n', "\n    ")
    }
}

/// The version to install: the Machine's own, else the cluster's, with its `v`; empty when neither is known.
pub fn kubernetes_version(machine: &Machine, site: &Site) -> String {
    let own = machine.spec.kubernetes.as_ref().and_then(crate::api::spec::KubernetesSpec::version);
    own.or_else(|| site.kubernetes_version.as_deref().map(|version| machine.kubernetes_version(version)))
        .unwrap_or_default()
}

/// Later entries win: the Machine's own cannot pass one Machine off as another.
fn node_labels(machine: &Machine, site: &Site) -> BTreeMap<String, String> {
    let mut all = machine.spec.kubernetes.as_ref().map(|k| k.node_labels.clone()).unwrap_or_default();
    all.insert(labels::MACHINE.to_owned(), machine.name().to_owned());
    all.extend(site.provider_labels.clone());
    all
}

fn downloads(machine: &Machine) -> Option<Downloads> {
    let agent = machine.spec.agent.as_ref()?;
    let of = |pick: fn(&DownloadsSpec) -> &Option<ComponentDownload>| {
        agent.downloads.as_ref().and_then(|downloads| pick(downloads).as_ref()).and_then(Download::of)
    };
    let own =
        ComponentDownload { base_url: agent.base_url.clone(), url: agent.url.clone(), version: agent.version.clone() };
    let all = Downloads {
        kubernetes: of(|d| &d.kubernetes),
        containerd: of(|d| &d.containerd),
        runc: of(|d| &d.runc),
        cni: of(|d| &d.cni),
        crictl: of(|d| &d.crictl),
        agent: Download::of(&own),
    };
    let some = [&all.kubernetes, &all.containerd, &all.runc, &all.cni, &all.crictl, &all.agent];
    some.iter().any(|download| download.is_some()).then_some(all)
}

impl Download {
    fn of(spec: &ComponentDownload) -> Option<Self> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let own = Self { base_url: text(&spec.base_url), url: text(&spec.url), version: text(&spec.version) };
        (!own.base_url.is_empty() || !own.url.is_empty() || !own.version.is_empty()).then_some(own)
    }
}

#[cfg(test)]
mod tests;
