//! From the verified claims of a `ServiceAccount` token to its user: the account, and what the token is bound to, must still
//! be the objects that they were.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    UserInfo,
    certificate::CREDENTIAL_ID,
    claims::{Claims, LEEWAY, Reference},
    objects::Objects,
};
use crate::object;

const PREFIX: &str = "system:serviceaccount:";

/// `system:serviceaccount:NAMESPACE:NAME`.
pub(super) fn username(namespace: &str, name: &str) -> String {
    format!("{PREFIX}{namespace}:{name}")
}

/// Namespace and name of a `ServiceAccount`'s user name.
pub(super) fn parse_username(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username.strip_prefix(PREFIX)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

/// The groups of all accounts in a namespace.
pub(super) fn groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

/// Whether deletion began longer ago than the leeway: until then, work that is being wound down may finish.
fn gone(object: &Value, now: Timestamp) -> bool {
    let deleted = object::meta_str(object, "deletionTimestamp");
    !deleted.is_empty()
        && deleted.parse::<Timestamp>().map_or(true, |at| at.as_second() < now.as_second().saturating_sub(LEEWAY))
}

/// Whom the claims name.
pub(super) fn user(objects: &dyn Objects, claims: &Claims, now: Timestamp) -> Result<UserInfo, String> {
    let bound = &claims.kubernetes;
    let (namespace, account) = (bound.namespace.as_str(), &bound.serviceaccount);
    if claims.sub != username(namespace, &account.name) {
        return Err("the token's subject and account differ".to_owned());
    }
    let still = |resource: &str, namespace: &str, wanted: &Reference| -> Result<(), String> {
        let found = objects.get(resource, namespace, &wanted.name);
        match found {
            Some(found) if object::uid(&found) == wanted.uid && !gone(&found, now) => Ok(()),
            _ => Err(format!("the token is bound to one of {resource} that does not exist any more")),
        }
    };
    still("serviceaccounts", namespace, account)?;
    let mut user = UserInfo {
        username: claims.sub.clone(),
        uid: account.uid.clone(),
        groups: groups(namespace),
        extra: [(CREDENTIAL_ID.to_owned(), vec![format!("JTI={}", claims.jti)])].into(),
    };
    let mut add = |key: &str, value: &str| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
    };
    if let Some(secret) = &bound.secret {
        still("secrets", namespace, secret)?;
    }
    if let Some(pod) = &bound.pod {
        still("pods", namespace, pod)?;
        add("pod-name", &pod.name);
        add("pod-uid", &pod.uid);
    }
    if let Some(node) = &bound.node {
        // The node of a bound pod is told, but only a token bound to the node itself ends with it.
        if bound.pod.is_none() {
            still("nodes", "", node)?;
        }
        add("node-name", &node.name);
        if !node.uid.is_empty() {
            add("node-uid", &node.uid);
        }
    }
    Ok(user)
}
