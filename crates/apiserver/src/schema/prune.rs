//! Pruning: an object keeps what its schema knows ("Field pruning" in the `CustomResourceDefinition` documentation).

use std::fmt::Write as _;

use serde_json::Value;

use super::{Schema, SchemaRoot};

/// Prunes the whole object and returns the paths that went.
pub(super) fn prune(root: &SchemaRoot, object: &mut Value) -> Vec<String> {
    let mut walk = Walk { root, path: String::new(), removed: Vec::new() };
    walk.node(&root.root, object, true);
    walk.removed
}

/// Prunes a value that is not a resource (a default).
pub(super) fn value(root: &SchemaRoot, value: &mut Value) -> Vec<String> {
    let mut walk = Walk { root, path: String::new(), removed: Vec::new() };
    walk.node(&root.root, value, false);
    walk.removed
}

struct Walk<'r> {
    root: &'r SchemaRoot,
    path: String,
    removed: Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, schema: &Schema, value: &mut Value, resource: bool) {
        let schema = self.root.resolve(schema);
        match value {
            Value::Object(object) => {
                let resource = resource || schema.embedded_resource;
                let keep_unknown = schema.preserve_unknown;
                let mut unknown = Vec::new();
                let mut nulls = Vec::new();
                for (name, value) in object.iter_mut() {
                    let length = self.path.len();
                    if !self.path.is_empty() {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    match schema.property(name) {
                        Some(_) if schema.go_type && value.is_null() => nulls.push(name.clone()),
                        Some(property) => self.node(property, value, false),
                        None if resource && matches!(name.as_str(), "apiVersion" | "kind") => {}
                        None if resource && name == "metadata" => {
                            if let Some(meta) = self.root.definitions.get(super::builtin::OBJECT_META).cloned() {
                                self.node(&meta, value, false);
                            }
                        }
                        None if keep_unknown => {}
                        None => {
                            self.removed.push(self.path.clone());
                            unknown.push(name.clone());
                        }
                    }
                    self.path.truncate(length);
                }
                for name in unknown.iter().chain(&nulls) {
                    object.remove(name);
                }
            }
            Value::Array(items) => {
                // Items without a schema are either all kept (preserved) or, being of no declared shape, left to
                // validation: a list of a structural schema always declares its items.
                if let Some(item) = &schema.items {
                    for (index, value) in items.iter_mut().enumerate() {
                        let length = self.path.len();
                        let _ = write!(self.path, "[{index}]");
                        self.node(item, value, false);
                        self.path.truncate(length);
                    }
                }
            }
            _ => {}
        }
    }
}
