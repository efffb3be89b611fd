//! The error of the API: a `meta/v1` Status (API conventions, "Response Status Kind").

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::field::FieldError;

/// A failed request, carried to the client as a `Status` object.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable `reason`; empty where Kubernetes gives none.
    pub reason: &'static str,
    /// For people: names the object, the field and the remedy.
    pub message: String,
    /// `details`, `Null` when absent.
    pub details: Value,
    /// `metadata` (a list's `continue` token), `Null` for none.
    pub metadata: Value,
}

impl ApiError {
    /// An error without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null, metadata: Value::Null }
    }

    fn named(mut self, group: &str, kind: &str, name: &str) -> Self {
        let mut d = Map::new();
        for (k, v) in [("name", name), ("group", group), ("kind", kind)] {
            if !v.is_empty() {
                d.insert(k.into(), v.into());
            }
        }
        self.details = Value::Object(d);
        self
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }
    /// 401 `Unauthorized`.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", message)
    }
    /// 403 `Forbidden`: `pods "x" is forbidden: why`. `resource` is the plural, with group (`machines.example.com`).
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let qualified = qualified(group, resource);
        let message = if name.is_empty() {
            format!("{qualified} is forbidden: {why}")
        } else {
            format!("{qualified} \"{name}\" is forbidden: {why}")
        };
        Self::new(403, "Forbidden", message).named(group, resource, name)
    }
    /// 404 `NotFound` of an object.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", qualified(group, resource)))
            .named(group, resource, name)
    }
    /// 404 of a path that no resource serves.
    pub fn no_such_path() -> Self {
        let mut e = Self::new(404, "NotFound", "the server could not find the requested resource");
        e.details = json!({});
        e
    }
    /// 405 `MethodNotAllowed`.
    pub fn method_not_allowed() -> Self {
        let mut e =
            Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        e.details = json!({});
        e
    }
    /// 406 `NotAcceptable`.
    pub fn not_acceptable(accepted: &str) -> Self {
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {accepted}"))
    }
    /// 409 `AlreadyExists`.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", qualified(group, resource)))
            .named(group, resource, name)
    }
    /// 409 `Conflict`: `Operation cannot be fulfilled on machines.example.com "x": why`.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", qualified(group, resource));
        Self::new(409, "Conflict", message).named(group, resource, name)
    }
    /// 410 `Expired`: a continue token or resourceVersion outside of the kept history.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }
    /// 413 `RequestEntityTooLarge`.
    pub fn too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }
    /// 415 `UnsupportedMediaType`.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
        )
    }
    /// 422 `Invalid` with one cause per field: `Machine.example.com "x" is invalid: …`.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let joined = match errors {
            [one] => one.to_string(),
            many => format!("[{}]", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {joined}", qualified(group, kind));
        let mut e = Self::new(422, "Invalid", message).named(group, kind, name);
        e.details["causes"] = errors.iter().map(FieldError::cause).collect();
        e
    }
    /// 429 `TooManyRequests` with `retryAfterSeconds`.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        let mut e = Self::new(429, "TooManyRequests", message);
        e.details = json!({"retryAfterSeconds": retry_after_seconds});
        e
    }
    /// 500 `InternalError`. The message must not carry secrets.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        let mut e = Self::new(500, "InternalError", format!("Internal error occurred: {message}"));
        e.details = json!({"causes": [{"message": message.to_string()}]});
        e
    }
    /// 503 `ServiceUnavailable`.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut s = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            s["reason"] = self.reason.into();
        }
        if !self.metadata.is_null() {
            s["metadata"] = self.metadata.clone();
        }
        if !self.details.is_null() {
            s["details"] = self.details.clone();
        }
        s
    }
}

fn qualified(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = http::StatusCode::from_u16(self.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let mut r = (code, axum::Json(self.status())).into_response();
        if let Some(seconds) = self.details.get("retryAfterSeconds").and_then(Value::as_u64) {
            r.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
        }
        r
    }
}
