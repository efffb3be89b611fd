//! The rules of `metadata` that hold for every kind (API conventions, "Metadata"): syntax, sizes, what the client may
//! set on create and change on update.
//!
//! Pure: identity and time arrive as arguments.

use serde_json::{Map, Value};

use crate::{
    field::{FieldError, FieldErrorKind},
    kinds::names,
    object,
};

/// All annotations of one object together, keys and values (`TotalAnnotationSizeLimitB`).
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// Fields of `ObjectMeta` and their JSON shape: a wrong one is a decoding error.
const STRINGS: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
];

/// Checks the JSON types of `metadata` and drops its nulls and empty collections. `Err` is a sentence for a 400 answer.
pub(crate) fn normalise(object: &mut Value) -> Result<(), String> {
    match object.get("metadata") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(_) => return Err("metadata must be an object".to_owned()),
    }
    let meta = object::metadata_mut(object);
    // `creationTimestamp: null` is what Go clients send for "not set".
    meta.retain(|_, v| !v.is_null());
    for field in STRINGS {
        if meta.get(*field).is_some_and(|v| !v.is_string()) {
            return Err(format!("metadata.{field} must be a string"));
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        if let Some(text) = meta.get(field).and_then(Value::as_str)
            && text.parse::<jiff::Timestamp>().is_err()
        {
            return Err(format!("metadata.{field} must be a time as in RFC 3339, not {text:?}"));
        }
    }
    for field in ["labels", "annotations"] {
        match meta.get(field) {
            None => {}
            Some(Value::Object(map)) => {
                if let Some((key, _)) = map.iter().find(|(_, v)| !v.is_string() && !v.is_null()) {
                    return Err(format!("metadata.{field}.{key} must be a string"));
                }
            }
            Some(_) => return Err(format!("metadata.{field} must be an object")),
        }
        if let Some(Value::Object(map)) = meta.get_mut(field) {
            // A null in a map of strings decodes to the empty string.
            map.values_mut().filter(|v| v.is_null()).for_each(|v| *v = "".into());
        }
    }
    for field in ["finalizers", "ownerReferences", "managedFields"] {
        let wants_strings = field == "finalizers";
        match meta.get(field) {
            None => {}
            Some(Value::Array(items)) => {
                let fits = |i: &Value| if wants_strings { i.is_string() } else { i.is_object() };
                let what = if wants_strings { "strings" } else { "objects" };
                items
                    .iter()
                    .all(fits)
                    .then_some(())
                    .ok_or_else(|| format!("metadata.{field} must be a list of {what}"))?;
            }
            Some(_) => return Err(format!("metadata.{field} must be a list")),
        }
    }
    check_references(meta)?;
    for field in ["generation", "deletionGracePeriodSeconds"] {
        if meta.get(field).is_some_and(|v| v.as_i64().is_none()) {
            return Err(format!("metadata.{field} must be an integer"));
        }
    }
    // An empty managedFields list resets ownership, so it must survive until ownership was tracked.
    let empty = |v: &Value| v.as_object().is_some_and(Map::is_empty) || v.as_array().is_some_and(Vec::is_empty);
    meta.retain(|k, v| k == "managedFields" || !empty(v));
    meta.remove("selfLink");
    Ok(())
}

fn check_references(meta: &Map<String, Value>) -> Result<(), String> {
    for (i, reference) in meta.get("ownerReferences").and_then(Value::as_array).into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if reference.get(field).is_some_and(|v| !v.is_string() && !v.is_null()) {
                return Err(format!("metadata.ownerReferences[{i}].{field} must be a string"));
            }
        }
        for field in ["controller", "blockOwnerDeletion"] {
            if reference.get(field).is_some_and(|v| !v.is_boolean() && !v.is_null()) {
                return Err(format!("metadata.ownerReferences[{i}].{field} must be a boolean"));
            }
        }
    }
    Ok(())
}

/// Validates metadata against the rules of every kind. `validate_name` is the kind's own rule for names.
pub(crate) fn validate(
    object: &Value,
    namespaced: bool,
    validate_name: &dyn Fn(&str) -> Option<String>,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = object::name(object);
    let generate = object::meta_str(object, "generateName");
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else if let Some(why) = validate_name(name) {
        errors.push(FieldError::invalid("metadata.name", name.into(), why));
    }
    if !generate.is_empty() {
        // A prefix may end in a dash: the suffix follows it.
        let probe = if generate.ends_with('-') { format!("{generate}a") } else { generate.to_owned() };
        if let Some(why) = validate_name(&probe) {
            errors.push(FieldError::invalid("metadata.generateName", generate.into(), why));
        }
    }
    if namespaced && object::namespace(object).is_empty() {
        errors.push(FieldError::required("metadata.namespace", ""));
    } else if !namespaced && !object::namespace(object).is_empty() {
        errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    labels(object, &mut errors);
    annotations(object, &mut errors);
    finalizers(object, &mut errors);
    owner_references(object, &mut errors);
    errors
}

fn strings<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = object.get("metadata").and_then(|m| m.get(field)).and_then(Value::as_object);
    map.into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or_default()))
}

fn labels(object: &Value, errors: &mut Vec<FieldError>) {
    for (key, value) in strings(object, "labels") {
        let why = names::qualified_name(key);
        errors.extend(why.into_iter().map(|w| FieldError::invalid("metadata.labels", key.into(), w)));
        let why = names::label_value(value);
        errors.extend(why.into_iter().map(|w| FieldError::invalid("metadata.labels", value.into(), w)));
    }
}

fn annotations(object: &Value, errors: &mut Vec<FieldError>) {
    let mut total = 0;
    for (key, value) in strings(object, "annotations") {
        // Annotation keys, unlike label keys, may use upper case in the prefix.
        let why = names::qualified_name(&key.to_lowercase());
        errors.extend(why.into_iter().map(|w| FieldError::invalid("metadata.annotations", key.into(), w)));
        total += key.len() + value.len();
    }
    if total > ANNOTATIONS_LIMIT {
        errors.push(FieldError::new(
            FieldErrorKind::TooLong,
            "metadata.annotations",
            Value::Null,
            format!("may not be more than {ANNOTATIONS_LIMIT} bytes"),
        ));
    }
}

fn finalizers(object: &Value, errors: &mut Vec<FieldError>) {
    let list = object::finalizers(object);
    for f in &list {
        let why = names::qualified_name(f);
        errors.extend(why.into_iter().map(|w| FieldError::invalid("metadata.finalizers", f.as_str().into(), w)));
    }
    let has = |name: &str| list.iter().any(|f| f == name);
    if has("orphan") && has("foregroundDeletion") {
        errors.push(FieldError::invalid(
            "metadata.finalizers",
            list.clone().into(),
            "finalizer orphan and foregroundDeletion cannot be both set",
        ));
    }
}

fn owner_references(object: &Value, errors: &mut Vec<FieldError>) {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let mut controller: Option<String> = None;
    for (i, r) in references.into_iter().flatten().enumerate() {
        let field = |name: &str| r.get(name).and_then(Value::as_str).unwrap_or_default();
        for name in ["apiVersion", "kind", "name", "uid"] {
            if field(name).is_empty() {
                let path = format!("metadata.ownerReferences[{i}].{name}");
                errors.push(if name == "apiVersion" {
                    FieldError::invalid(path, "".into(), "version must not be empty")
                } else {
                    FieldError::invalid(path, "".into(), format!("{name} must not be empty"))
                });
            }
        }
        if field("apiVersion") == "v1" && field("kind") == "Event" {
            let path = format!("metadata.ownerReferences[{i}]");
            errors.push(FieldError::invalid(path, r.clone(), "/v1, Kind=Event is disallowed from being an owner"));
        }
        if r.get("controller").and_then(Value::as_bool) == Some(true) {
            let this = format!("{}/{}", field("kind"), field("name"));
            if let Some(first) = &controller {
                errors.push(FieldError::invalid(
                    "metadata.ownerReferences",
                    Value::Array(Vec::new()),
                    format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    ),
                ));
            } else {
                controller = Some(this);
            }
        }
    }
}

/// Takes from `old` what an update without it means to keep, and reports what an update may not change.
pub(crate) fn carry_over(object: &mut Value, old: &Value) {
    let meta = object::metadata_mut(object);
    // When it was made is the server's to say: what the client sends counts for nothing.
    meta.remove("creationTimestamp");
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        if !meta.contains_key(field)
            && let Some(kept) = old.get("metadata").and_then(|m| m.get(field))
        {
            meta.insert(field.to_owned(), kept.clone());
        }
    }
    // The server alone counts generations.
    match old.get("metadata").and_then(|m| m.get("generation")) {
        Some(generation) => meta.insert("generation".to_owned(), generation.clone()),
        None => meta.remove("generation"),
    };
    if !meta.contains_key("managedFields")
        && let Some(kept) = old.get("metadata").and_then(|m| m.get("managedFields")).filter(|m| !m.is_null())
    {
        meta.insert("managedFields".to_owned(), kept.clone());
    }
}

/// What an update may not change.
pub(crate) fn validate_update(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let part = |o: &Value, field: &str| o.get("metadata").and_then(|m| m.get(field)).cloned().unwrap_or(Value::Null);
    for field in ["name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (new, old) = (part(object, field), part(old, field));
        if new != old && !same_instant(&new, &old) {
            errors.push(FieldError::invalid(format!("metadata.{field}"), new, "field is immutable"));
        }
    }
    if object::is_deleting(old) {
        let known = object::finalizers(old);
        let added: Vec<String> = object::finalizers(object).into_iter().filter(|f| !known.contains(f)).collect();
        if !added.is_empty() {
            errors.push(FieldError::forbidden(
                "metadata.finalizers",
                format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
                ),
            ));
        }
    }
    errors
}

/// Two spellings of one time are no change.
fn same_instant(a: &Value, b: &Value) -> bool {
    let parse = |v: &Value| v.as_str().and_then(|s| s.parse::<jiff::Timestamp>().ok());
    matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests;
