//! Entries written under an older schema: who owned parts of a list or map that is atomic now owns it as a whole.
//! Otherwise nobody would conflict with an apply that replaces it.
//!
//! The other direction needs nothing: an entry that owns the whole keeps doing so beside its new parts.

use serde_json::{Map, Value};

use super::{
    field_set::{FieldSet, children, has_children, is_member},
    shape::Shape,
};
use crate::schema::SchemaRoot;

/// Brings `set` in line with what the schema divides today.
pub(super) fn reconcile(schema: &SchemaRoot, set: &mut FieldSet) {
    let shape = Shape::of(schema);
    if is_stale(shape, set.as_map()) {
        *set = FieldSet::trusted(Value::Object(rebuilt(shape, set.as_map())));
    }
}

fn below<'a>(shape: Shape<'a>, element: &str) -> Shape<'a> {
    match element.strip_prefix("f:") {
        Some(name) => shape.member(name),
        None => shape.items(),
    }
}

fn is_stale(shape: Shape<'_>, node: &Map<String, Value>) -> bool {
    children(node).any(|(element, parts)| {
        let shape = below(shape, element);
        (shape.is_atomic() && has_children(parts)) || is_stale(shape, parts)
    })
}

fn rebuilt(shape: Shape<'_>, node: &Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (element, parts) in children(node) {
        let shape = below(shape, element);
        let mut whole = Map::new();
        if !shape.is_atomic() {
            whole = rebuilt(shape, parts);
            if is_member(parts) && !whole.is_empty() {
                whole.insert(".".into(), Value::Object(Map::new()));
            }
        }
        out.insert(element.clone(), Value::Object(whole));
    }
    out
}
