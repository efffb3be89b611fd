//! The order of a merged list: the patch's items in the patch's order, the others in the order they had, interleaved so
//! that items which were before others on the server stay before them.

use std::collections::HashMap;

use serde_json::Value;

/// What identifies an item: the value of its merge key, or the scalar itself.
pub(super) fn identity<'a>(item: &'a Value, merge_key: Option<&str>) -> Option<&'a Value> {
    match merge_key {
        Some(key) => item.get(key),
        None => Some(item),
    }
}

/// The place of each identity in a list. The first of duplicates counts.
pub(super) fn places<'a>(list: &'a [Value], merge_key: Option<&str>) -> HashMap<&'a Value, usize> {
    let mut places = HashMap::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        if let Some(id) = identity(item, merge_key) {
            places.entry(id).or_insert(index);
        }
    }
    places
}

/// Orders `merged`: items that `wanted` names follow it, the rest follows `server`.
pub(super) fn arrange(merged: Vec<Value>, wanted: &[Value], server: &[Value], merge_key: Option<&str>) -> Vec<Value> {
    let (wanted, server) = (places(wanted, merge_key), places(server, merge_key));
    let place =
        |of: &HashMap<&Value, usize>, item: &Value| identity(item, merge_key).and_then(|id| of.get(id).copied());
    let (mut first, mut rest): (Vec<_>, Vec<_>) = merged.into_iter().partition(|item| place(&wanted, item).is_some());
    first.sort_by_key(|item| place(&wanted, item));
    rest.sort_by_key(|item| place(&server, item).unwrap_or(usize::MAX));

    let mut ordered = Vec::with_capacity(first.len() + rest.len());
    let mut rest = rest.into_iter().peekable();
    for item in first {
        if let Some(here) = place(&server, &item) {
            while let Some(other) = rest.next_if(|other| place(&server, other).is_some_and(|there| there < here)) {
                ordered.push(other);
            }
        }
        ordered.push(item);
    }
    ordered.extend(rest);
    ordered
}
