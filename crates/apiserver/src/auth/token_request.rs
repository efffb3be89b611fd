//! `TokenRequest`: minting `ServiceAccount` tokens.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ISSUER,
    claims::{self, Bound, Claims, Reference},
    node::account_of,
    objects::Objects,
    service_account,
};
use crate::{
    error::ApiError,
    field::FieldError,
    object,
    pki::{TokenKey, random},
};

const DEFAULT_SECONDS: i64 = 3600;
const MIN_SECONDS: i64 = 600;
/// Longer requests are granted this much: a token cannot be revoked by itself.
const MAX_SECONDS: i64 = 365 * 24 * 3600;

/// The `TokenRequest` with its status.
pub(super) fn answer(
    objects: &dyn Objects,
    key: &TokenKey,
    account: &Value,
    mut request: Value,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let seconds = validated_seconds(&request)?;
    let audiences = audiences(&request);
    let (namespace, name) = (object::namespace(account).to_owned(), object::name(account).to_owned());
    let mut kubernetes = Bound { namespace: namespace.clone(), serviceaccount: reference(account), ..Bound::default() };
    if let Some(bound) = request.pointer("/spec/boundObjectRef").filter(|b| !b.is_null()) {
        bind(objects, &mut kubernetes, account, bound)?;
    }
    let id = random::<16>().map_err(ApiError::internal)?;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: service_account::username(&namespace, &name),
        aud: audiences.clone(),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: now.as_second().saturating_add(seconds),
        jti: uuid::Builder::from_random_bytes(id).into_uuid().to_string(),
        kubernetes,
    };
    let token = claims::sign(key, &claims).map_err(ApiError::internal)?;
    let end = Timestamp::from_second(claims.exp).map_err(ApiError::internal)?;

    // The body may lack all of these; `rest` gives only JSON objects.
    for (path, fallback) in [("metadata", json!({})), ("spec", json!({}))] {
        if !request.get(path).is_some_and(Value::is_object) {
            request[path] = fallback;
        }
    }
    request["metadata"]["name"] = name.into();
    request["metadata"]["namespace"] = namespace.into();
    request["metadata"]["creationTimestamp"] = seconds_text(now).into();
    request["spec"]["audiences"] = json!(audiences);
    request["spec"]["expirationSeconds"] = seconds.into();
    request["status"] = json!({"token": token, "expirationTimestamp": seconds_text(end)});
    Ok(request)
}

/// RFC 3339 with whole seconds, as `metav1.Time`.
fn seconds_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn reference(object: &Value) -> Reference {
    Reference { name: object::name(object).to_owned(), uid: object::uid(object).to_owned() }
}

fn audiences(request: &Value) -> Vec<String> {
    let asked = request.pointer("/spec/audiences").and_then(Value::as_array).into_iter().flatten();
    let asked: Vec<String> = asked.filter_map(Value::as_str).map(str::to_owned).collect();
    if asked.is_empty() { vec![ISSUER.to_owned()] } else { asked }
}

fn validated_seconds(request: &Value) -> Result<i64, ApiError> {
    const PATH: &str = "spec.expirationSeconds";
    let seconds = match request.pointer("/spec/expirationSeconds") {
        None | Some(Value::Null) => DEFAULT_SECONDS,
        Some(value) => {
            value.as_i64().ok_or_else(|| ApiError::bad_request(format!("{PATH}: expected an integer, got {value}")))?
        }
    };
    let refuse = |why: &str| {
        let error = FieldError::invalid(PATH, seconds.into(), why);
        Err(ApiError::invalid("authentication.k8s.io", "TokenRequest", "", &[error]))
    };
    if seconds < MIN_SECONDS {
        return refuse("may not specify a duration less than 10 minutes");
    }
    if seconds > 1 << 32 {
        return refuse("may not specify a duration larger than 2^32 seconds");
    }
    Ok(seconds.min(MAX_SECONDS))
}

/// Binds the token to a Pod, Secret or Node that exists, and is the one that the caller means.
fn bind(objects: &dyn Objects, token: &mut Bound, account: &Value, bound: &Value) -> Result<(), ApiError> {
    let text = |field: &str| bound.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, name, account_name) = (text("kind"), text("name"), object::name(account));
    let (resource, namespace) = match (kind, text("apiVersion")) {
        ("Pod", "v1") => ("pods", token.namespace.as_str()),
        ("Secret", "v1") => ("secrets", token.namespace.as_str()),
        ("Node", "v1") => ("nodes", ""),
        _ => {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {account_name:?} to object kind {kind:?} of {:?}: use a Pod, Secret or Node of v1",
                text("apiVersion")
            )));
        }
    };
    let found = objects.get(resource, namespace, name).ok_or_else(|| ApiError::not_found("", resource, name))?;
    if !text("uid").is_empty() && text("uid") != object::uid(&found) {
        return Err(ApiError::conflict(
            "",
            resource,
            name,
            &format!(
                "the UID in the bound object reference ({}) does not match the UID in record. The object might have been deleted and then recreated",
                text("uid")
            ),
        ));
    }
    match kind {
        "Pod" => {
            if account_of(&found) != account_name {
                return Err(ApiError::bad_request(format!(
                    "cannot bind token for serviceaccount {account_name:?} to pod running with different serviceaccount name."
                )));
            }
            let node = found.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
            if !node.is_empty() {
                let uid = objects.get("nodes", "", node).map(|n| object::uid(&n).to_owned()).unwrap_or_default();
                token.node = Some(Reference { name: node.to_owned(), uid });
            }
            token.pod = Some(reference(&found));
        }
        "Secret" => token.secret = Some(reference(&found)),
        _ => token.node = Some(reference(&found)),
    }
    Ok(())
}
