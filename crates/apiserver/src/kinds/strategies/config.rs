//! `ConfigMap` and Secret: keyed data, bounded, optionally immutable.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::kinds::{
    Column, Strategy, WriteContext, cells,
    check::{self, Check, IMMUTABLE},
    names,
};

/// 1 MiB, the most that a `ConfigMap` or Secret may hold.
const MAX_DATA: usize = 1024 * 1024;
const REDACTED: &str = "<secret contents redacted>";

fn map<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(field).and_then(Value::as_object).into_iter().flatten()
}

fn count(object: &Value, field: &str) -> usize {
    object.get(field).and_then(Value::as_object).map_or(0, Map::len)
}

/// `immutable: true` holds until the object is deleted.
fn frozen(check: &mut Check, object: &Value, old: &Value, fields: &[&str]) {
    if old["immutable"] != true {
        return;
    }
    let why = "field is immutable when `immutable` is set";
    if object.get("immutable") != Some(&Value::Bool(true)) {
        check.forbidden("immutable", why);
    }
    let empty = Value::Object(Map::new());
    for field in fields {
        if object.get(field).unwrap_or(&empty) != old.get(field).unwrap_or(&empty) {
            check.forbidden(*field, why);
        }
    }
}

pub(super) struct ConfigMap;

impl Strategy for ConfigMap {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<crate::field::FieldError> {
        let mut check = Check::default();
        let mut size = 0;
        for (key, value) in map(object, "data") {
            check.rule(format!("data[{key}]"), key, names::config_key);
            if object.get("binaryData").is_some_and(|b| b.get(key).is_some()) {
                check.invalid(format!("data[{key}]"), key.as_str(), "duplicate of key present in binaryData");
            }
            size += value.as_str().map_or(0, str::len);
        }
        for (key, value) in map(object, "binaryData") {
            check.rule(format!("binaryData[{key}]"), key, names::config_key);
            match STANDARD.decode(value.as_str().unwrap_or_default()) {
                Ok(bytes) => size += bytes.len(),
                Err(_) => check.invalid(format!("binaryData[{key}]"), key.as_str(), "must be base64"),
            }
        }
        if size > MAX_DATA {
            check.too_large("data", MAX_DATA);
        }
        if let Some(old) = old {
            frozen(&mut check, object, old, &["data", "binaryData"]);
        }
        check.errors
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[("Data", "integer", 0, "Number of keys."), cells::AGE])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let keys = count(object, "data") + count(object, "binaryData");
        vec![cells::name(object), keys.into(), cells::age(object, now)]
    }
}

pub(super) struct Secret;

impl Strategy for Secret {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn default(&self, object: &mut Value) {
        let Some(root) = object.as_object_mut() else { return };
        // Write-only convenience (API reference, Secret.stringData): it wins over data, and is never stored.
        if let Some(Value::Object(plain)) = root.remove("stringData") {
            let data = root.entry("data").or_insert_with(|| Value::Object(Map::new()));
            if let Some(data) = data.as_object_mut() {
                for (key, value) in plain {
                    data.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
                }
            }
        }
        check::default(object, "type", "Opaque");
    }
    fn prepare_update(&self, _ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        // An update that says nothing of the type keeps it.
        if cells::text(object, "type").is_empty() {
            check::keep(object, old, "type");
        }
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<crate::field::FieldError> {
        let mut check = Check::default();
        let mut size = 0;
        for (key, value) in map(object, "data") {
            check.rule(format!("data[{key}]"), key, names::config_key);
            match STANDARD.decode(value.as_str().unwrap_or_default()) {
                Ok(bytes) => size += bytes.len(),
                Err(_) => check.invalid(format!("data[{key}]"), REDACTED, "must be base64"),
            }
        }
        if size > MAX_DATA {
            check.too_large("data", MAX_DATA);
        }
        typed(&mut check, object);
        if let Some(old) = old {
            if object["type"] != old["type"] {
                check.invalid("type", object["type"].clone(), IMMUTABLE);
            }
            frozen(&mut check, object, old, &["data"]);
        }
        check.errors
    }
    fn selectable_fields(&self) -> Vec<String> {
        vec!["type".into()]
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        (path == "type").then(|| cells::text(object, "type").to_owned())
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Type", "string", 0, "What the data is for."),
            ("Data", "string", 0, "Number of keys."),
            cells::AGE,
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![
            cells::name(object),
            cells::text(object, "type").into(),
            count(object, "data").into(),
            cells::age(object, now),
        ]
    }
}

/// What the well-known types promise their readers.
fn typed(check: &mut Check, object: &Value) {
    let has = |key: &str| object.get("data").is_some_and(|d| d.get(key).is_some());
    let mut need = |keys: &[&str]| {
        for key in keys.iter().filter(|k| !has(k)) {
            check.required(format!("data[{key}]"), "");
        }
    };
    match cells::text(object, "type") {
        "kubernetes.io/tls" => need(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" => need(&["ssh-privatekey"]),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => need(&["username", "password"]),
        "kubernetes.io/dockerconfigjson" => docker_config(check, object, ".dockerconfigjson"),
        "kubernetes.io/dockercfg" => docker_config(check, object, ".dockercfg"),
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            let named = object.pointer("/metadata/annotations").and_then(|a| a.get(account)).and_then(Value::as_str);
            if named.is_none_or(str::is_empty) {
                check.required(format!("metadata.annotations[{account}]"), "");
            }
        }
        _ => {}
    }
}

fn docker_config(check: &mut Check, object: &Value, key: &str) {
    let path = format!("data[{key}]");
    let Some(text) = object.get("data").and_then(|d| d.get(key)).and_then(Value::as_str) else {
        check.required(path, "");
        return;
    };
    let parsed = STANDARD.decode(text).ok().map(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes));
    // The parser's message may quote the content: only the place is told.
    if let Some(Err(e)) = parsed {
        let why = format!("must be a JSON object: line {} column {}", e.line(), e.column());
        check.invalid(path, REDACTED, why);
    }
}
