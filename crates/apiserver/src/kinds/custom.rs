//! Custom resources: what a `CustomResourceDefinition` says, turned into served [`Resource`]s.
//!
//! Versions of one resource share their storage; conversion between them is the change of `apiVersion` (strategy `None`),
//! so all versions are views of the same objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Column, Resource, ScalePaths, Serves, Strategy, Subresource, WriteContext, builtin, cells,
    crd::names::{AcceptedNames, strings},
    duration,
    jsonpath::JsonPath,
    names,
};
use crate::{field::FieldError, object, schema::SchemaRoot};

/// Whether a condition of a status is `True`.
pub(crate) fn condition_true(object: &Value, type_: &str) -> bool {
    let found = cells::list(object, "status.conditions").iter().find(|c| c["type"] == type_);
    found.is_some_and(|c| c["status"] == "True")
}

/// Everything of a CRD that decides what is served.
pub(super) fn shape(crd: &Value) -> Value {
    json!([
        crd["spec"],
        crd.pointer("/status/acceptedNames"),
        condition_true(crd, "Established"),
        object::is_deleting(crd)
    ])
}

/// Sorts versions as Kubernetes does: GA before beta before alpha, newer before older, then the rest by text.
pub(super) fn version_rank(version: &str) -> (u8, std::cmp::Reverse<(u64, u64)>, String) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let major: u64 = rest[..digits].parse().ok()?;
        let (class, minor) = match &rest[digits..] {
            "" => (0, ""),
            r if r.starts_with("beta") => (1, &r[4..]),
            r if r.starts_with("alpha") => (2, &r[5..]),
            _ => return None,
        };
        let minor: u64 = if minor.is_empty() && class == 0 { 0 } else { minor.parse().ok()? };
        Some((class, major, minor))
    };
    match parse() {
        Some((class, major, minor)) => (class, std::cmp::Reverse((major, minor)), String::new()),
        None => (3, std::cmp::Reverse((0, 0)), version.to_owned()),
    }
}

/// The resources that an established CRD serves, one for each served version.
pub(super) fn resources(crd: &Value) -> Vec<Resource> {
    if !condition_true(crd, "Established") {
        return Vec::new();
    }
    let names = AcceptedNames::of(crd);
    let versions = cells::list(crd, "spec.versions");
    let storage_version = versions.iter().find(|v| v["storage"] == true).map_or("", |v| cells::text(v, "name"));
    let mut out = Vec::new();
    for (i, v) in versions.iter().enumerate().filter(|(_, v)| v["served"] == true) {
        let path = format!("spec.versions[{i}].schema.openAPIV3Schema");
        let schema = match SchemaRoot::from_crd(cells::at(v, "schema.openAPIV3Schema"), &path) {
            Ok(schema) => schema,
            Err(errors) => {
                // Its strategy refuses such a CRD; one from an older, laxer release must not take the others along.
                tracing::error!(crd = object::name(crd), error = %errors[0], "custom resource version is not served");
                continue;
            }
        };
        let version = cells::text(v, "name");
        out.push(Resource {
            group: names.group.clone(),
            version: version.to_owned(),
            kind: names.kind.clone(),
            list_kind: names.list_kind.clone(),
            plural: names.plural.clone(),
            singular: names.singular.clone(),
            short_names: names.short_names.clone(),
            categories: strings(cells::at(crd, "status.acceptedNames.categories")),
            namespaced: cells::text(crd, "spec.scope") == "Namespaced",
            storage: builtin::storage_name(&names.group, &names.plural).into(),
            serves: Serves::Stored,
            subresources: subresources(v),
            schema,
            definition: definition(&names.group, version, &names.kind),
            strategy: Arc::new(CustomStrategy::new(crd, v, storage_version)),
            custom: true,
            tracks_generation: true,
        });
    }
    out
}

/// `OpenAPI` definition name of a custom kind: the group reversed, `com.example.v1.Widget`.
fn definition(group: &str, version: &str, kind: &str) -> String {
    let reversed: Vec<&str> = group.rsplit('.').collect();
    format!("{}.{version}.{kind}", reversed.join("."))
}

fn subresources(version: &Value) -> Vec<Subresource> {
    let mut out = Vec::new();
    if cells::at(version, "subresources.status").is_object() {
        out.push(Subresource { name: "status".into(), kind: None, verbs: builtin::PART.to_vec() });
    }
    if cells::at(version, "subresources.scale").is_object() {
        let kind = Some(("autoscaling".into(), "v1".into(), "Scale".into()));
        out.push(Subresource { name: "scale".into(), kind, verbs: builtin::PART.to_vec() });
    }
    out
}

struct CustomStrategy {
    api_version: String,
    storage_api_version: String,
    columns: Vec<(Column, JsonPath)>,
    selectable: Vec<(String, JsonPath)>,
    scale: Option<ScalePaths>,
    terminating: bool,
    deprecation: Option<String>,
}

impl CustomStrategy {
    fn new(crd: &Value, version: &Value, storage_version: &str) -> Self {
        let group = cells::text(crd, "spec.group");
        let api_version = format!("{group}/{}", cells::text(version, "name"));
        let deprecation = (version["deprecated"] == true).then(|| match version["deprecationWarning"].as_str() {
            Some(text) => text.to_owned(),
            None => format!("{api_version} {} is deprecated", cells::text(crd, "spec.names.kind")),
        });
        let selectable = cells::list(version, "selectableFields").iter().filter_map(|f| {
            let path = cells::text(f, "jsonPath");
            Some((path.trim_start_matches('.').to_owned(), JsonPath::parse(path).ok()?))
        });
        let scale = cells::at(version, "subresources.scale");
        Self {
            columns: columns(version),
            selectable: selectable.collect(),
            scale: scale.is_object().then(|| ScalePaths {
                spec_replicas: cells::text(scale, "specReplicasPath").to_owned(),
                status_replicas: cells::text(scale, "statusReplicasPath").to_owned(),
                selector: scale["labelSelectorPath"].as_str().filter(|s| !s.is_empty()).map(str::to_owned),
            }),
            terminating: object::is_deleting(crd),
            storage_api_version: format!("{group}/{storage_version}"),
            api_version,
            deprecation,
        }
    }
}

fn columns(version: &Value) -> Vec<(Column, JsonPath)> {
    let given = cells::list(version, "additionalPrinterColumns").iter().filter_map(|c| {
        let column = Column {
            name: cells::text(c, "name").into(),
            type_: cells::text(c, "type").into(),
            format: cells::text(c, "format").into(),
            description: c["description"].as_str().filter(|d| !d.is_empty()).map_or_else(
                || format!("Custom resource definition column (in JSONPath format): {}", cells::text(c, "jsonPath")),
                str::to_owned,
            ),
            priority: i32::try_from(cells::int(c, "priority")).unwrap_or(0),
        };
        Some((column, JsonPath::parse(cells::text(c, "jsonPath")).ok()?))
    });
    let given: Vec<_> = given.collect();
    if !given.is_empty() {
        return given;
    }
    let age = Column { type_: "date".into(), ..cells::age_column() };
    JsonPath::parse(".metadata.creationTimestamp").map(|p| vec![(age, p)]).unwrap_or_default()
}

/// A value as a cell of the column's type; null, which prints as nothing, when it is absent or of another type.
fn cell(type_: &str, value: Option<&Value>, now: jiff::Timestamp) -> Value {
    let Some(value) = value else { return Value::Null };
    match (type_, value) {
        ("string", Value::Null) => Value::Null,
        ("string", v) => cells::scalar(v).unwrap_or_else(|| v.to_string()).into(),
        ("integer", Value::Number(n)) => n.as_i64().map_or_else(
            || {
                // A number written as 3.0 or beyond 64 bits: its whole part, as far as that can be shown.
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the cast saturates, which is what a cell can show"
                )]
                n.as_f64().map_or(Value::Null, |f| (f as i64).into())
            },
            Value::from,
        ),
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(s)) => duration::since_text(s, now).into(),
        _ => Value::Null,
    }
}

fn with_api_version(mut object: Value, api_version: &str) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".into(), api_version.into());
    }
    object
}

impl Strategy for CustomStrategy {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn validate(&self, ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        if self.terminating && old.is_none() && ctx.subresource.is_empty() {
            // Objects made now would be deleted at once, or keep the definition from ever going.
            let why = "create not allowed while custom resource definition is terminating";
            return vec![FieldError::forbidden("metadata", why)];
        }
        let Some(scale) = &self.scale else { return Vec::new() };
        [&scale.spec_replicas, &scale.status_replicas]
            .into_iter()
            .filter_map(|path| {
                let value = JsonPath::parse(path).ok()?.first(object)?.clone();
                let path = path.trim_start_matches('.');
                value
                    .as_i64()
                    .is_some_and(|n| n < 0)
                    .then(|| FieldError::invalid(path, value, "should be a non-negative integer"))
            })
            .collect()
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        let (_, p) = self.selectable.iter().find(|(name, _)| name == path)?;
        p.first(object).and_then(cells::scalar)
    }
    fn selectable_fields(&self) -> Vec<String> {
        self.selectable.iter().map(|(name, _)| name.clone()).collect()
    }
    fn to_storage(&self, object: Value) -> Value {
        if self.stored_as_served() { object } else { with_api_version(object, &self.storage_api_version) }
    }
    fn stored_as_served(&self) -> bool {
        self.api_version == self.storage_api_version
    }
    fn from_storage(&self, object: Value) -> Value {
        with_api_version(object, &self.api_version)
    }
    fn columns(&self) -> Vec<Column> {
        std::iter::once(cells::name_column()).chain(self.columns.iter().map(|(c, _)| c.clone())).collect()
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let own = self.columns.iter().map(|(c, path)| cell(&c.type_, path.first(object), now));
        std::iter::once(cells::name(object)).chain(own).collect()
    }
    fn scale_paths(&self) -> Option<ScalePaths> {
        self.scale.clone()
    }
    fn warnings(&self, _object: &Value, _old: Option<&Value>) -> Vec<String> {
        self.deprecation.iter().cloned().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
