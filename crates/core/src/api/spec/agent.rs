//! What the agent on the host is told about itself and its downloads; carried into the agent config as it is.

use crate::api::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The agent that runs on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AgentSpec {
    /// OCI image that the agent runs. Default: the netboot image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub image: Option<String>,
    /// Version of the agent to download.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub version: Option<String>,
    /// Base URL that the agent's releases are found below.
    #[serde(rename = "baseURL", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub base_url: Option<String>,
    /// Exact URL of the agent; takes precedence over baseURL and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub url: Option<String>,
    /// Where the agent downloads the components of a node from. Default: each project's own release site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<Downloads>,
}

/// Sources of the components of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Downloads {
    /// kubelet, kubeadm and kubectl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<ComponentDownload>,
    /// containerd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containerd: Option<ComponentDownload>,
    /// runc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runc: Option<ComponentDownload>,
    /// CNI plugins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cni: Option<ComponentDownload>,
    /// crictl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crictl: Option<ComponentDownload>,
}

/// Source of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ComponentDownload {
    /// Base URL that the component's releases are found below.
    #[serde(rename = "baseURL", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub base_url: Option<String>,
    /// Exact URL of the component; takes precedence over baseURL and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub url: Option<String>,
    /// Version of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub version: Option<String>,
}
