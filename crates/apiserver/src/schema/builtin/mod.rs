//! The schemas of the built-in kinds: read once from the Kubernetes types of `k8s-openapi`, completed with the merge
//! semantics that those schemas leave out ([`merge`]), shared by everyone.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use k8s_openapi::{
    api::{
        apps::v1 as apps, authentication::v1 as authentication, authorization::v1 as authorization,
        certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core, events::v1 as events,
        policy::v1 as policy, rbac::v1 as rbac,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions,
    apimachinery::pkg::apis::meta::v1 as meta,
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use super::{
    Schema,
    read::{DEFINITIONS, read},
};

mod merge;

/// The definition of object metadata.
pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
/// The definition of list metadata.
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const API: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

/// Fields listed as required that a server nevertheless fills when they are absent: `roleRef.apiGroup` and
/// `subjects[].apiGroup` default to the RBAC group.
pub(super) const OPTIONAL: [&str; 2] = ["metadata", "apiGroup"];

/// All definitions.
pub(super) fn definitions() -> &'static Arc<BTreeMap<String, Arc<Schema>>> {
    static DEFINITIONS: OnceLock<Arc<BTreeMap<String, Arc<Schema>>>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Arc::new(build()))
}

fn build() -> BTreeMap<String, Arc<Schema>> {
    let mut generator = SchemaSettings::draft07()
        .with(|s| s.definitions_path = DEFINITIONS.trim_start_matches('#').into())
        .into_generator();
    let kinds = collect(&mut generator);
    // Without transforms: they would wrap a reference that has a description of its own in `allOf`.
    let json = generator.take_definitions(false);
    let mut nodes: BTreeMap<String, Schema> =
        json.iter().map(|(name, schema)| (name.clone(), complete(read(schema, true)))).collect();
    unions(&mut nodes);
    merge::annotate(&mut nodes);
    for kind in kinds {
        nodes.insert(format!("{kind}List"), list_of(&kind));
    }
    nodes.into_iter().map(|(name, node)| (name, Arc::new(node))).collect()
}

/// Feeds the generator with every type that is served, and names those that have lists.
fn collect(generator: &mut SchemaGenerator) -> Vec<String> {
    let mut listed = Vec::new();
    macro_rules! types {
        ($list:expr; $($type:ty),* $(,)?) => {$(
            generator.subschema_for::<$type>();
            if $list {
                listed.push(<$type as schemars::JsonSchema>::schema_name().into_owned());
            }
        )*};
    }
    types!(true;
        core::Namespace, core::ConfigMap, core::Secret, core::ServiceAccount, core::Node, core::Event, core::Service,
        core::Pod, core::Endpoints, core::PersistentVolume, core::PersistentVolumeClaim,
        events::Event, coordination::Lease, certificates::CertificateSigningRequest,
        rbac::Role, rbac::RoleBinding, rbac::ClusterRole, rbac::ClusterRoleBinding,
        apps::Deployment, apps::DaemonSet, apps::ReplicaSet, apps::StatefulSet,
        policy::PodDisruptionBudget, apiextensions::CustomResourceDefinition,
    );
    types!(false;
        authentication::TokenReview, authentication::TokenRequest, authentication::SelfSubjectReview,
        authorization::SubjectAccessReview, authorization::SelfSubjectAccessReview,
        authorization::SelfSubjectRulesReview, authorization::LocalSubjectAccessReview,
        policy::Eviction, meta::Status, meta::DeleteOptions, meta::ListMeta, meta::ObjectMeta, meta::LabelSelector,
        meta::APIGroup, meta::APIGroupList, meta::APIResourceList, meta::APIVersions, core::Binding,
    );
    listed
}

/// What the generator leaves out of every node.
fn complete(mut node: Schema) -> Schema {
    node.required.retain(|r| r != "metadata");
    let open = node.type_ == "object" && node.properties.is_empty() && node.additional_properties.is_none();
    node.preserve_unknown |= open;
    let below = |child: &mut Arc<Schema>| *child = Arc::new(complete((**child).clone()));
    node.properties.values_mut().for_each(below);
    node.items.iter_mut().for_each(below);
    node.additional_properties.iter_mut().for_each(below);
    node
}

/// The three unions of the CRD types. As nodes they have the properties and items of all of their members and no type:
/// pruning and field ownership then work for whichever form stands there.
fn unions(nodes: &mut BTreeMap<String, Schema>) {
    let reference = || Arc::new(read(&serde_json::json!({"$ref": format!("{DEFINITIONS}{API}JSONSchemaProps")}), true));
    let string = || Arc::new(Schema { type_: "string".into(), go_type: true, ..Schema::default() });
    let properties = nodes.get(&format!("{API}JSONSchemaProps")).map(|n| n.properties.clone()).unwrap_or_default();
    for (name, items) in [
        ("JSONSchemaPropsOrBool", None),
        ("JSONSchemaPropsOrArray", Some(reference())),
        ("JSONSchemaPropsOrStringArray", Some(string())),
    ] {
        if let Some(node) = nodes.get_mut(&format!("{API}{name}")) {
            node.keywords.remove("oneOf");
            node.properties.clone_from(&properties);
            node.items = items;
        }
    }
    if let Some(json) = nodes.get_mut(&format!("{API}JSON")) {
        json.type_.clear();
        json.preserve_unknown = true;
    }
}

fn list_of(definition: &str) -> Schema {
    let kind = definition.rsplit('.').next().unwrap_or_default();
    let list: Value = serde_json::json!({
        "description": format!("{kind}List is a list of {kind} objects."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": "APIVersion defines the versioned schema of this representation of an object."},
            "kind": {"type": "string", "description": "Kind is a string value representing the REST resource this object represents."},
            "metadata": {"$ref": format!("{DEFINITIONS}{LIST_META}"), "description": "Standard list metadata."},
            "items": {"type": "array", "items": {"$ref": format!("{DEFINITIONS}{definition}")}, "description": format!("The {kind} objects.")},
        },
    });
    read(&list, true)
}
