//! Schemas as they are published, in the dialects of `OpenAPI` v2 and v3.
//!
//! Version 2 cannot say everything: `kubectl` validates against it, so that what it cannot say is left out rather than
//! approximated (combinators, nullability, properties beside unknown fields).

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    kinds::Resource,
    schema::{ListType, Schema, SchemaRoot},
};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// The version of the `OpenAPI` specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

impl Dialect {
    /// A reference to a named schema.
    pub(super) fn reference(self, name: &str) -> Value {
        match self {
            Self::V2 => json!({"$ref": format!("#/definitions/{name}")}),
            Self::V3 => json!({"$ref": format!("#/components/schemas/{name}")}),
        }
    }
}

/// The name of a definition of `meta/v1`.
pub(super) fn meta(name: &str) -> String {
    format!("{META}{name}")
}

/// The definition of a kind that a subresource takes (`TokenRequest`), where there is one.
pub(super) fn definition_of(group: &str, version: &str, kind: &str) -> Option<String> {
    let package = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or_default() };
    let name = format!("io.k8s.api.{package}.{version}.{kind}");
    SchemaRoot::builtin(&name).map(|_| name)
}

/// The definition of a resource's list.
pub(super) fn list_definition(resource: &Resource) -> String {
    let package = resource.definition.rsplit_once('.').map_or("", |(package, _)| package);
    format!("{package}.{}", resource.list_kind)
}

/// Collects the schemas that a document needs.
pub(super) struct Definitions {
    dialect: Dialect,
    schemas: BTreeMap<String, Value>,
    /// Referred to, but not published yet.
    pending: Vec<String>,
}

impl Definitions {
    pub(super) fn new(dialect: Dialect) -> Self {
        let pending = ["Status", "DeleteOptions", "ListMeta", "ObjectMeta"].map(meta).to_vec();
        let patch = json!({
            "description": "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.",
            "type": "object",
        });
        Self { dialect, schemas: BTreeMap::from([(meta("Patch"), patch)]), pending }
    }

    /// Publishes a resource, its list and what its subresources take.
    pub(super) fn add(&mut self, resource: &Resource) {
        let kind = json!([{"group": resource.group, "version": resource.version, "kind": resource.kind}]);
        let mut schema = published(&resource.schema.root, self.dialect);
        if resource.custom {
            self.custom(&mut schema);
        }
        schema["x-kubernetes-group-version-kind"] = kind;
        self.refer(&resource.schema.root);
        self.schemas.insert(resource.definition.clone(), schema);

        if resource.serves == crate::kinds::Serves::Stored {
            self.schemas.insert(list_definition(resource), self.list(resource));
        }
        for subresource in &resource.subresources {
            if let Some((group, version, kind)) = &subresource.kind
                && let Some(name) = definition_of(group, version, kind)
                && let Some(root) = SchemaRoot::builtin(&name)
            {
                let mut schema = published(&root.root, self.dialect);
                schema["x-kubernetes-group-version-kind"] = json!([{"group": group, "version": version, "kind": kind}]);
                self.refer(&root.root);
                self.schemas.insert(name, schema);
            }
        }
    }

    /// What every custom resource has besides its own schema.
    fn custom(&self, schema: &mut Value) {
        let described = |text: &str| json!({"type": "string", "description": text});
        let properties = &mut schema["properties"];
        if properties.is_null() {
            *properties = json!({});
        }
        properties["apiVersion"] = described(
            "APIVersion defines the versioned schema of this representation of an object. Servers should convert \
             recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
             https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
        );
        properties["kind"] = described(
            "Kind is a string value representing the REST resource this object represents. Servers may infer this from \
             the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
             https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
        );
        properties["metadata"] = described_reference(
            self.dialect,
            &meta("ObjectMeta"),
            Some(
                "Standard object's metadata. More info: \
                  https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
            ),
        );
    }

    fn list(&self, resource: &Resource) -> Value {
        let text = |t: &str| json!({"type": "string", "description": t});
        json!({
            "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": text("APIVersion defines the versioned schema of this representation of an object."),
                "kind": text("Kind is a string value representing the REST resource this object represents."),
                "metadata": described_reference(self.dialect, &meta("ListMeta"), Some("Standard list metadata.")),
                "items": {
                    "description": format!("List of {}.", resource.plural),
                    "type": "array",
                    "items": described_reference(self.dialect, &resource.definition, None),
                },
            },
            "x-kubernetes-group-version-kind":
                [{"group": resource.group, "version": resource.version, "kind": resource.list_kind}],
        })
    }

    /// Notes the references in a node.
    fn refer(&mut self, node: &Schema) {
        if let Some(reference) = &node.reference {
            self.pending.push(reference.clone());
        }
        for child in node.properties.values().chain(&node.items).chain(&node.additional_properties) {
            self.refer(child);
        }
    }

    /// All schemas, with everything they refer to. `resources` are those of the whole server: every group and version
    /// takes `DeleteOptions`.
    pub(super) fn finish(mut self, resources: &[Arc<Resource>]) -> Map<String, Value> {
        let builtin = SchemaRoot::builtin_definitions();
        while let Some(name) = self.pending.pop() {
            if self.schemas.contains_key(&name) {
                continue;
            }
            if let Some(node) = builtin.get(&name) {
                self.refer(&node.clone());
                self.schemas.insert(name, published(node, self.dialect));
            }
        }
        let mut versions: Vec<_> = resources.iter().map(|r| (r.group.as_str(), r.version.as_str())).collect();
        versions.push(("", "v1"));
        versions.sort_unstable();
        versions.dedup();
        if let Some(options) = self.schemas.get_mut(&meta("DeleteOptions")) {
            options["x-kubernetes-group-version-kind"] = versions
                .iter()
                .map(|(group, version)| json!({"group": group, "version": version, "kind": "DeleteOptions"}))
                .collect();
        }
        if let Some(status) = self.schemas.get_mut(&meta("Status")) {
            status["x-kubernetes-group-version-kind"] = json!([{"group": "", "version": "v1", "kind": "Status"}]);
        }
        if self.dialect == Dialect::V2 {
            self.quote_types();
        } else {
            self.unions();
        }
        self.schemas.into_iter().collect()
    }

    /// The two types that are numbers or strings, as version 2 names them.
    fn quote_types(&mut self) {
        for (name, format) in [
            ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", Some("int-or-string")),
            ("io.k8s.apimachinery.pkg.api.resource.Quantity", None),
        ] {
            if let Some(schema) = self.schemas.get_mut(name).and_then(Value::as_object_mut) {
                schema.remove("x-kubernetes-int-or-string");
                schema.insert("type".into(), "string".into());
                if let Some(format) = format {
                    schema.insert("format".into(), format.into());
                }
            }
        }
    }

    /// The same for version 3, which has `oneOf`.
    fn unions(&mut self) {
        for (name, format, other) in [
            ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", Some("int-or-string"), "integer"),
            ("io.k8s.apimachinery.pkg.api.resource.Quantity", None, "number"),
        ] {
            if let Some(schema) = self.schemas.get_mut(name).and_then(Value::as_object_mut) {
                schema.remove("x-kubernetes-int-or-string");
                schema.insert("oneOf".into(), json!([{"type": other}, {"type": "string"}]));
                if let Some(format) = format {
                    schema.insert("format".into(), format.into());
                }
            }
        }
    }
}

/// A reference that carries its own description. In version 3 nothing may stand beside `$ref`.
fn described_reference(dialect: Dialect, name: &str, description: Option<&str>) -> Value {
    let mut schema = match dialect {
        Dialect::V2 => dialect.reference(name),
        Dialect::V3 => json!({"allOf": [dialect.reference(name)]}),
    };
    if let Some(description) = description {
        schema["description"] = description.into();
    }
    schema
}

/// A node and everything below it.
pub(super) fn published(node: &Schema, dialect: Dialect) -> Value {
    if let Some(reference) = &node.reference {
        return described_reference(dialect, reference, node.keywords.get("description").and_then(Value::as_str));
    }
    let mut out = Map::new();
    for (key, value) in &node.keywords {
        if dialect == Dialect::V3 || v2_can_say(key) {
            out.insert(key.clone(), value.clone());
        }
    }
    // What kubectl would refuse although the server takes it.
    let downgraded = dialect == Dialect::V2 && !node.go_type;
    let open = downgraded && (node.nullable || node.preserve_unknown);
    let untyped = downgraded && node.nullable;
    if !node.type_.is_empty() && !untyped {
        out.insert("type".into(), node.type_.clone().into());
    }
    if !open {
        // A union of built-in types has properties for the server's own use.
        let union = node.go_type && node.type_.is_empty();
        if !node.properties.is_empty() && !union {
            let properties: Map<String, Value> =
                node.properties.iter().map(|(name, child)| (name.clone(), published(child, dialect))).collect();
            out.insert("properties".into(), properties.into());
        }
        if let Some(items) = node.items.as_ref().filter(|_| node.type_ == "array") {
            out.insert("items".into(), published(items, dialect));
        }
    } else if node.type_ == "array" {
        // An array must say what is in it.
        out.remove("type");
    }
    if let Some(values) = &node.additional_properties {
        out.insert("additionalProperties".into(), published(values, dialect));
    }
    if !node.required.is_empty() && !open {
        out.insert("required".into(), node.required.clone().into());
    }
    if node.nullable && dialect == Dialect::V3 {
        out.insert("nullable".into(), true.into());
    }
    if let Some(default) = node.default.as_ref().filter(|_| dialect == Dialect::V3 || node.go_type) {
        out.insert("default".into(), default.clone());
    }
    extensions(node, &mut out);
    Value::Object(out)
}

fn extensions(node: &Schema, out: &mut Map<String, Value>) {
    for (key, set) in [
        ("x-kubernetes-preserve-unknown-fields", node.preserve_unknown && !node.go_type),
        ("x-kubernetes-int-or-string", node.int_or_string),
        ("x-kubernetes-embedded-resource", node.embedded_resource),
    ] {
        if set {
            out.insert(key.into(), true.into());
        }
    }
    match node.list_type {
        ListType::Map => {
            out.insert("x-kubernetes-list-type".into(), "map".into());
            out.insert("x-kubernetes-list-map-keys".into(), node.list_map_keys.clone().into());
        }
        ListType::Set => {
            out.insert("x-kubernetes-list-type".into(), "set".into());
        }
        // Unmarked lists of built-in types are atomic; merged ones that apply replaces say nothing.
        ListType::Atomic if node.go_type && node.type_ == "array" && !node.patch_merge => {
            out.insert("x-kubernetes-list-type".into(), "atomic".into());
        }
        ListType::Atomic => {}
    }
    if node.map_atomic {
        out.insert("x-kubernetes-map-type".into(), "atomic".into());
    }
    let strategy = match (node.patch_merge, node.patch_retain_keys) {
        (true, true) => "merge,retainKeys",
        (true, false) => "merge",
        (false, true) => "retainKeys",
        (false, false) => "",
    };
    if !strategy.is_empty() {
        out.insert("x-kubernetes-patch-strategy".into(), strategy.into());
    }
    if let Some(key) = &node.patch_merge_key {
        out.insert("x-kubernetes-patch-merge-key".into(), key.clone().into());
    }
}

/// Keywords that `OpenAPI` v2, and the clients that validate with it, understand.
fn v2_can_say(keyword: &str) -> bool {
    !matches!(keyword, "allOf" | "anyOf" | "oneOf" | "not" | "nullable" | "example" | "externalDocs" | "$schema" | "id")
}
