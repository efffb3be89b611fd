//! The `scale` subresource: `autoscaling/v1` Scale as a view of two numbers and a selector of another object.

use serde_json::{Value, json};

use super::{ScalePaths, jsonpath::JsonPath, selector};
use crate::{error::ApiError, field::FieldError, object};

fn number(object: &Value, path: &str) -> i64 {
    JsonPath::parse(path).ok().and_then(|p| p.first(object).and_then(Value::as_i64)).unwrap_or(0)
}

/// The selector as text: custom kinds keep a string, built-in ones a `LabelSelector`.
fn selector_text(object: &Value, path: &str) -> String {
    let Some(found) = JsonPath::parse(path).ok().and_then(|p| p.first(object).cloned()) else { return String::new() };
    if let Some(text) = found.as_str() {
        return text.to_owned();
    }
    selector::object_text(&found)
}

/// The Scale of an object.
pub fn scale_of(paths: &ScalePaths, object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if !object::meta_str(object, field).is_empty() {
            metadata[field] = object::meta_str(object, field).into();
        }
    }
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(object, &paths.spec_replicas)},
        "status": {"replicas": number(object, &paths.status_replicas)},
    });
    if let Some(path) = &paths.selector {
        scale["status"]["selector"] = selector_text(object, path).into();
    }
    scale
}

/// Sets on `object` the replicas that `scale` asks for. The caller checks the Scale's resourceVersion like any other
/// precondition.
pub fn apply_scale(paths: &ScalePaths, object: &mut Value, scale: &Value) -> Result<(), ApiError> {
    let wanted = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| 0.into());
    if wanted.as_i64().is_none_or(|n| !(0..=i64::from(i32::MAX)).contains(&n)) {
        let error = FieldError::invalid("spec.replicas", wanted, "must be greater than or equal to 0");
        return Err(ApiError::invalid("autoscaling", "Scale", object::name(object), &[error]));
    }
    let path = JsonPath::parse(&paths.spec_replicas).map_err(ApiError::internal)?;
    let fields = path.plain_fields().ok_or_else(|| ApiError::internal("the path of replicas is not simple"))?;
    let mut at = object;
    for field in fields {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[field];
    }
    *at = wanted;
    Ok(())
}

#[cfg(test)]
mod tests;
