//! A Node as it comes from the API server: only what is needed of it is read, as the rest is most of it (images, managed
//! fields) and comes again with every heartbeat.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::Node,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use metalman_core::{api::labels, lifecycle::NodeView};
use serde::{Deserialize, Deserializer};

/// Who is named in the annotation on a Node that metalman cordoned.
const METALMAN: &str = "metalman";

/// The Node.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NodeObject {
    #[serde(deserialize_with = "slim")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    unschedulable: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    conditions: Vec<Condition>,
    node_info: Info,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Info {
    #[serde(rename = "bootID")]
    boot_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
    last_heartbeat_time: Option<Timestamp>,
    last_transition_time: Option<Timestamp>,
}

/// The metadata that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Timestamp>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let read = Metadata::deserialize(deserializer)?;
    let one = |map: Option<BTreeMap<String, String>>, key: &str| {
        let value = map?.remove_entry(key)?;
        Some(BTreeMap::from([value]))
    };
    Ok(ObjectMeta {
        name: read.name,
        resource_version: read.resource_version,
        creation_timestamp: read.creation_timestamp.map(Time),
        labels: one(read.labels, labels::MACHINE),
        annotations: one(read.annotations, labels::CORDONED),
        ..ObjectMeta::default()
    })
}

impl Resource for NodeObject {
    type DynamicType = ();
    type Scope = <Node as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        Node::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        Node::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        Node::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        Node::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl NodeObject {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whose Node it says it is.
    pub(super) fn machine(&self) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(labels::MACHINE).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// What a decision needs of it.
    pub(super) fn into_view(self) -> NodeView {
        let ready = self.status.conditions.into_iter().find(|condition| condition.type_ == "Ready").unwrap_or_default();
        let ready_message = match (ready.reason.as_str(), ready.message.as_str()) {
            ("", message) => message.to_owned(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        };
        NodeView {
            created: self.metadata.creation_timestamp.as_ref().map(|time| time.0),
            cordoned_by_us: self
                .metadata
                .annotations
                .is_some_and(|annotations| annotations.values().any(|by| by == METALMAN)),
            name: self.metadata.name.unwrap_or_default(),
            ready: ready.status == "True",
            ready_message,
            heartbeat: ready.last_heartbeat_time,
            ready_since: ready.last_transition_time,
            unschedulable: self.spec.unschedulable,
            boot_id: self.status.node_info.boot_id,
        }
    }
}
