//! The rules of the `x-kubernetes-` keywords: list and map types, unknown fields, embedded resources.

use serde_json::{Map, Value};

use super::{Check, flag, join};
use crate::field::{FieldError, FieldErrorKind};

impl Check {
    pub(super) fn list(&mut self, o: &Map<String, Value>, path: &str) {
        let at = join(path, "x-kubernetes-list-type");
        let keys_at = join(path, "x-kubernetes-list-map-keys");
        let keys: Vec<&str> = o
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let list_type = o.get("x-kubernetes-list-type").and_then(Value::as_str);
        if list_type.is_some() && o.get("type").is_none_or(|t| t != "array") {
            let type_ = o.get("type").cloned().unwrap_or_else(|| "".into());
            self.push(FieldError::invalid(
                join(path, "type"),
                type_,
                "must be array if x-kubernetes-list-type is specified",
            ));
            return;
        }
        if list_type != Some("map") && !keys.is_empty() {
            let value = list_type.map_or(Value::Null, Into::into);
            self.push(FieldError::invalid(at.clone(), value, "must be map if x-kubernetes-list-map-keys is non-empty"));
        }
        let empty = Map::new();
        let items = o.get("items").and_then(Value::as_object).unwrap_or(&empty);
        let item_type = items.get("type").and_then(Value::as_str).unwrap_or_default();
        match list_type {
            None | Some("atomic") => {}
            Some("set") => {
                let atomic = item_type == "array" && items.get("x-kubernetes-list-type").is_none_or(|t| t == "atomic")
                    || item_type == "object" && items.get("x-kubernetes-map-type").is_some_and(|t| t == "atomic")
                    || !matches!(item_type, "array" | "object");
                if !atomic {
                    let why =
                        "items must be atomic (scalars, atomic lists or atomic maps) if x-kubernetes-list-type is set";
                    self.push(FieldError::invalid(join(path, "items"), item_type.into(), why));
                }
                if flag(items, "nullable") {
                    let why = "cannot be nullable when x-kubernetes-list-type is set";
                    self.push(FieldError::forbidden(join(path, "items.nullable"), why));
                }
            }
            Some("map") => {
                if keys.is_empty() {
                    let why = "must not be empty if x-kubernetes-list-type is map";
                    self.push(FieldError::required(keys_at.clone(), why));
                }
                if item_type != "object" {
                    let why = "must be object if parent array's x-kubernetes-list-type is map";
                    self.push(FieldError::invalid(join(path, "items.type"), item_type.into(), why));
                }
                self.map_keys(items, &keys, path, &keys_at);
            }
            Some(other) => {
                self.push(FieldError::not_supported(at, other.into(), &["atomic", "map", "set"]));
            }
        }
    }

    fn map_keys(&mut self, items: &Map<String, Value>, keys: &[&str], path: &str, keys_at: &str) {
        let empty = Map::new();
        let properties = items.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> =
            items.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (index, key) in keys.iter().enumerate() {
            let at = format!("{path}.items.properties[{key}]");
            if keys[..index].contains(key) {
                let at = format!("{keys_at}[{index}]");
                self.push(FieldError::new(FieldErrorKind::Duplicate, at, (*key).into(), ""));
            }
            let Some(property) = properties.get(*key).and_then(Value::as_object) else {
                let why = "entries must all be names of item properties";
                self.push(FieldError::invalid(format!("{keys_at}[{index}]"), (*key).into(), why));
                continue;
            };
            let type_ = property.get("type").and_then(Value::as_str).unwrap_or_default();
            if matches!(type_, "object" | "array") {
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.push(FieldError::invalid(join(&at, "type"), type_.into(), why));
            }
            if !required.contains(key) && property.get("default").is_none_or(Value::is_null) {
                let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                           property";
                self.push(FieldError::required(join(&at, "default"), why));
            }
            if flag(property, "nullable") {
                let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.push(FieldError::forbidden(join(&at, "nullable"), why));
            }
        }
    }

    pub(super) fn extensions(&mut self, o: &Map<String, Value>, path: &str) {
        let type_ = o.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(map_type) = o.get("x-kubernetes-map-type") {
            let at = join(path, "x-kubernetes-map-type");
            match map_type.as_str() {
                Some("atomic" | "granular") if type_ != "object" => {
                    let why = "must be object if x-kubernetes-map-type is specified";
                    self.push(FieldError::invalid(join(path, "type"), type_.into(), why));
                }
                Some("atomic" | "granular") => {}
                _ => self.push(FieldError::not_supported(at, map_type.clone(), &["atomic", "granular"])),
            }
        }
        if o.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
            let at = join(path, "x-kubernetes-preserve-unknown-fields");
            self.push(FieldError::invalid(at, false.into(), "must be true or undefined"));
        }
        if flag(o, "x-kubernetes-embedded-resource") {
            if type_ != "object" {
                let why = "must be object if x-kubernetes-embedded-resource is true";
                self.push(FieldError::invalid(join(path, "type"), type_.into(), why));
            }
            if !flag(o, "x-kubernetes-preserve-unknown-fields")
                && o.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty)
            {
                let why = "must not be empty if x-kubernetes-embedded-resource is true without \
                           x-kubernetes-preserve-unknown-fields";
                self.push(FieldError::required(join(path, "properties"), why));
            }
        }
    }
}
