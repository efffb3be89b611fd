//! Checks on writes beyond who may write which resource: what the written object would grant.

use serde_json::Value;

use super::{
    Attributes, Auth, MASTERS, UserInfo, node, node_restriction,
    rbac::{self, escalation},
};
use crate::error::ApiError;

/// A write about to happen.
pub(super) struct Write<'a> {
    pub(super) attributes: &'a Attributes<'a>,
    /// The state it would make; `None` on deletion.
    pub(super) object: Option<&'a Value>,
    /// The state it replaces.
    pub(super) old: Option<&'a Value>,
}

impl Write<'_> {
    fn changed(&self, fields: &[&str]) -> bool {
        let (Some(new), Some(old)) = (self.object, self.old) else { return true };
        fields.iter().any(|field| new.get(field).unwrap_or(&Value::Null) != old.get(field).unwrap_or(&Value::Null))
    }

    fn forbidden(&self, why: &str) -> ApiError {
        let name = node::requested_name(self.attributes, self.object);
        ApiError::forbidden(self.attributes.group, self.attributes.resource, name, why)
    }
}

/// Admits a write or says why not.
pub(super) fn admit(auth: &Auth, user: &UserInfo, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    if let Some(name) = node::name(user) {
        node_restriction::admit(&*auth.objects, name, write)?;
    }
    match (asked.group, asked.resource, asked.subresource, write.object) {
        (rbac::GROUP, "roles" | "clusterroles", "", Some(role)) => role_written(auth, user, write, role),
        (rbac::GROUP, "rolebindings" | "clusterrolebindings", "", Some(binding)) => {
            binding_written(auth, user, write, binding)
        }
        ("certificates.k8s.io", "certificatesigningrequests", subresource, Some(csr)) => {
            csr_written(auth, user, write, subresource, csr)
        }
        _ => Ok(()),
    }
}

fn role_written(auth: &Auth, user: &UserInfo, write: &Write<'_>, role: &Value) -> Result<(), ApiError> {
    if user.is_in(MASTERS) || !write.changed(&["rules", "aggregationRule"]) {
        return Ok(());
    }
    let asked = write.attributes;
    let name = node::requested_name(asked, write.object);
    if auth.authorize(user, &Attributes { verb: "escalate", name, ..asked.clone() }).allowed {
        return Ok(());
    }
    let view = auth.roles.view(&*auth.objects);
    escalation::confirm_role(&view.1, user, asked.namespace, role).map_err(|why| write.forbidden(&why))
}

fn binding_written(auth: &Auth, user: &UserInfo, write: &Write<'_>, binding: &Value) -> Result<(), ApiError> {
    if user.is_in(MASTERS) || !write.changed(&["roleRef", "subjects"]) {
        return Ok(());
    }
    let asked = write.attributes;
    let text = |path: &str| binding.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/roleRef/kind"), text("/roleRef/name"));
    let resource = if kind == "Role" { "roles" } else { "clusterroles" };
    if auth.authorize(user, &Attributes { verb: "bind", resource, name, ..asked.clone() }).allowed {
        return Ok(());
    }
    let view = auth.roles.view(&*auth.objects);
    // Without the role nobody can tell what the binding would grant once the role appears.
    let rules =
        view.1.role(kind, asked.namespace, name).map_err(|_| ApiError::not_found(rbac::GROUP, resource, name))?;
    escalation::confirm(&view.1, user, asked.namespace, &rules).map_err(|why| write.forbidden(&why))
}

fn csr_written(
    auth: &Auth,
    user: &UserInfo,
    write: &Write<'_>,
    subresource: &str,
    csr: &Value,
) -> Result<(), ApiError> {
    // The spec never changes after creation; the stored one is beyond doubt.
    let stored = write.old.unwrap_or(csr);
    let signer = stored.pointer("/spec/signerName").and_then(Value::as_str).unwrap_or_default();
    let verb = match subresource {
        "" if write.old.is_none() => return csr_subject(write, csr, signer),
        "approval" => "approve",
        "status" if csr.get("status") != stored.get("status") => "sign",
        _ => return Ok(()),
    };
    if may_on_signer(auth, user, verb, signer) {
        return Ok(());
    }
    Err(write.forbidden(&format!("user not permitted to {verb} requests with signerName {signer:?}")))
}

/// `approve` or `sign` on the signer itself, or on all signers of its domain.
fn may_on_signer(auth: &Auth, user: &UserInfo, verb: &str, signer: &str) -> bool {
    let wildcard = signer.split_once('/').map(|(domain, _)| format!("{domain}/*")).unwrap_or_default();
    [signer, &wildcard].into_iter().filter(|name| !name.is_empty()).any(|name| {
        let asked =
            Attributes { verb, group: "certificates.k8s.io", resource: "signers", name, ..Attributes::default() };
        auth.authorize(user, &asked).allowed
    })
}

/// A client certificate for `system:masters` would be beyond RBAC for its whole life.
fn csr_subject(write: &Write<'_>, csr: &Value, signer: &str) -> Result<(), ApiError> {
    if signer != "kubernetes.io/kube-apiserver-client" {
        return Ok(());
    }
    let masters = csr
        .get("spec")
        .and_then(|spec| crate::pki::csr::from_spec(spec).ok())
        .is_some_and(|request| request.organizations.iter().any(|o| o == MASTERS));
    if masters {
        return Err(write
            .forbidden("use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"));
    }
    Ok(())
}
