//! Defaulting and null handling of custom resources ("Defaulting and Nullable" in the `CustomResourceDefinition`
//! documentation): `null` where it is not allowed gives way to the default, or disappears.

use serde_json::Value;

use super::{Schema, SchemaRoot};

/// Applies defaults below `schema` to `value`, in place. Idempotent.
pub(super) fn apply(root: &SchemaRoot, schema: &Schema, value: &mut Value) {
    let schema = root.resolve(schema);
    if schema.go_type {
        return;
    }
    match value {
        Value::Object(object) => {
            // Without a declared schema, what is inside is none of ours.
            object.retain(|name, value| {
                !(value.is_null()
                    && schema.property(name).is_some_and(|s| !s.nullable && s.default.is_none() && !accepts_null(s)))
            });
            for (name, property) in &schema.properties {
                let Some(default) = &property.default else { continue };
                let missing = object.get(name).is_none_or(|v| v.is_null() && !property.nullable);
                if missing {
                    object.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in object.iter_mut() {
                if let Some(property) = schema.property(name) {
                    fill(value, property);
                    apply(root, property, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(item) = &schema.items {
                for value in items {
                    fill(value, item);
                    apply(root, item, value);
                }
            }
        }
        _ => {}
    }
}

/// `null` that may not stand becomes the default, where there is one.
fn fill(value: &mut Value, schema: &Schema) {
    if value.is_null()
        && !schema.nullable
        && let Some(default) = &schema.default
    {
        *value = default.clone();
    }
}

/// A node that any JSON value satisfies: no type, unknown fields preserved.
fn accepts_null(schema: &Schema) -> bool {
    schema.preserve_unknown && schema.type_.is_empty()
}
