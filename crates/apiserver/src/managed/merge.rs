//! Merges an applied configuration into the live object, as the schema divides it: maps member by member, keyed lists and
//! sets item by item, everything else replaced.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::shape::{Items, Path, Shape, Step};
use crate::schema::SchemaRoot;

/// Refuses a configuration whose lists cannot be divided: items without identity, or with the same one. Otherwise who
/// owns which item would be undefined. The text names the place.
pub(super) fn check(schema: &SchemaRoot, config: &Value) -> Result<(), String> {
    check_value(Shape::of(schema), config, &mut Path::default()).map_err(|(place, why)| format!("{place}: {why}"))
}

fn check_value<'v>(shape: Shape<'_>, value: &'v Value, path: &mut Path<'v>) -> Result<(), (String, String)> {
    if path.is_deep() {
        return Ok(());
    }
    if let Some(map) = shape.granular_map(value) {
        for (name, value) in map {
            path.push(Step::Field(name));
            check_value(shape.member(name), value, path).map_err(|(p, why)| (format!(".{name}{p}"), why))?;
            path.pop();
        }
    } else if let Some(items) = shape.items_of(value) {
        let items = items.map_err(|(index, why)| (String::new(), format!("element {index}: {why}")))?;
        if let Some(twice) = items.duplicates().first() {
            let key = super::element::display(twice);
            return Err((String::new(), format!("duplicate entries for key {key}")));
        }
        for (item, element) in items.list.iter().zip(&items.elements) {
            path.push(Step::Item(element.clone()));
            check_value(shape.items(), item, path)
                .map_err(|(p, why)| (format!("{}{p}", super::element::display(element)), why))?;
            path.pop();
        }
    }
    Ok(())
}

/// The live object with the configuration in it.
pub(super) fn merge(schema: &SchemaRoot, live: &Value, config: &Value) -> Value {
    merge_value(Shape::of(schema), live, config, 0)
}

fn merge_value(shape: Shape<'_>, live: &Value, config: &Value, depth: usize) -> Value {
    // Same bound as `Path::is_deep`: below it, values are owned and replaced as a whole.
    if depth >= super::shape::MAX_DEPTH {
        return config.clone();
    }
    if let Some(live) = shape.granular_map(live) {
        match config {
            Value::Object(config) => return Value::Object(merge_members(shape, live, config, depth)),
            // Null takes any shape: an empty configuration of a map leaves its members alone.
            Value::Null if !live.is_empty() => return Value::Object(live.clone()),
            _ => return config.clone(),
        }
    }
    if let Some(live) = shape.granular_list(live) {
        if let Some(config) = shape.granular_list(config) {
            return Value::Array(merge_items(shape, &live, &config, depth));
        }
        if config.is_null() && !live.list.is_empty() {
            return Value::Array(live.list.to_vec());
        }
    }
    config.clone()
}

fn merge_members(
    shape: Shape<'_>,
    live: &Map<String, Value>,
    config: &Map<String, Value>,
    depth: usize,
) -> Map<String, Value> {
    let mut merged = live.clone();
    for (name, value) in config {
        let value = match live.get(name) {
            Some(present) => merge_value(shape.member(name), present, value, depth + 1),
            None => value.clone(),
        };
        merged.insert(name.clone(), value);
    }
    merged
}

/// The applied items in the applied order; items that only the live list has stay where they are among their live
/// neighbours.
fn merge_items(shape: Shape<'_>, live: &Items<'_>, config: &Items<'_>, depth: usize) -> Vec<Value> {
    let applied: HashSet<&str> = config.elements.iter().map(String::as_str).collect();
    let duplicates = live.duplicates();
    let mut present: HashMap<&str, &Value> = HashMap::new();
    for (item, element) in live.list.iter().zip(&live.elements) {
        // Of duplicates nobody can tell which one to merge with: the applied item replaces them all.
        if !duplicates.contains(element.as_str()) {
            present.insert(element, item);
        }
    }
    let in_live: HashSet<&str> = live.elements.iter().map(String::as_str).collect();
    let mut shared = config.elements.iter().map(String::as_str).filter(|e| in_live.contains(e));
    let mut next_shared = shared.next();

    let mut out = Vec::with_capacity(live.list.len().max(config.list.len()));
    let mut done: HashSet<&str> = HashSet::new();
    let (mut l, mut c) = (0, 0);
    while l < live.list.len() || c < config.list.len() {
        if let Some(element) = live.elements.get(l).map(String::as_str) {
            if !applied.contains(element) {
                out.push(live.list[l].clone());
                l += 1;
                continue;
            }
            // A shared item that is already out, or whose turn in the applied order has not come: it is placed by that.
            if done.contains(element) || (c < config.list.len() && next_shared != Some(element)) {
                l += 1;
                continue;
            }
        }
        let Some(element) = config.elements.get(c).map(String::as_str) else { break };
        let item = &config.list[c];
        out.push(match present.get(element) {
            Some(live) => merge_value(shape.items(), live, item, depth + 1),
            None => item.clone(),
        });
        done.insert(element);
        c += 1;
        if next_shared == Some(element) {
            next_shared = shared.next();
        }
    }
    out
}
