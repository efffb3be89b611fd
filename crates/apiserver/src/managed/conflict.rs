//! The refusal of an apply that would change what others own.

use serde_json::json;

use super::{
    entries::{Entry, Operation},
    field_set::{FieldSet, display},
};
use crate::error::ApiError;

/// Fields that one manager owns and the apply would change.
pub(super) struct Conflict<'a> {
    pub(super) entry: &'a Entry,
    pub(super) fields: FieldSet,
}

/// `"name" with subresource "status" using apps/v1`; appliers own without a version.
fn named(entry: &Entry) -> String {
    let subresource = match entry.subresource.as_str() {
        "" => String::new(),
        name => format!(" with subresource {name:?}"),
    };
    let version = match entry.operation {
        Operation::Apply => String::new(),
        Operation::Update => format!(" using {}", entry.api_version),
    };
    format!("{:?}{subresource}{version}", entry.manager)
}

/// 409 with a cause for each field and manager.
pub(super) fn refusal(mut conflicts: Vec<Conflict<'_>>) -> ApiError {
    conflicts.sort_by(|a, b| a.entry.manager.cmp(&b.entry.manager));
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    for conflict in &conflicts {
        let manager = named(conflict.entry);
        lines.push(format!("conflicts with {manager}:"));
        for path in conflict.fields.paths() {
            let field = display(&path);
            lines.push(format!("- {field}"));
            causes.push(json!({
                "reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field,
            }));
        }
    }
    let message = match causes.as_slice() {
        [one] => format!(
            "Apply failed with 1 conflict: {}: {}",
            one["message"].as_str().unwrap_or_default(),
            one["field"].as_str().unwrap_or_default()
        ),
        many => format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n")),
    };
    let mut error = ApiError::new(409, "Conflict", message);
    error.details = json!({"causes": causes});
    error
}
