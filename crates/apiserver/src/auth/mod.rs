//! Authentication and authorization.
//!
//! Who asks: a client certificate of our CA (CN = user, O = groups), a `ServiceAccount` JWT of ours whose account (and bound
//! object) still exists, or a bootstrap token. Nobody else: `system:anonymous`, when nothing was presented; a
//! credential that was presented and is wrong is 401. May they: RBAC over the stored roles and bindings, plus the node
//! authorizer for kubelets.
//!
//! Invariants:
//! - what an unauthenticated client sends is never allocated for beyond its own size, and never logged;
//! - every 401 says the same to the client, whatever was wrong;
//! - decisions are pure functions over stored objects and a given time; only this file asks the store for them.

mod admission;
mod bootstrap_token;
pub(crate) mod certificate;
mod claims;
mod impersonation;
mod node;
mod node_restriction;
mod objects;
mod oidc;
mod policy;
mod rbac;
mod review;
mod service_account;
#[cfg(test)]
mod tests;
mod token_request;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use policy::bootstrap_objects;
pub(crate) use rbac::aggregation::outdated as outdated_roles;

use crate::{error::ApiError, pki::Pki, store::Store};
use objects::Objects;

/// The issuer of `ServiceAccount` tokens, and the audience of the API server itself.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Who presented nothing.
pub const ANONYMOUS: &str = "system:anonymous";
/// Group of everyone who presented something.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Group of everyone else.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Group that may do everything, whatever the stored roles say.
pub const MASTERS: &str = "system:masters";

/// An authenticated user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// Name, `system:serviceaccount:ns:name`.
    pub username: String,
    /// UID, where the authenticator knows one.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Extra, e.g. `authentication.kubernetes.io/pod-name`.
    pub extra: std::collections::BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Who presented nothing.
    pub fn anonymous() -> Self {
        Self { username: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// In this group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }

    fn join(&mut self, group: &str) {
        if !self.is_in(group) {
            self.groups.push(group.to_owned());
        }
    }
}

/// What is asked, as the authorizer sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the lower-case HTTP method for
    /// non-resource paths; or a special verb (`approve`, `sign`, `bind`, `escalate`).
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// Resource plural; empty for non-resource requests.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Object name.
    pub name: &'a str,
    /// Path of a non-resource request.
    pub path: &'a str,
    /// The field selector of a list or watch, as it came in the query. Kubelets may list only with one.
    pub field_selector: &'a str,
}

/// The authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allowed.
    pub allowed: bool,
    /// Why, e.g. `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
    pub reason: String,
}

/// Authenticator and authorizer over the store.
pub struct Auth {
    objects: Arc<dyn Objects>,
    pki: Arc<Pki>,
    roles: rbac::Cache,
}

impl Auth {
    /// Over this store and these keys.
    pub fn new(store: Store, pki: Arc<Pki>) -> Self {
        Self::over(Arc::new(store), pki)
    }

    fn over(objects: Arc<dyn Objects>, pki: Arc<Pki>) -> Self {
        Self { objects, pki, roles: rbac::Cache::new() }
    }

    /// Who asks. `client_certificate` is the leaf that the client proved to hold, in DER. Handles impersonation headers in
    /// `headers` (needs `impersonate`).
    pub fn authenticate(
        &self,
        client_certificate: Option<&[u8]>,
        headers: &http::HeaderMap,
        now: Timestamp,
    ) -> Result<UserInfo, ApiError> {
        let user = self.identify(client_certificate, headers, now).map_err(|why| {
            tracing::debug!(why, "request not authenticated");
            ApiError::unauthorized("Unauthorized")
        })?;
        match impersonation::requested(headers)? {
            None => Ok(user),
            Some(request) => {
                for attributes in request.attributes() {
                    self.require(&user, &attributes)?;
                }
                Ok(request.into_user())
            }
        }
    }

    /// Whoever the first good credential names: the certificate, then the token.
    fn identify(
        &self,
        client_certificate: Option<&[u8]>,
        headers: &http::HeaderMap,
        now: Timestamp,
    ) -> Result<UserInfo, String> {
        let by_certificate = client_certificate.map(|der| certificate::user(&self.pki, der, now));
        let mut user = match (by_certificate, bearer(headers)) {
            (Some(Ok(user)), _) => user,
            (failed, Some(token)) => match (self.token_user(&token, &[ISSUER], now), failed) {
                (Ok((user, _)), _) => user,
                (Err(why), Some(Err(first))) => return Err(format!("{first}; {why}")),
                (Err(why), _) => return Err(why),
            },
            (Some(Err(why)), None) => return Err(why),
            (None, None) => return Ok(UserInfo::anonymous()),
        };
        user.join(AUTHENTICATED);
        Ok(user)
    }

    /// Whom a token names, and which of these audiences it is for; without `system:authenticated`.
    fn token_user(&self, token: &str, audiences: &[&str], now: Timestamp) -> Result<(UserInfo, Vec<String>), String> {
        if bootstrap_token::is_one(token) {
            // Bootstrap tokens know no audience: they are for this server only.
            if !audiences.contains(&ISSUER) {
                return Err("bootstrap tokens are for the API server only".to_owned());
            }
            let user = bootstrap_token::user(&*self.objects, token, now)?;
            return Ok((user, vec![ISSUER.to_owned()]));
        }
        let claims = claims::verify(self.pki.token_key(), token, ISSUER, audiences, now).map_err(|e| e.to_string())?;
        let user = service_account::user(&*self.objects, &claims, now)?;
        Ok((user, claims.aud.into_iter().filter(|a| audiences.contains(&a.as_str())).collect()))
    }

    /// May they.
    pub fn authorize(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        if user.is_in(MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let mut reasons = Vec::new();
        if let Some(node) = node::name(user) {
            match node::authorize(&*self.objects, node, attributes) {
                Ok(()) => return Decision { allowed: true, reason: String::new() },
                Err(why) if why.is_empty() => {}
                Err(why) => reasons.push(why),
            }
        }
        let decision = self.roles.view(&*self.objects).1.authorize(user, attributes);
        if decision.allowed {
            return decision;
        }
        if !decision.reason.is_empty() {
            reasons.push(decision.reason);
        }
        Decision { allowed: false, reason: reasons.join("\n") }
    }

    /// 403 with Kubernetes' words unless allowed.
    pub fn require(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Result<(), ApiError> {
        let decision = self.authorize(user, attributes);
        if decision.allowed { Ok(()) } else { Err(refusal(user, attributes, &decision.reason)) }
    }

    /// Answers a review that is created and never stored: `TokenReview`, `SubjectAccessReview`, `LocalSubjectAccessReview`,
    /// `SelfSubjectAccessReview`, `SelfSubjectRulesReview`, `SelfSubjectReview`. Returns the object with its status.
    pub fn review(
        &self,
        user: &UserInfo,
        kind: &str,
        namespace: &str,
        review: Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        review::answer(self, user, kind, namespace, review, now)
    }

    /// `serviceaccounts/NAME/token`: a `TokenRequest` for `account` (the stored `ServiceAccount`).
    pub fn token_request(&self, account: &Value, request: Value, now: Timestamp) -> Result<Value, ApiError> {
        token_request::answer(&*self.objects, self.pki.token_key(), account, request, now)
    }

    /// Checks beyond RBAC on writes, called by `rest` after authorization and before commit: RBAC escalation (a role or
    /// binding may not grant what its writer lacks, unless `escalate`/`bind`), CSR `approve`/`sign` on signer names,
    /// the node restriction (a kubelet changes only its own Node and Lease).
    pub fn admit(
        &self,
        user: &UserInfo,
        attributes: &Attributes<'_>,
        object: Option<&Value>,
        old: Option<&Value>,
    ) -> Result<(), ApiError> {
        admission::admit(self, user, &admission::Write { attributes, object, old })
    }

    /// `/.well-known/openid-configuration`: where verifiers of our tokens find the keys.
    pub fn openid_configuration(&self, server_url: &str) -> Value {
        oidc::configuration(server_url)
    }

    /// `/openid/v1/jwks`: the public keys of `ServiceAccount` tokens (`application/jwk-set+json`).
    pub fn jwks(&self) -> Value {
        oidc::keys(self.pki.token_key())
    }
}

/// The token of an `Authorization: Bearer` header. Other schemes are not for us, and count as nothing presented.
fn bearer(headers: &http::HeaderMap) -> Option<String> {
    // Lossy: a token that is not text is still a token, and wrong.
    let value = String::from_utf8_lossy(headers.get(http::header::AUTHORIZATION)?.as_bytes());
    let mut words = value.trim().split(' ');
    let scheme = words.next()?;
    let token = words.next()?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`.
fn refusal(user: &UserInfo, asked: &Attributes<'_>, reason: &str) -> ApiError {
    let Attributes { verb, group, resource, subresource, namespace, name, path, .. } = asked;
    let who = format!("User {:?} cannot {verb}", user.username);
    let mut why = if resource.is_empty() {
        format!("{who} path {path:?}")
    } else {
        let what = if subresource.is_empty() { (*resource).to_owned() } else { format!("{resource}/{subresource}") };
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {namespace:?}")
        };
        format!("{who} resource {what:?} in API group {group:?} {place}")
    };
    if !reason.is_empty() {
        why = format!("{why}: {reason}");
    }
    if resource.is_empty() {
        let mut error = ApiError::new(403, "Forbidden", format!("forbidden: {why}"));
        error.details = serde_json::json!({});
        error
    } else {
        ApiError::forbidden(group, resource, name, &why)
    }
}
