//! Takes fields out of an object.

use serde_json::{Map, Value};

use super::{
    element,
    field_set::{FieldSet, is_member},
    shape::Shape,
};
use crate::schema::SchemaRoot;

/// Removes every field of `set`, with all that lies below it.
pub(super) fn remove(schema: &SchemaRoot, object: &mut Value, set: &FieldSet) {
    prune(Shape::of(schema), object, set.as_map());
}

fn prune(shape: Shape<'_>, value: &mut Value, set: &Map<String, Value>) {
    if set.is_empty() {
        return;
    }
    if shape.granular_map(value).is_some() {
        let Value::Object(map) = value else { return };
        map.retain(|name, value| {
            let Some(below) = set.get(&element::field(name)).and_then(Value::as_object) else { return true };
            if is_member(below) {
                return false;
            }
            // What is emptied stays, empty: a container that somebody still owns is not in `set`.
            prune(shape.member(name), value, below);
            true
        });
    } else if let Some(items) = shape.granular_list(value) {
        let elements = items.elements;
        let Value::Array(list) = value else { return };
        let mut elements = elements.iter();
        list.retain_mut(|item| {
            let below = elements.next().and_then(|e| set.get(e)).and_then(Value::as_object);
            let Some(below) = below else { return true };
            if is_member(below) {
                return false;
            }
            prune(shape.items(), item, below);
            true
        });
    }
}
