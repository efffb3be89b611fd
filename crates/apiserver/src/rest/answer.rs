//! Answers on their way out: shape (object, table, metadata only), encoding, warnings.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{
    decode,
    media::{Encoding, Shape},
    pages,
    pipeline::Call,
};
use crate::{
    error::ApiError,
    kinds::{
        Resource,
        table::{self, Include},
    },
    object,
    store::Stored,
};

/// What a verb answers.
pub(super) enum Answer {
    /// An object of the resource's own kind, as JSON of the served version.
    Stored(StatusCode, Arc<Stored>),
    /// An object of the resource's own kind, not (or not any more) in the store.
    Object(StatusCode, Value),
    /// Anything else: a Status, a review, a Scale. Never shaped.
    Plain(StatusCode, Value),
    /// A list.
    List(pages::List),
    /// Ready to go.
    Response(Response),
}

/// The object in the served version.
pub(super) fn served(resource: &Resource, stored: &Stored) -> Value {
    let object = stored.object();
    if resource.strategy.stored_as_served() { object } else { resource.strategy.from_storage(object) }
}

/// The object in the served version as JSON; no parsing where stored and served form are one.
pub(super) fn served_json(resource: &Resource, stored: &Stored) -> Bytes {
    if resource.strategy.stored_as_served() {
        stored.json.clone()
    } else {
        to_json(&resource.strategy.from_storage(stored.object()))
    }
}

/// Compact JSON.
pub(super) fn to_json(value: &Value) -> Bytes {
    serde_json::to_vec(value).expect("JSON values serialise").into()
}

/// `Status` of a success.
pub(super) fn success(details: Value) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    if !details.is_null() {
        status["details"] = details;
    }
    status
}

impl Answer {
    /// Turns the answer into a response.
    pub(super) async fn render(self, call: &Call) -> Result<Response, ApiError> {
        let mut response = match self {
            Self::Response(response) => response,
            Self::List(list) => list.render(call).await?,
            Self::Plain(code, value) => encode(call, code, &value)?,
            Self::Stored(code, stored) => {
                let plain =
                    call.accept.shape == Shape::Object && call.accept.encoding == Encoding::Json && !call.pretty();
                if plain {
                    json_response(code, Body::from(served_json(&call.resource, &stored)))
                } else {
                    shaped(call, code, served(&call.resource, &stored))?
                }
            }
            Self::Object(code, value) => shaped(call, code, value)?,
        };
        for text in &call.warnings {
            if let Some(value) = warning(text) {
                response.headers_mut().append(header::WARNING, value);
            }
        }
        Ok(response)
    }
}

fn shaped(call: &Call, code: StatusCode, object: Value) -> Result<Response, ApiError> {
    match call.accept.shape {
        Shape::Object => encode(call, code, &object),
        Shape::Metadata => encode(call, code, &table::partial(&object)),
        Shape::Table => {
            let meta = json!({"resourceVersion": object::resource_version(&object)});
            let table = table::table(&call.resource, &[object], meta, call.include()?, true, call.now);
            encode(call, code, &table)
        }
    }
}

/// Encodes as the client wants it.
pub(super) fn encode(call: &Call, code: StatusCode, value: &Value) -> Result<Response, ApiError> {
    match call.accept.encoding {
        Encoding::Json if call.pretty() => {
            let text = serde_json::to_vec_pretty(value).map_err(ApiError::internal)?;
            Ok(json_response(code, Body::from(text)))
        }
        Encoding::Json => Ok(json_response(code, Body::from(to_json(value)))),
        Encoding::Yaml => {
            let text = decode::to_yaml(value).map_err(ApiError::internal)?;
            let mut response = json_response(code, Body::from(text));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
            Ok(response)
        }
    }
}

/// A JSON response.
pub(super) fn json_response(code: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Objects may hold secrets, and answers differ by user and `Accept`.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// RFC 7234 section 5.5 as Kubernetes uses it: code 299, agent `-`, a quoted text. Lines and what is not printable ASCII
/// cannot stand in a header.
fn warning(text: &str) -> Option<HeaderValue> {
    let mut quoted = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
}

impl Call {
    /// What table rows carry.
    pub(super) fn include(&self) -> Result<Include, ApiError> {
        let text = self.query.text("includeObject");
        Include::parse(text).ok_or_else(|| {
            ApiError::bad_request(format!(
                "unrecognized includeObject value: {text:?}: it must be None, Metadata or Object"
            ))
        })
    }
    /// `?pretty=true`.
    pub(super) fn pretty(&self) -> bool {
        self.query.flag("pretty") == Some(true)
    }
}
