//! Patches as pure functions: RFC 6902 JSON patch, RFC 7386 merge patch, strategic merge patch.
//!
//! Invariants: a refused patch leaves the object exactly as it was, an accepted one leaves a JSON object, and no patch
//! nests an object deeper than the store can read back.

mod json;
mod order;
mod strategic;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(crate) use json::same;
pub use json::{MAX_COPY_BYTES, MAX_OPERATIONS, json_patch};
pub use strategic::strategic_merge_patch;

/// RFC 7386. A patch that is not an object replaces the whole document (section 2), so callers that need an object
/// must refuse such a patch first.
pub fn merge_patch(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(object) = object else { return };
    for (name, value) in patch {
        if value.is_null() {
            object.remove(name);
        } else if let Some(present) = object.get_mut(name) {
            merge_patch(present, value);
        } else {
            // Merged into nothing rather than copied: nulls inside of a new value mean "absent", too.
            let mut added = Value::Null;
            merge_patch(&mut added, value);
            object.insert(name.clone(), added);
        }
    }
}
