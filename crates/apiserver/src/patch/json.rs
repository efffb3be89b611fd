//! RFC 6902, with the limits that keep a small patch from growing a huge object.
//!
//! Operations run one at a time on a copy: `json-patch` undoes a failed patch by applying inverses, and a `move` to the
//! root has no inverse that it accepts.

use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

use crate::error::ApiError;

/// Most operations in one patch, as in kube-apiserver.
pub const MAX_OPERATIONS: usize = 10_000;
/// Most bytes that all `copy` operations of one patch may add: each could double the object otherwise.
pub const MAX_COPY_BYTES: usize = 3 * 1024 * 1024;
/// Deepest place that a value may reach. The JSON parser refuses 128 levels, lists and watch events wrap the object in a
/// few more, and an object that cannot be read back must not be stored.
const MAX_DEPTH: usize = 100;

/// RFC 6902. Malformed patch: 400; one that cannot be applied: 422 (as kube-apiserver answers), naming the operation.
pub fn json_patch(object: &mut Value, body: &[u8]) -> Result<(), ApiError> {
    let raw: Value = serde_json::from_slice(body)
        .map_err(|e| ApiError::bad_request(format!("error decoding patch: the body is not JSON: {e}")))?;
    let Value::Array(raw) = raw else {
        return Err(ApiError::bad_request("error decoding patch: a JSON patch is a list of operations"));
    };
    if raw.len() > MAX_OPERATIONS {
        return Err(ApiError::new(
            413,
            "RequestEntityTooLarge",
            format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", raw.len()),
        ));
    }
    let mut operations = Vec::with_capacity(raw.len());
    for (index, operation) in raw.into_iter().enumerate() {
        operations.push(serde_json::from_value::<PatchOperation>(operation).map_err(|e| {
            ApiError::bad_request(format!("error decoding patch: operation {index} is not a JSON patch operation: {e}"))
        })?);
    }
    let mut document = object.clone();
    let mut copied = 0;
    for (index, operation) in operations.into_iter().enumerate() {
        let (name, path) = (name(&operation), operation.path().to_string());
        step(&mut document, operation, &mut copied).map_err(|why| {
            ApiError::new(
                422,
                "Invalid",
                format!(
                    "the server rejected our request due to an error in our request: \
                     operation {index} ({name} \"{path}\"): {why}"
                ),
            )
        })?;
    }
    if !document.is_object() {
        return Err(ApiError::new(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request: the patched document is not an object",
        ));
    }
    *object = document;
    Ok(())
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

fn step(document: &mut Value, operation: PatchOperation, copied: &mut usize) -> Result<(), String> {
    let at = operation.path().tokens().count();
    match &operation {
        PatchOperation::Add(op) => deep(at, &op.value)?,
        PatchOperation::Replace(op) => deep(at, &op.value)?,
        PatchOperation::Move(op) => {
            if let Some(source) = document.pointer(op.from.as_str()) {
                deep(at, source)?;
            }
        }
        PatchOperation::Copy(op) => {
            if let Some(source) = document.pointer(op.from.as_str()) {
                deep(at, source)?;
                *copied += size(source, MAX_COPY_BYTES - *copied);
                if *copied >= MAX_COPY_BYTES {
                    return Err(format!(
                        "unable to complete the copy: all copies together exceed {MAX_COPY_BYTES} bytes"
                    ));
                }
            }
        }
        PatchOperation::Test(op) => {
            // Section 4.6: numbers are equal when their values are, however they are written.
            return match document.pointer(op.path.as_str()) {
                Some(found) if same(found, &op.value) => Ok(()),
                Some(_) => Err("the value did not match".into()),
                None => Err("there is no such path".into()),
            };
        }
        PatchOperation::Remove(_) => {}
    }
    json_patch::patch_unsafe(document, &[operation]).map_err(|e| match e.kind {
        PatchErrorKind::InvalidPointer => "there is no such path".to_owned(),
        PatchErrorKind::InvalidFromPointer => "there is nothing at \"from\"".to_owned(),
        kind => kind.to_string(),
    })
}

/// Refuses `value` at a place `at` levels below the root when it reaches too deep.
fn deep(at: usize, value: &Value) -> Result<(), String> {
    fn reaches(value: &Value, room: usize) -> bool {
        match value {
            Value::Array(l) => room == 0 || l.iter().any(|v| reaches(v, room - 1)),
            Value::Object(m) => room == 0 || m.values().any(|v| reaches(v, room - 1)),
            _ => false,
        }
    }
    if at > MAX_DEPTH || reaches(value, MAX_DEPTH - at) {
        return Err(format!("the value would nest deeper than {MAX_DEPTH} levels"));
    }
    Ok(())
}

/// About how many bytes `value` takes as JSON, counting no further than `limit`.
fn size(value: &Value, limit: usize) -> usize {
    let mut sum = 4;
    match value {
        Value::String(s) => sum += s.len(),
        Value::Number(_) => sum += 4,
        Value::Array(l) => {
            for v in l {
                if sum >= limit {
                    break;
                }
                sum += size(v, limit - sum);
            }
        }
        Value::Object(m) => {
            for (k, v) in m {
                if sum >= limit {
                    break;
                }
                sum += k.len() + size(v, limit - sum);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    sum.min(limit)
}

/// Equality of JSON values, numbers by value: `1` is `1.0`.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || (x.is_f64() != y.is_f64() && x.as_f64() == y.as_f64()),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}
