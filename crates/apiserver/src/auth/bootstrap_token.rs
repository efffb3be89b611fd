//! Bootstrap tokens (Kubernetes documentation, "Authenticating with Bootstrap Tokens"): `ID.SECRET`, kept as Secrets of
//! type `bootstrap.kubernetes.io/token` in kube-system.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value;

use super::{UserInfo, objects::Objects};
use crate::object;

const GROUP: &str = "system:bootstrappers";

fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let alphabet = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (id.len() == 6 && secret.len() == 16 && alphabet(id) && alphabet(secret)).then_some((id, secret))
}

/// Has the form of a bootstrap token.
pub(super) fn is_one(token: &str) -> bool {
    parts(token).is_some()
}

/// Whom the token names.
pub(super) fn user(objects: &dyn Objects, token: &str, now: Timestamp) -> Result<UserInfo, String> {
    let (id, secret) = parts(token).ok_or("not a bootstrap token")?;
    // Secret names derive from ids, so that a lookup by an attacker's id reads nothing but bootstrap tokens.
    let stored = objects
        .get("secrets", "kube-system", &format!("bootstrap-token-{id}"))
        .ok_or_else(|| "the bootstrap token is unknown".to_owned())?;
    check(&stored, id, secret, now).map_err(str::to_owned)
}

fn check(stored: &Value, id: &str, secret: &str, now: Timestamp) -> Result<UserInfo, &'static str> {
    let field = |name: &str| -> Option<Vec<u8>> { STANDARD.decode(stored.get("data")?.get(name)?.as_str()?).ok() };
    let text = |name: &str| field(name).and_then(|b| String::from_utf8(b).ok());
    if stored.get("type").and_then(Value::as_str) != Some("bootstrap.kubernetes.io/token") {
        return Err("the Secret is not a bootstrap token");
    }
    if object::is_deleting(stored) {
        return Err("the bootstrap token is being deleted");
    }
    let expected = field("token-secret").unwrap_or_default();
    if expected.is_empty() || verify_slices_are_equal(&expected, secret.as_bytes()).is_err() {
        return Err("the bootstrap token's secret is wrong");
    }
    if text("token-id").as_deref() != Some(id) {
        return Err("the bootstrap token's id differs from its name");
    }
    if let Some(end) = text("expiration").filter(|e| !e.is_empty()) {
        let end: Timestamp = end.parse().map_err(|_| "the bootstrap token's expiration is not a time")?;
        if end <= now {
            return Err("the bootstrap token has expired");
        }
    }
    if text("usage-bootstrap-authentication").as_deref() != Some("true") {
        return Err("the bootstrap token is not for authentication");
    }
    let mut groups = vec![GROUP.to_owned()];
    for group in text("auth-extra-groups").unwrap_or_default().split(',').map(str::trim).filter(|g| !g.is_empty()) {
        if !is_extra_group(group) {
            return Err("the bootstrap token names a group that is not a bootstrapper's");
        }
        if !groups.iter().any(|g| g == group) {
            groups.push(group.to_owned());
        }
    }
    Ok(UserInfo { username: format!("system:bootstrap:{id}"), groups, ..UserInfo::default() })
}

/// `system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]`: a token must not lead into groups of others.
fn is_extra_group(group: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    group.strip_prefix("system:bootstrappers:").is_some_and(|rest| {
        rest.len() <= 256
            && rest.bytes().last().is_some_and(alphanumeric)
            && rest.bytes().all(|b| alphanumeric(b) || b == b':' || b == b'-')
    })
}
