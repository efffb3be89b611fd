//! Strategic merge patch: a merge patch that knows from the schema which lists merge item by item, and by which key.
//!
//! Directives: `$patch` (`replace`, `delete`, `merge`), `$retainKeys`, `$deleteFromPrimitiveList/<field>`,
//! `$setElementOrder/<field>`. Fields that the schema does not know merge as RFC 7386 says. Error texts are those that
//! Kubernetes users know, but show names only, never values: a patch may carry secrets.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::order::{arrange, identity, places};
use crate::{
    error::ApiError,
    schema::{Schema, SchemaRoot},
};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

/// Kubernetes' strategic merge patch with its directives (`$patch`, `$deleteFromPrimitiveList/…`,
/// `$setElementOrder/…`, `$retainKeys`). Built-in kinds only: custom kinds answer 415.
///
/// A malformed directive is 400, a patch that does not fit the object 422.
pub fn strategic_merge_patch(schema: &SchemaRoot, object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let Value::Object(patch) = patch else { return Err(ApiError::bad_request("invalid JSON document")) };
    let mut work = match object {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    Merger { schema }.merge_map(&mut work, patch.clone(), Some(&schema.root))?;
    *object = Value::Object(work);
    Ok(())
}

struct Merger<'a> {
    schema: &'a SchemaRoot,
}

fn unprocessable(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(422, "Invalid", format!("the server rejected our request due to an error in our request: {why}"))
}

/// The names in a map, in place of the map itself.
fn names(map: &Map<String, Value>) -> String {
    format!("map[{}]", map.keys().map(String::as_str).collect::<Vec<_>>().join(" "))
}

fn no_merge_key(item: &Map<String, Value>, key: &str) -> ApiError {
    unprocessable(format!("map: {} does not contain declared merge key: {key}", names(item)))
}

fn unknown_directive(directive: &Value, map: &Map<String, Value>) -> ApiError {
    let directive = directive.as_str().unwrap_or("not a string");
    unprocessable(format!("unknown patch type: {directive} in map: {}", names(map)))
}

/// A value of the patch that stands in the object as it is: without directives, and without nulls in maps, which mean
/// "absent". `None` when it is itself only a directive.
fn settled(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => Some(Value::Object(settled_map(map))),
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(settled).collect())),
        scalar => Some(scalar),
    }
}

fn settled_map(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter()
        .filter(|(name, value)| !value.is_null() && !is_parallel(name) && name != RETAIN_KEYS)
        .filter_map(|(name, value)| settled(value).map(|value| (name, value)))
        .collect()
}

/// The field that a parallel directive (`<prefix>/<field>`) speaks of; `None` when it names none.
fn parallel<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    name.strip_prefix(prefix)?.strip_prefix('/').filter(|field| !field.is_empty())
}

fn is_parallel(name: &str) -> bool {
    name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER)
}

impl<'a> Merger<'a> {
    /// The schema of a member of a map: its property, or that of any value.
    fn member(&self, node: Option<&'a Schema>, name: &str) -> Option<&'a Schema> {
        let node = self.schema.resolve(node?);
        node.properties.get(name).or(node.additional_properties.as_ref()).map(AsRef::as_ref)
    }

    /// Merge key, whether the list merges at all, and the schema of its items. The strategy may stand beside a reference
    /// or at its target.
    fn list(&self, node: Option<&'a Schema>) -> (Option<&'a str>, bool, Option<&'a Schema>) {
        let Some(node) = node else { return (None, false, None) };
        let target = self.schema.resolve(node);
        let key = node.patch_merge_key.as_deref().or(target.patch_merge_key.as_deref());
        (key, node.patch_merge || target.patch_merge, target.items.as_deref())
    }

    fn merge_map(
        &self,
        object: &mut Map<String, Value>,
        mut patch: Map<String, Value>,
        node: Option<&'a Schema>,
    ) -> Result<(), ApiError> {
        if let Some(directive) = patch.remove(DIRECTIVE) {
            match directive.as_str() {
                Some("replace") => {
                    *object = settled_map(patch);
                    return Ok(());
                }
                Some("delete") => {
                    object.clear();
                    return Ok(());
                }
                // Documented as the default, spelled out.
                Some("merge") => {}
                _ => return Err(unknown_directive(&directive, &patch)),
            }
        }
        retain_keys(object, &mut patch)?;
        self.ordered_lists(object, &mut patch, node)?;
        for (name, value) in patch {
            if name.starts_with(DELETE_FROM) {
                delete_from(object, &name, &value)?;
                continue;
            }
            if value.is_null() {
                object.remove(&name);
                continue;
            }
            let member = self.member(node, &name);
            match (object.get_mut(&name), value) {
                (Some(Value::Object(present)), Value::Object(value)) => self.merge_map(present, value, member)?,
                (Some(Value::Array(present)), Value::Array(value)) => {
                    let live = std::mem::take(present);
                    *present = self.merge_list(live, value, member)?;
                }
                (_, value) => match settled(value) {
                    Some(value) => {
                        object.insert(name, value);
                    }
                    None => {
                        object.remove(&name);
                    }
                },
            }
        }
        Ok(())
    }

    /// Merges the lists whose order the patch gives, and takes them out of the patch.
    fn ordered_lists(
        &self,
        object: &mut Map<String, Value>,
        patch: &mut Map<String, Value>,
        node: Option<&'a Schema>,
    ) -> Result<(), ApiError> {
        let malformed = || ApiError::bad_request("invalid patch format of setElementOrder list");
        let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(SET_ORDER)).cloned().collect();
        for directive in directives {
            let field = parallel(&directive, SET_ORDER).ok_or_else(malformed)?;
            let Some(Value::Array(order)) = patch.remove(&directive) else { return Err(malformed()) };
            let change = match patch.remove(field) {
                Some(Value::Array(list)) => Some(list),
                None => None,
                // Not a list: nothing to order, the patch replaces or removes the field.
                Some(other) => {
                    patch.insert(field.to_owned(), other);
                    continue;
                }
            };
            let live = match object.remove(field) {
                Some(Value::Array(list)) => Some(list),
                None => None,
                Some(other) => {
                    object.insert(field.to_owned(), other);
                    return Err(unprocessable(format!("{field}: expected a list, but the object holds another type")));
                }
            };
            let member = self.member(node, field);
            let (key, _, _) = self.list(member);
            check_items(&order, key)?;
            if let Some(change) = &change {
                check_order(change, &order, key)?;
            }
            let server = live.clone().unwrap_or_default();
            let merged = match (live, change) {
                (None, None) => continue,
                (Some(live), None) => live,
                (None, Some(change)) => self.added(change, member)?,
                (Some(live), Some(change)) => self.merge_list(live, change, member)?,
            };
            object.insert(field.to_owned(), Value::Array(arrange(merged, &order, &server, key)));
        }
        Ok(())
    }

    /// A list that the object does not have yet.
    fn added(&self, change: Vec<Value>, member: Option<&'a Schema>) -> Result<Vec<Value>, ApiError> {
        let (key, merges, _) = self.list(member);
        if let (Some(key), true) = (key, merges) {
            check_items(&change, Some(key))?;
        }
        Ok(change.into_iter().filter_map(settled).collect())
    }

    fn merge_list(
        &self,
        live: Vec<Value>,
        change: Vec<Value>,
        member: Option<&'a Schema>,
    ) -> Result<Vec<Value>, ApiError> {
        let (key, merges, items) = self.list(member);
        if !merges {
            return Ok(change.into_iter().filter_map(settled).collect());
        }
        let mut all = live.iter().chain(&change);
        if all.any(Value::is_array) {
            return Err(unprocessable("lists of lists are not supported"));
        }
        let maps = live.iter().chain(&change).filter(|v| v.is_object()).count();
        if maps == 0 {
            return Ok(merge_scalars(&live, &change));
        }
        if maps != live.len() + change.len() {
            return Err(unprocessable("list element types are not identical"));
        }
        let Some(key) = key else {
            return Err(unprocessable("cannot merge lists without merge key"));
        };
        self.merge_items(live, change, key, items)
    }

    fn merge_items(
        &self,
        mut live: Vec<Value>,
        change: Vec<Value>,
        key: &str,
        items: Option<&'a Schema>,
    ) -> Result<Vec<Value>, ApiError> {
        let mut wanted = Vec::with_capacity(change.len());
        let (mut unwanted, mut replace) = (HashSet::new(), false);
        for item in change {
            let Value::Object(item) = item else { continue };
            match item.get(DIRECTIVE).map(|d| (d, d.as_str())) {
                None => {
                    if !item.contains_key(key) {
                        return Err(no_merge_key(&item, key));
                    }
                    wanted.push(Value::Object(item));
                }
                Some((_, Some("replace"))) => replace = true,
                Some((_, Some("delete"))) => {
                    unwanted.insert(item.get(key).ok_or_else(|| no_merge_key(&item, key))?.clone());
                }
                Some((_, Some("merge"))) => {
                    return Err(unprocessable("merging lists cannot yet be specified in the patch"));
                }
                Some((other, _)) => return Err(unknown_directive(other, &item)),
            }
        }
        if replace {
            return Ok(wanted.into_iter().filter_map(settled).collect());
        }
        live.retain(|item| item.get(key).is_none_or(|id| !unwanted.contains(id)));

        let server = live.clone();
        let mut merged = live;
        let mut place: std::collections::HashMap<Value, usize> =
            places(&merged, Some(key)).into_iter().map(|(id, at)| (id.clone(), at)).collect();
        let order = wanted.clone();
        for item in wanted {
            let Value::Object(item) = item else { continue };
            let Some(id) = item.get(key) else { continue };
            if let Some(&at) = place.get(id) {
                if let Value::Object(present) = &mut merged[at] {
                    self.merge_map(present, item, items)?;
                }
            } else {
                place.insert(id.clone(), merged.len());
                merged.push(Value::Object(settled_map(item)));
            }
        }
        Ok(arrange(merged, &order, &server, Some(key)))
    }
}

/// Takes the listed scalars out of the list that the directive names, where there is one.
fn delete_from(object: &mut Map<String, Value>, directive: &str, unwanted: &Value) -> Result<(), ApiError> {
    let (Some(field), Value::Array(unwanted)) = (parallel(directive, DELETE_FROM), unwanted) else {
        return Err(ApiError::bad_request("invalid patch format of primitive list"));
    };
    if let Some(Value::Array(list)) = object.get_mut(field) {
        let unwanted: HashSet<&Value> = unwanted.iter().collect();
        list.retain(|item| !unwanted.contains(item));
    }
    Ok(())
}

/// Keeps only what `$retainKeys` lists; the patch may not set anything else.
fn retain_keys(object: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), ApiError> {
    let Some(list) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let malformed = || ApiError::bad_request("invalid patch format of retainKeys");
    let Value::Array(list) = list else { return Err(malformed()) };
    let kept: HashSet<&str> = list.iter().filter_map(Value::as_str).collect();
    let stray =
        |(name, value): (&String, &Value)| !value.is_null() && !is_parallel(name) && !kept.contains(name.as_str());
    if patch.iter().any(stray) {
        return Err(malformed());
    }
    object.retain(|name, _| kept.contains(name.as_str()));
    Ok(())
}

fn merge_scalars(live: &[Value], change: &[Value]) -> Vec<Value> {
    let mut seen = HashSet::new();
    let merged = live.iter().chain(change).filter(|v| seen.insert(*v)).cloned().collect();
    arrange(merged, change, live, None)
}

fn check_items(list: &[Value], key: Option<&str>) -> Result<(), ApiError> {
    let Some(key) = key else { return Ok(()) };
    for item in list {
        match item {
            Value::Object(item) if item.contains_key(key) || item.contains_key(DIRECTIVE) => {}
            Value::Object(item) => return Err(no_merge_key(item, key)),
            _ => return Err(unprocessable(format!("expected a map with merge key {key}, but received another type"))),
        }
    }
    Ok(())
}

/// What the patch adds or changes must stand in the order list, in the same relative order.
fn check_order(change: &[Value], order: &[Value], key: Option<&str>) -> Result<(), ApiError> {
    check_items(change, key)?;
    if change.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut order = order.iter().map(|item| identity(item, key));
    let fits = change
        .iter()
        .filter(|item| item.get(DIRECTIVE).is_none())
        .all(|item| order.any(|wanted| wanted == identity(item, key)));
    if fits {
        Ok(())
    } else {
        Err(unprocessable("the order in the patch list doesn't match the $setElementOrder list"))
    }
}
