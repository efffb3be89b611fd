//! What is answered without being stored, or is a view of something stored: reviews, tokens, scale.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{
    answer::{Answer, served, to_json},
    decode, media,
    options::WriteOptions,
    pipeline::Call,
};
use crate::{
    error::ApiError,
    kinds::scale::{apply_scale, scale_of},
    object,
};

fn decoded(call: &Call, body: &Bytes) -> Result<Value, ApiError> {
    let kind = media::body_type(call.header(header::CONTENT_TYPE), false)?;
    let decoded = decode::decode(body, kind)
        .map_err(|e| ApiError::bad_request(format!("the object provided is unrecognized: {e}")))?;
    if !decoded.value.is_object() {
        return Err(ApiError::bad_request("the object provided is unrecognized: the body must be a JSON object"));
    }
    Ok(decoded.value)
}

/// The body of a subresource with a kind of its own, in one of these versions.
pub(super) fn of_kind(call: &Call, body: &Bytes, versions: &[&str], kind: &str) -> Result<Value, ApiError> {
    let mut value = decoded(call, body)?;
    for (field, accepted) in [("apiVersion", versions), ("kind", &[kind])] {
        let expected = accepted.first().copied().unwrap_or_default();
        match value.get(field).and_then(Value::as_str).unwrap_or_default() {
            "" => value[field] = expected.into(),
            sent if accepted.contains(&sent) => {}
            sent => {
                return Err(ApiError::bad_request(format!(
                    "the {field} in the data ({sent}) does not match the expected {field} ({expected})"
                )));
            }
        }
    }
    Ok(value)
}

/// `TokenReview`, `SubjectAccessReview` and their relatives.
pub(super) fn review(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let options = WriteOptions::read(&call.query, "CreateOptions", false)?;
    let review = call.body_object(body, options.validation)?;
    let auth = &call.api.inner.auth;
    let answer = auth.review(&call.user, &call.resource.kind, &call.path.namespace, review, call.now)?;
    Ok(Answer::Plain(StatusCode::CREATED, answer))
}

/// `serviceaccounts/NAME/token`.
pub(super) fn token(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let options = WriteOptions::read(&call.query, "CreateOptions", false)?;
    let request = of_kind(call, body, &["authentication.k8s.io/v1"], "TokenRequest")?;
    let account = served(&call.resource, &*call.stored()?);
    // A token is a credential: what a kubelet may ask for is narrower than what RBAC and the node authorizer can say.
    call.api.inner.auth.admit(&call.user, &call.attributes(), Some(&request), None)?;
    let answer = call.api.inner.auth.token_request(&account, request, call.now)?;
    // A dry run must not hand out a working credential.
    if options.dry_run {
        let mut answer = answer;
        answer["status"]["token"] = "".into();
        return Ok(Answer::Plain(StatusCode::CREATED, answer));
    }
    Ok(Answer::Plain(StatusCode::CREATED, answer))
}

/// `deployments/NAME/scale` and its like: `autoscaling/v1` Scale as a view of the replicas.
pub(super) async fn scale(call: &mut Call, body: Bytes) -> Result<Answer, ApiError> {
    let paths = call.resource.strategy.scale_paths().ok_or_else(ApiError::no_such_path)?;
    let object = served(&call.resource, &*call.stored()?);
    if call.verb == "get" {
        return Ok(Answer::Plain(StatusCode::OK, scale_of(&paths, &object)));
    }
    let mut wanted = scale_of(&paths, &object);
    if call.verb == "patch" {
        match media::patch_type(call.header(header::CONTENT_TYPE), true)? {
            media::PatchType::Json => crate::patch::json_patch(&mut wanted, &body)?,
            media::PatchType::Merge => {
                let patch = decode::decode(&body, media::BodyType::Json)
                    .map_err(|e| ApiError::bad_request(format!("error decoding patch: {e}")))?;
                crate::patch::merge_patch(&mut wanted, &patch.value);
            }
            _ => {
                let accepted = "application/json-patch+json, application/merge-patch+json";
                return Err(ApiError::unsupported_media_type(accepted));
            }
        }
        if !wanted.is_object() {
            return Err(ApiError::bad_request("the patched Scale is not a JSON object"));
        }
        // Patched on the newest state: only a resourceVersion that the patch itself brought is a precondition.
        if object::resource_version(&wanted) == object::resource_version(&object) {
            object::set_meta(&mut wanted, "resourceVersion", "");
        }
    } else {
        wanted = of_kind(call, &body, &["autoscaling/v1"], "Scale")?;
    }
    // The change itself is a merge patch of the object, with its validation, ownership and conflicts.
    let mut patch = json!({});
    apply_scale(&paths, &mut patch, &wanted)?;
    let version = object::resource_version(&wanted);
    if !version.is_empty() {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    call.path.subresource.clear();
    call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"));
    match call.patch(&to_json(&patch)).await? {
        Answer::Stored(code, stored) => Ok(Answer::Plain(code, scale_of(&paths, &served(&call.resource, &stored)))),
        Answer::Object(code, object) => Ok(Answer::Plain(code, scale_of(&paths, &object))),
        other => Ok(other),
    }
}
