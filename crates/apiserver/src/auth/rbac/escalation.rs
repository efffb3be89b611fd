//! Nobody grants what they do not hold (Kubernetes documentation, "Privilege escalation prevention and bootstrapping").

use serde_json::Value;

use super::{
    Rule, View,
    rule::{quoted, uncovered},
};
use crate::auth::UserInfo;

/// Everything there is.
fn everything() -> [Rule; 2] {
    [Rule::resources(&["*"], &["*"], &["*"]), Rule::urls(&["*"], &["*"])]
}

/// Whether `user` holds all of `wanted` in `namespace` (empty: cluster-wide); the error words what is missing.
pub(crate) fn confirm(view: &View, user: &UserInfo, namespace: &str, wanted: &[Rule]) -> Result<(), String> {
    let (held, errors) = view.rules_for(user, namespace);
    let missing = uncovered(&held, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let mut message = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.username,
        quoted(&user.groups),
        missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    );
    if !errors.is_empty() {
        message.push_str("; resolution errors: ");
        message.push_str(&errors.join(", "));
    }
    Err(message)
}

/// A written Role or `ClusterRole`.
pub(crate) fn confirm_role(view: &View, user: &UserInfo, namespace: &str, role: &Value) -> Result<(), String> {
    if role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array).is_some_and(|s| !s.is_empty()) {
        // Whoever labels a role later fills this one, so only who holds everything may write it.
        confirm(view, user, "", &everything())
            .map_err(|_| "must have cluster-admin privileges to use an aggregationRule".to_owned())?;
    }
    confirm(view, user, namespace, &Rule::list_from_json(role))
}
