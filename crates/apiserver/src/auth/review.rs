//! Reviews: questions to the authenticator and the authorizer, asked through the API.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{AUTHENTICATED, Attributes, Auth, ISSUER, MASTERS, UserInfo, node, rbac::Rule};
use crate::{error::ApiError, field::FieldError, object};

/// The review with its status.
pub(super) fn answer(
    auth: &Auth,
    user: &UserInfo,
    kind: &str,
    namespace: &str,
    mut review: Value,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let spec = review.get("spec").cloned().unwrap_or_default();
    let status = match kind {
        "TokenReview" => token(auth, &spec, now)?,
        "SubjectAccessReview" => {
            let subject = subject(&spec);
            validate_access(kind, &spec, Some(&subject), None)?;
            access(auth, &subject, &spec)
        }
        "LocalSubjectAccessReview" => {
            let subject = subject(&spec);
            let named = object::namespace(&review);
            if !named.is_empty() && named != namespace {
                return Err(ApiError::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            validate_access(kind, &spec, Some(&subject), Some(namespace))?;
            access(auth, &subject, &spec)
        }
        "SelfSubjectAccessReview" => {
            validate_access(kind, &spec, None, None)?;
            access(auth, user, &spec)
        }
        "SelfSubjectRulesReview" => rules(auth, user, &spec)?,
        "SelfSubjectReview" => json!({"userInfo": user_json(user)}),
        _ => return Err(ApiError::no_such_path()),
    };
    review["status"] = status;
    Ok(review)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn strings(value: &Value, field: &str) -> Vec<String> {
    let list = value.get(field).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `authentication.k8s.io` `UserInfo`.
fn user_json(user: &UserInfo) -> Value {
    let mut out = Map::new();
    out.insert("username".into(), user.username.as_str().into());
    if !user.uid.is_empty() {
        out.insert("uid".into(), user.uid.as_str().into());
    }
    if !user.groups.is_empty() {
        out.insert("groups".into(), json!(user.groups));
    }
    if !user.extra.is_empty() {
        out.insert("extra".into(), json!(user.extra));
    }
    Value::Object(out)
}

fn token(auth: &Auth, spec: &Value, now: Timestamp) -> Result<Value, ApiError> {
    let presented = text(spec, "token");
    if presented.is_empty() {
        return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
    }
    let asked = strings(spec, "audiences");
    let audiences: Vec<&str> = if asked.is_empty() { vec![ISSUER] } else { asked.iter().map(String::as_str).collect() };
    Ok(match auth.token_user(presented, &audiences, now) {
        Ok((mut user, granted)) => {
            user.join(AUTHENTICATED);
            json!({"authenticated": true, "user": user_json(&user), "audiences": granted})
        }
        Err(why) => {
            tracing::debug!(why, "reviewed token is refused");
            json!({"authenticated": false, "user": {}, "error": format!("invalid bearer token: {why}")})
        }
    })
}

/// The subject of a `SubjectAccessReview`.
fn subject(spec: &Value) -> UserInfo {
    let extra: BTreeMap<String, Vec<String>> = spec
        .get("extra")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        // The values are lists; header-style keys are lower-case everywhere.
        .map(|(key, _)| (key.to_lowercase(), strings(&spec["extra"], key)))
        .collect();
    UserInfo {
        username: text(spec, "user").into(),
        uid: text(spec, "uid").into(),
        groups: strings(spec, "groups"),
        extra,
    }
}

/// Validates the spec of an access review; `local` is the namespace of a `LocalSubjectAccessReview`.
fn validate_access(kind: &str, spec: &Value, subject: Option<&UserInfo>, local: Option<&str>) -> Result<(), ApiError> {
    let given = |field: &str| spec.get(field).filter(|v| v.is_object());
    let mut errors = Vec::new();
    match (given("resourceAttributes"), given("nonResourceAttributes")) {
        (Some(_), Some(other)) => errors.push(FieldError::invalid(
            "spec.nonResourceAttributes",
            other.clone(),
            "cannot be specified in combination with resourceAttributes",
        )),
        (None, None) => errors.push(FieldError::invalid(
            "spec.resourceAttributes",
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    if subject.is_some_and(|s| s.username.is_empty() && s.groups.is_empty()) {
        errors.push(FieldError::invalid("spec.user", "".into(), "at least one of user or group must be specified"));
    }
    if let Some(namespace) = local {
        if let Some(other) = given("nonResourceAttributes") {
            errors.push(FieldError::invalid(
                "spec.nonResourceAttributes",
                other.clone(),
                "disallowed on this kind of request",
            ));
        }
        if let Some(asked) = given("resourceAttributes").map(|a| text(a, "namespace")).filter(|n| *n != namespace) {
            errors.push(FieldError::invalid(
                "spec.resourceAttributes.namespace",
                asked.into(),
                "must match metadata.namespace",
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid("authorization.k8s.io", kind, "", &errors)) }
}

/// `SubjectAccessReviewStatus`.
fn access(auth: &Auth, subject: &UserInfo, spec: &Value) -> Value {
    let selector;
    let attributes = if let Some(asked) = spec.get("resourceAttributes").filter(|a| a.is_object()) {
        selector = field_selector(asked);
        Attributes {
            verb: text(asked, "verb"),
            group: text(asked, "group"),
            resource: text(asked, "resource"),
            subresource: text(asked, "subresource"),
            namespace: text(asked, "namespace"),
            name: text(asked, "name"),
            path: "",
            field_selector: &selector,
        }
    } else {
        let asked = &spec["nonResourceAttributes"];
        Attributes { verb: text(asked, "verb"), path: text(asked, "path"), ..Attributes::default() }
    };
    let decision = auth.authorize(subject, &attributes);
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    status
}

/// The field selector of `resourceAttributes`, as in a query.
fn field_selector(asked: &Value) -> String {
    let Some(selector) = asked.get("fieldSelector") else { return String::new() };
    let raw = text(selector, "rawSelector");
    if !raw.is_empty() {
        return raw.to_owned();
    }
    let requirements = selector.get("requirements").and_then(Value::as_array).into_iter().flatten();
    requirements
        .filter(|r| text(r, "operator") == "In")
        .filter_map(|r| match strings(r, "values").as_slice() {
            [one] => Some(format!("{}={one}", text(r, "key"))),
            _ => None,
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// `SubjectRulesReviewStatus`.
fn rules(auth: &Auth, user: &UserInfo, spec: &Value) -> Result<Value, ApiError> {
    let namespace = text(spec, "namespace");
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let (mut held, mut errors) = auth.roles.view(&*auth.objects).1.rules_for(user, namespace);
    if user.is_in(MASTERS) {
        held.push(Rule::resources(&["*"], &["*"], &["*"]));
        held.push(Rule::urls(&["*"], &["*"]));
    }
    let kubelet = node::name(user).is_some();
    if kubelet {
        errors.push("node authorizer does not support user rule resolution".to_owned());
    }
    // One rule may reach a user on several ways.
    let mut shown: Vec<Rule> = Vec::new();
    for rule in held {
        if !shown.contains(&rule) {
            shown.push(rule);
        }
    }
    let (of_urls, of_resources): (Vec<Rule>, Vec<Rule>) = shown.into_iter().partition(|r| !r.urls.is_empty());
    let mut status = json!({
        "resourceRules": of_resources.iter().map(Rule::to_json).collect::<Vec<_>>(),
        "nonResourceRules": of_urls.iter().map(Rule::to_json).collect::<Vec<_>>(),
        "incomplete": !errors.is_empty(),
    });
    if !errors.is_empty() {
        status["evaluationError"] = errors.join(", ").into();
    }
    Ok(status)
}
