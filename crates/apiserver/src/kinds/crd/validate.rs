//! The rules for a `CustomResourceDefinition`, in the words of apiextensions-apiserver.

use serde_json::Value;

use crate::{
    field::{FieldError, FieldErrorKind},
    kinds::{
        cells,
        check::{Check, join},
        custom::condition_true,
        jsonpath::JsonPath,
        names as rules,
    },
    object,
    schema::SchemaRoot,
};

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 9] =
    ["byte", "date", "date-time", "double", "float", "int32", "int64", "password", "uuid"];
const APPROVAL: &str = "api-approved.kubernetes.io";

pub(super) fn validate(crd: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut check = Check::default();
    let (group, plural) = (cells::text(crd, "spec.group"), cells::text(crd, "spec.names.plural"));
    if object::name(crd) != format!("{plural}.{group}") {
        check.invalid("metadata.name", object::name(crd), "must be spec.names.plural+\".\"+spec.group");
    }
    if check.present(crd, "", "spec.group") {
        check.rule("spec.group", group, rules::dns1123_subdomain);
        if !group.contains('.') {
            check.invalid("spec.group", group, "should be a domain with at least one dot");
        }
    }
    if old.is_none()
        && protected(group)
        && crd.pointer("/metadata/annotations").is_none_or(|a| a.get(APPROVAL).is_none())
    {
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see \
                   https://github.com/kubernetes/enhancements/pull/1111";
        check.required(format!("metadata.annotations[{APPROVAL}]"), why);
    }
    let scope = cells::text(crd, "spec.scope");
    if !matches!(scope, "Cluster" | "Namespaced") {
        check.add(FieldError::not_supported("spec.scope", scope.into(), &["Cluster", "Namespaced"]));
    }
    if cells::at(crd, "spec.preserveUnknownFields") == &Value::Bool(true) {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                   spec.versions[*].schema instead";
        check.invalid("spec.preserveUnknownFields", true, why);
    }
    if cells::text(crd, "spec.conversion.strategy") != "None" {
        let detail = "supported values: \"None\": conversion webhooks are not called by this server";
        let value = cells::at(crd, "spec.conversion.strategy").clone();
        check.add(FieldError::new(FieldErrorKind::NotSupported, "spec.conversion.strategy", value, detail));
    }
    names(&mut check, crd);
    versions(&mut check, crd);
    stored_versions(&mut check, crd);
    if let Some(old) = old
        && condition_true(old, "Established")
    {
        for path in ["spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"] {
            check.immutable(crd, old, path);
        }
    }
    check.errors
}

/// Groups that belong to the Kubernetes project.
fn protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"].iter().any(|d| group == *d || group.ends_with(&format!(".{d}")))
}

fn names(check: &mut Check, crd: &Value) {
    let at = "spec.names";
    let names = cells::at(crd, at);
    for field in ["plural", "singular"] {
        if check.present(names, at, field) {
            check.rule(join(at, field), cells::text(names, field), rules::dns1035_label);
        }
    }
    for field in ["kind", "listKind"] {
        if check.present(names, at, field) {
            let text = cells::text(names, field);
            if let Some(why) = rules::dns1035_label(&text.to_lowercase()) {
                let why = format!("may have mixed case, but should otherwise match: {why}");
                check.invalid(join(at, field), text, why);
            }
        }
    }
    if cells::text(names, "kind") == cells::text(names, "listKind") && !cells::text(names, "kind").is_empty() {
        check.invalid(join(at, "listKind"), cells::text(names, "listKind"), "kind and listKind may not be the same");
    }
    for field in ["shortNames", "categories"] {
        for (i, n) in cells::list(names, field).iter().enumerate() {
            check.rule(format!("{at}.{field}[{i}]"), n.as_str().unwrap_or_default(), rules::dns1035_label);
        }
    }
}

fn versions(check: &mut Check, crd: &Value) {
    let versions = cells::list(crd, "spec.versions");
    let mut seen = Vec::new();
    for (i, v) in versions.iter().enumerate() {
        let at = format!("spec.versions[{i}]");
        let name = cells::text(v, "name");
        check.rule(join(&at, "name"), name, rules::dns1035_label);
        if seen.contains(&name) {
            check.invalid(
                "spec.versions",
                cells::at(crd, "spec.versions").clone(),
                "must contain unique version names",
            );
        }
        seen.push(name);
        if !v["deprecationWarning"].is_null() && v["deprecated"] != true {
            let why = "can only be set for deprecated versions";
            check.invalid(join(&at, "deprecationWarning"), v["deprecationWarning"].clone(), why);
        }
        schema(check, v, &at);
        for (j, c) in cells::list(v, "additionalPrinterColumns").iter().enumerate() {
            column(check, c, &format!("{at}.additionalPrinterColumns[{j}]"));
        }
        selectable_fields(check, v, &at);
        scale(check, cells::at(v, "subresources.scale"), &format!("{at}.subresources.scale"));
    }
    if versions.iter().filter(|v| v["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        check.invalid("spec.versions", cells::at(crd, "spec.versions").clone(), why);
    }
}

fn schema(check: &mut Check, version: &Value, at: &str) {
    let path = format!("{at}.schema.openAPIV3Schema");
    match cells::at(version, "schema.openAPIV3Schema") {
        Value::Null => check.required(path, "schemas are required"),
        schema => check.errors.extend(SchemaRoot::from_crd(schema, &path).err().unwrap_or_default()),
    }
}

/// A path that begins with a dot and that we can follow.
fn json_path(check: &mut Check, text: &str, at: &str) -> Option<JsonPath> {
    if text.is_empty() {
        check.required(at, "");
        return None;
    }
    if !text.starts_with('.') {
        check.invalid(at, text, "must be a simple json path starting with .");
        return None;
    }
    JsonPath::parse(text).map_err(|why| check.invalid(at, text, format!("is an invalid jsonpath: {why}"))).ok()
}

fn column(check: &mut Check, c: &Value, at: &str) {
    check.present(c, at, "name");
    if check.present(c, at, "type") && !COLUMN_TYPES.contains(&cells::text(c, "type")) {
        let why = format!("must be one of {}", COLUMN_TYPES.join(","));
        check.invalid(join(at, "type"), cells::text(c, "type"), why);
    }
    let format = cells::text(c, "format");
    if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
        check.invalid(join(at, "format"), format, format!("must be one of {}", COLUMN_FORMATS.join(",")));
    }
    json_path(check, cells::text(c, "jsonPath"), &join(at, "jsonPath"));
}

fn selectable_fields(check: &mut Check, version: &Value, at: &str) {
    let fields = cells::list(version, "selectableFields");
    if fields.len() > 8 {
        let detail = "must have at most 8 items";
        let path = join(at, "selectableFields");
        check.add(FieldError::new(FieldErrorKind::TooMany, path, fields.len().into(), detail));
    }
    let mut seen = Vec::new();
    for (i, f) in fields.iter().enumerate() {
        let text = cells::text(f, "jsonPath");
        let at = format!("{at}.selectableFields[{i}].jsonPath");
        let Some(path) = json_path(check, text, &at) else { continue };
        match path.plain_fields() {
            None => check.invalid(at, text, "is an invalid path: only plain fields can be selected"),
            Some(p) if p.first() == Some(&"metadata") => {
                check.invalid(at, text, "must not point to fields in metadata");
            }
            Some(p) => {
                let schema = p.iter().try_fold(cells::at(version, "schema.openAPIV3Schema"), |s, field| {
                    s.get("properties").and_then(|p| p.get(*field))
                });
                let type_ = schema.map(|s| cells::text(s, "type"));
                if !matches!(type_, Some("string" | "integer" | "boolean")) {
                    let why = "is an invalid path: must point to a string, integer or boolean of the schema";
                    check.invalid(at, text, why);
                } else if seen.contains(&text) {
                    check.duplicate(at, text);
                }
            }
        }
        seen.push(text);
    }
}

fn scale(check: &mut Check, scale: &Value, at: &str) {
    if scale.is_null() {
        return;
    }
    let roots: [(&str, bool, &[&str]); 3] = [
        ("specReplicasPath", true, &["spec"]),
        ("statusReplicasPath", true, &["status"]),
        ("labelSelectorPath", false, &["spec", "status"]),
    ];
    for (field, required, under) in roots {
        let text = cells::text(scale, field);
        let path = join(at, field);
        if text.is_empty() {
            if required {
                check.required(path, "");
            }
            continue;
        }
        let parsed = json_path(check, text, &path);
        let fields = parsed.as_ref().and_then(JsonPath::plain_fields);
        if parsed.is_some() && fields.is_none_or(|f| f.len() < 2 || !under.contains(&f[0])) {
            let roots: Vec<String> = under.iter().map(|r| format!(".{r}")).collect();
            check.invalid(path, text, format!("should be a json path under {}", roots.join(" or ")));
        }
    }
}

fn stored_versions(check: &mut Check, crd: &Value) {
    let declared: Vec<&str> = cells::list(crd, "spec.versions").iter().map(|v| cells::text(v, "name")).collect();
    for (i, v) in cells::list(crd, "status.storedVersions").iter().enumerate() {
        let name = v.as_str().unwrap_or_default();
        if !declared.contains(&name) {
            let why = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in \
                 spec.versions until a storage migration ensures no data remains persisted in {name} and removes \
                 {name} from status.storedVersions"
            );
            check.invalid(format!("status.storedVersions[{i}]"), name, why);
        }
    }
}
